/**
 * What should not be captured any more is marked by the compiler where it is captured.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import ts from "typescript"

describe("an event that should not be captured any more", () => {
  it("is marked by the compiler, and no other is", () => {
    const file = resolve("dtslint/declared.ts")
    const { config } = ts.readConfigFile("tsconfig.json", (path) => readFileSync(path, "utf8"))
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd())
    const service = ts.createLanguageService({
      readFile: ts.sys.readFile,
      fileExists: ts.sys.fileExists,
      directoryExists: ts.sys.directoryExists,
      getCurrentDirectory: ts.sys.getCurrentDirectory,
      getCompilationSettings: () => options,
      getScriptFileNames: () => [file],
      getScriptVersion: () => "1",
      getScriptSnapshot: (path) => {
        const text = ts.sys.readFile(path)
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
      },
      getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options)
    })
    // A signature is deprecated.
    const marked = service.getSuggestionDiagnostics(file).filter(({ code }) => code === 6387)
    const text = readFileSync(file, "utf8")
    const lines = marked.map(({ start }) => text.slice(start).split("\n")[0])
    assert.isNotEmpty(lines)
    assert.isTrue(text.slice(0, marked[0]!.start).endsWith("PostHog."), String(lines))
    for (const { start } of marked) assert.match(text.slice(start, start + 30), /^capture\(Old/)
  }, 120_000)
})
