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

/**
 * What Effect 3 has and Effect 4 has not, or has with another meaning. What is only called otherwise there, such as
 * `Effect.zipRight`, is no matter of the seam.
 */
const effect3: ReadonlyArray<RegExp> = [
  // fiber
  /\bwithFiberRuntime\b/,
  /\bcurrentContext\b/,
  /\bFiberRef\.|\bFiberRefs\b|\bgetFiberRefs\b|\blocallyScoped\b/,
  /\bFiberId\b|\.unsafeInterruptAsFork\(/,
  /\bDefaultServices\.|"effect\/DefaultServices"/,
  /\bglobalValue\b/,
  // cause
  /\bCause\.(?:reduce|match|failures|defects|sequential|parallel|isEmpty|isInterruptedOnly|originalError|prettyErrors)\b/,
  /(?:_tag === |case )"(?:Parallel|Sequential|Die|Interrupt)"/,
  /effect\/SpanAnnotation|\bRuntime\.isFiberFailure\b|\bFiberFailureCauseId\b/,
  // log
  /\bLogger\.|"effect\/Logger"|\bLogLevel\.(?!LogLevel\b)|\bsetUnhandledErrorLogLevel\b|\blogWithLevel\b/,
  /"effect\/(?:HashMap|HashSet|List)"/,
  // metrics
  /\bMetric\.|"effect\/Metric"|\bMetricLabel\b/,
  // retry
  /\bSchedule\.(?!Schedule\b|isSchedule\b|spaced\b)/,
  // variables
  /\bConfigProvider\b|\bmapOrFail\b|\bConfigError\.(?!ConfigError\b)/,
  // waiting
  /\bDeferred\.unsafe|\bEffect\.disconnect\b|\brepeatEffectChunk|\binterruptWhenDeferred\b|\bunsafeFromArray\b/,
  // http
  /\bwithTracerDisabledWhen\b|\bwithTracerPropagation\b|"(?:ResponseError|RequestError|EmptyBody)"/,
  /\bscopedRequests\b|@effect\/platform\/HttpServerRespondable"\)/,
  // schema
  /"effect\/SchemaAST"|\bencodeUnknownEither\b/,
  // server
  /\bappendPreResponseHandler\b|\bcauseResponseStripped\b|\bisServerResponse\b/
]

/** Where such words occur all the same, and why. */
const outsideOfTheSeam: Readonly<Record<string, string>> = {
  [join("src", "internal", "mcp", "layers.ts")]: "servers are made in another way on Effect 4: written by hand for each"
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")

describe("the house", () => {
  it("has the vocabulary of Effect 3 in src/internal/effect only", () => {
    const seam = join("src", "internal", "effect")
    const found: Array<string> = []
    const used = new Set<RegExp>()
    for (const [file, { text }] of sources) {
      // It has no Effect: what looks like a Cause there is read as a stranger's object.
      if (file.startsWith(join("src", "core"))) continue
      for (const words of effect3) {
        const [word] = words.exec(withoutComments(text)) ?? []
        if (word === undefined) continue
        if (file.startsWith(seam)) used.add(words)
        else if (!Object.hasOwn(outsideOfTheSeam, file)) found.push(`${file}: ${word}`)
      }
    }
    assert.deepStrictEqual(found, [])
    assert.deepStrictEqual(effect3.filter((words) => !used.has(words)), [])
    const inSeam = files.filter((file) => file.startsWith(seam))
    // Ten topics, and four that not every program loads: Effect's AI, its reporters of errors, routes of its servers, schemas.
    assert.isAtMost(inSeam.length, 15)
    for (const file of inSeam) {
      assert.match(headOf(file), /\bHides\b/, file)
      // It is replaced as a whole, so it leans on nothing that is not pure.
      for (const imported of importsOf(file)) {
        assert.isTrue(imported.startsWith(seam) || imported.startsWith(join("src", "core")), `${file}: ${imported}`)
      }
    }
  })

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
