import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ErrorTracking, PostHogTest, TestLayer } from "effect-posthog"
import { build, transformSync } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll } from "vitest"
import { ProgramFiles } from "../../src/internal/errors/readable.js"
import { SourceReader } from "../../src/internal/errors/source.js"

const root = fileURLToPath(new URL("../../", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "my sources "))
afterAll(() => rmSync(folder, { recursive: true }))
const readerOf = (contextLines: number) => new SourceReader(contextLines, new ProgramFiles([folder]))

const typescript = `interface Price { readonly amount: number }

export const total = (prices: ReadonlyArray<Price>): number => {
  let sum = 0
  for (const price of prices) sum += price.amount
  throw new Error("no total")
}
`

const write = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Reads as a process that has not switched Node's own source maps on. */
const withoutNodeMaps = <A>(f: () => A): A => {
  const before = Object.getOwnPropertyDescriptor(process, "sourceMapsEnabled")
  Object.defineProperty(process, "sourceMapsEnabled", { value: false, configurable: true })
  try {
    return f()
  } finally {
    if (before === undefined) delete (process as { sourceMapsEnabled?: boolean }).sourceMapsEnabled
    else Object.defineProperty(process, "sourceMapsEnabled", before)
  }
}

describe("SourceReader", () => {
  it("gives a line and those around it, in their order, as many as there are", () => {
    const path = write("plain.js", Array.from({ length: 20 }, (_, i) => `line ${i + 1}`).join("\n"))
    const reader = readerOf(2)
    reader.begin()
    assert.deepStrictEqual(reader.find(path, 10, 1), {
      contextLine: "line 10",
      preContext: ["line 8", "line 9"],
      postContext: ["line 11", "line 12"]
    })
    assert.deepStrictEqual(reader.find(path, 1, 1)!.preContext, [])
    assert.deepStrictEqual(reader.find(path, 20, 1)!.postContext, [])
    assert.deepStrictEqual(reader.find(path, 21, 1), {})
  })

  it("leaves alone what is generated, not there, or no file", () => {
    const reader = readerOf(2)
    reader.begin()
    const minified = write("app.min.js", "a()")
    const large = write("large.js", "x\n".repeat(2_000_000))
    for (const path of [minified, large, folder, join(folder, "missing.js"), "node:fs", "native", "relative.js"]) {
      assert.isUndefined(reader.find(path, 1, 1), path)
    }
    const plain = write("other.js", "a()")
    assert.isUndefined(reader.find(plain, 20_000, 1))
    assert.isUndefined(reader.find(plain, 1, 5_000))
  })

  it("reads ten new files for one exception, and the rest with the next", () => {
    const reader = readerOf(1)
    const paths = Array.from({ length: 12 }, (_, i) => write(`many${i}.js`, `file ${i}`))
    reader.begin()
    assert.strictEqual(paths.filter((path) => reader.find(path, 1, 1) !== undefined).length, 10)
    assert.isTrue(reader.isExhausted)
    reader.begin()
    assert.strictEqual(paths.filter((path) => reader.find(path, 1, 1) !== undefined).length, 12)
  })

  for (const kind of ["external", "inline"] as const) {
    it(`follows the ${kind} source map of a compiled file`, () => {
      const { code, map } = transformSync(typescript, { loader: "ts", sourcemap: kind, sourcefile: `${kind}.ts` })
      write(`${kind}.ts`, typescript)
      const js = write(`${kind}.js`, kind === "inline" ? code : `${code}//# sourceMappingURL=${kind}.js.map\n`)
      if (kind === "external") write(`${kind}.js.map`, map)
      const line = code.split("\n").findIndex((text) => text.includes("throw")) + 1
      const reader = readerOf(1)
      reader.begin()
      const found = withoutNodeMaps(() => reader.find(js, line, 3))
      assert.deepInclude(found, {
        path: join(folder, `${kind}.ts`),
        line: 6,
        contextLine: "  throw new Error(\"no total\")",
        preContext: ["  for (const price of prices) sum += price.amount"]
      })
    })
  }

  it("does without a source map that is broken or gone", () => {
    write("broken.js.map", "{")
    const reader = readerOf(0)
    reader.begin()
    for (const name of ["broken", "gone"]) {
      const js = write(`${name}.js`, `throw new Error("x")\n//# sourceMappingURL=${name}.js.map\n`)
      assert.deepInclude(withoutNodeMaps(() => reader.find(js, 1, 1)), { contextLine: "throw new Error(\"x\")" })
    }
  })
})

describe("a program in one file", () => {
  it("has frames of its sources, and none of the libraries that are in the file too", async () => {
    const program = `
      import { Effect } from "effect"
      import { ErrorTracking, PostHogTest, TestLayer } from "effect-posthog"
      const charge = (): never => {
        throw new Error("card refused")
      }
      const program = Effect.sync(charge).pipe(ErrorTracking.captureErrors(), Effect.exit, Effect.zipRight(PostHogTest.exceptions))
      Effect.runPromise(Effect.provide(program, TestLayer)).then(([{ list }]) =>
        console.log(JSON.stringify(list[0].stacktrace.frames)))
    `
    const outfile = join(folder, "bundle.mjs")
    await build({
      stdin: { contents: program, loader: "ts", sourcefile: "program.ts", resolveDir: root },
      bundle: true,
      minify: true,
      sourcemap: true,
      format: "esm",
      platform: "node",
      alias: { "effect-posthog": join(root, "src/index.ts") },
      outfile,
      logLevel: "error"
    })
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], {
      env: { ...process.env, NODE_OPTIONS: "" },
      cwd: root
    })
    const frames = JSON.parse(stdout) as ReadonlyArray<Readonly<Record<string, unknown>>>
    const own = frames.filter(({ filename }) => filename !== undefined)
    assert.deepStrictEqual(own.map(({ filename, in_app, lineno }) => [filename, in_app, lineno]), [[
      "program.ts",
      true,
      5
    ]])
    assert.strictEqual(own[0]!.context_line, "        throw new Error(\"card refused\")")
  }, 60_000)
})

describe("chunk ids", () => {
  it.effect("that a bundler put into the program are on the frames of their files", () =>
    Effect.gen(function*() {
      const host = globalThis as { _posthogChunkIds?: Record<string, string> | undefined }
      const error = new Error("in a chunk")
      host._posthogChunkIds = { [error.stack!]: "chunk-1" }
      yield* ErrorTracking.capture(error)
      host._posthogChunkIds = undefined
      const [exception] = yield* PostHogTest.exceptions
      assert.strictEqual(exception!.list[0]!.stacktrace!.frames.at(-1)!.chunk_id, "chunk-1")
    }).pipe(Effect.provide(TestLayer)))
})
