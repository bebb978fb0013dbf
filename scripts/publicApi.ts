/**
 * The public surface as a text, a line for each export of each module: what it is, and its type where it has one. A change of it shows in the
 * diff of a commit.
 */
import { basename } from "node:path"
import ts from "typescript"

const kindOf = (symbol: ts.Symbol): string =>
  symbol.flags & ts.SymbolFlags.Class
    ? "class"
    : symbol.flags & ts.SymbolFlags.Variable || symbol.flags & ts.SymbolFlags.Function
    ? "const"
    : symbol.flags & ts.SymbolFlags.Interface
    ? "interface"
    : "type"

export const publicApi = (modules: ReadonlyArray<string>): string => {
  const files = modules.map((module) => `src/${module}.ts`)
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    skipLibCheck: true,
    noEmit: true
  })
  const checker = program.getTypeChecker()
  const lines = files.flatMap((file) => {
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!)
    return exported.map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      return `${basename(file, ".ts")}.${symbol.name}: ${kindOf(target)}`
    }).sort()
  })
  return `${lines.join("\n")}\n`
}
