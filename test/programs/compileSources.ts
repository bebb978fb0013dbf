/** Prints what the compiler says about modules, with the settings of this repository: apart, because it takes its time. */
import { resolve } from "node:path"
import ts from "typescript"

const paths = process.argv.slice(2)
const { config } = ts.readConfigFile("tsconfig.json", (path) => ts.sys.readFile(path))
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, resolve("."))
const program = ts.createProgram(paths, { ...options, incremental: false, noEmit: true })
const said = paths.flatMap((path) => {
  const source = program.getSourceFile(path)!
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) =>
    ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")
  )
})
process.stdout.write(JSON.stringify(said))
