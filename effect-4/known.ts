/**
 * What the installed Effect 4 exports: read from the types of the packages, so that values and types count alike.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import type { Known } from "./translate.js"

const packages = join(dirname(fileURLToPath(import.meta.url)), "node_modules")

/** The types of a module such as `effect/http/HttpClient`; `undefined` when there is none. */
const fileOf = (module: string): string | undefined => {
  const [, name, path = "index"] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.+))?$/.exec(module) ?? []
  if (name === undefined) return undefined
  return [`${path}.d.ts`, `${path}/index.d.ts`].map((file) => join(packages, name, "dist", file)).find(existsSync)
}

const exportsOf = (file: string): ReadonlySet<string> => {
  const names = new Set<string>()
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest)
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause, moduleSpecifier } = statement
      if (exportClause === undefined) {
        const from = (moduleSpecifier as ts.StringLiteral).text
        if (from.startsWith(".")) {
          for (const name of exportsOf(join(dirname(file), from.replace(/\.[jt]s$/, ".d.ts")))) {
            names.add(name)
          }
        }
      } else if (ts.isNamespaceExport(exportClause)) names.add(exportClause.name.text)
      else for (const { name } of exportClause.elements) names.add(name.text)
      continue
    }
    if (!ts.canHaveModifiers(statement)) continue
    if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) if (ts.isIdentifier(name)) names.add(name.text)
      continue
    }
    const { name } = statement as ts.Statement & { readonly name?: ts.Node }
    if (name !== undefined && ts.isIdentifier(name)) names.add(name.text)
  }
  return names
}

/** What is asked for again and again is read once. */
export const makeKnown = (): Known => {
  const read = new Map<string, ReadonlySet<string>>()
  const of = (module: string): ReadonlySet<string> => {
    let names = read.get(module)
    if (names === undefined) {
      const file = fileOf(module)
      names = file === undefined ? new Set() : exportsOf(file)
      read.set(module, names)
    }
    return names
  }
  return { module: (name) => fileOf(name) !== undefined, member: (module, name) => of(module).has(name) }
}
