/**
 * The rules of the house that a reader of the sources relies on, see CONTRIBUTING.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import ts from "typescript"

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
  .map((name) => join("src", name))

const sources = new Map(files.map((file) => {
  const text = readFileSync(file, "utf8")
  return [file, { text, tree: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true) }]
}))

/** What a file imports or exports again from this library, types included. */
const importsOf = (file: string): ReadonlyArray<string> =>
  sources.get(file)!.tree.statements.flatMap((statement) => {
    const specifier = ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)
      ? statement.moduleSpecifier
      : undefined
    return specifier !== undefined && ts.isStringLiteral(specifier) && specifier.text.startsWith(".")
      ? [normalize(join(dirname(file), specifier.text.replace(/\.js$/, ".ts")))]
      : []
  })

/** Says why a long file or function is one: in the comment at the head of the file. */
const reason = /\bLong because\b/

const headOf = (file: string): string => /^\/\*\*[\s\S]*?\*\//.exec(sources.get(file)!.text)?.[0] ?? ""

const linesOf = (text: string): number => text.split("\n").length

describe("the house", () => {
  it("has no circles of imports", () => {
    const done = new Set<string>()
    const circles: Array<string> = []
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      if (path.includes(file)) {
        circles.push([...path.slice(path.indexOf(file)), file].join(" → "))
        return
      }
      if (done.has(file)) return
      for (const imported of importsOf(file)) {
        assert.isTrue(sources.has(imported), `${file} imports ${imported}`)
        visit(imported, [...path, file])
      }
      done.add(file)
    }
    for (const file of files) visit(file, [])
    assert.deepStrictEqual(circles, [])
    assert.isAbove(done.size, 100)
  })

  it("has no function over 160 lines and no file over 400, unless its head says why", () => {
    const long: Array<string> = []
    for (const [file, { text, tree }] of sources) {
      if (reason.test(headOf(file)) || file === join("src", "index.ts")) continue
      if (linesOf(text) > 401) long.push(`${file}: ${linesOf(text)} lines`)
      const visit = (node: ts.Node): void => {
        if (ts.isFunctionLike(node)) {
          const lines = linesOf(node.getText())
          if (lines > 160) long.push(`${file}: a function of ${lines} lines`)
        }
        ts.forEachChild(node, visit)
      }
      visit(tree)
    }
    assert.deepStrictEqual(long, [])
  })

  it("has no line over the width of the formatter, which does not wrap comments", () => {
    const { lineWidth } = JSON.parse(readFileSync("dprint.json", "utf8")) as { readonly lineWidth: number }
    // Regular expressions, texts and programs in comments cannot be wrapped.
    const cannotBeWrapped =
      /^\s*(?:\/[^/*].*\/[a-z]*[,)]*|["'`].*|\* .*(?:https?:\/\/|=> |= ).*|.*(?:["'`]|\/[a-z]+)[,)]*)$/
    const wide = Array.from(sources).flatMap(([file, { text }]) =>
      text.split("\n").flatMap((line, index) =>
        Array.from(line).length > lineWidth && !cannotBeWrapped.test(line) ? [`${file}:${index + 1}`] : []
      )
    )
    assert.deepStrictEqual(wide, [])
  })
})
