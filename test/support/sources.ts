/**
 * Sources that were written by a program: whether they compile, and what they export.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import ts from "typescript"

/** Has the text as a module of this repository, as long as `use` runs. */
const withModule = async <A>(text: string, use: (path: string) => A | Promise<A>): Promise<A> => {
  mkdirSync(".tmp", { recursive: true })
  const folder = mkdtempSync(resolve(".tmp", "source-"))
  try {
    const path = join(folder, "source.ts")
    writeFileSync(path, text)
    return await use(path)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What the compiler says about a module, with the settings of this repository. */
export const compile = (text: string): ReadonlyArray<string> => {
  const { config } = ts.readConfigFile("tsconfig.json", (path) => ts.sys.readFile(path))
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, resolve("."))
  const path = resolve(".tmp", "compiled.ts")
  const host = ts.createCompilerHost({ ...options, incremental: false })
  const { fileExists, getSourceFile } = host
  host.fileExists = (file) => file === path || fileExists.call(host, file)
  host.getSourceFile = (file, target) =>
    file === path ? ts.createSourceFile(file, text, target, true) : getSourceFile.call(host, file, target)
  const program = ts.createProgram([path], { ...options, incremental: false, noEmit: true }, host)
  const source = program.getSourceFile(path)!
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) =>
    ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")
  )
}

/** What a module exports. */
export const load = (text: string): Promise<Record<string, unknown>> =>
  withModule(text, (path) => import(pathToFileURL(path).href) as Promise<Record<string, unknown>>)
