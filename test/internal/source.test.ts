import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ErrorTracking, PostHogTest, TestLayer } from "effect-posthog"
import { transformSync } from "esbuild"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { SourceReader } from "../../src/internal/errors/source.js"

const folder = mkdtempSync(join(tmpdir(), "my sources "))
afterAll(() => rmSync(folder, { recursive: true }))

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
    const reader = new SourceReader(2)
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
    const reader = new SourceReader(2)
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
    const reader = new SourceReader(1)
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
      const reader = new SourceReader(1)
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
    const reader = new SourceReader(0)
    reader.begin()
    for (const name of ["broken", "gone"]) {
      const js = write(`${name}.js`, `throw new Error("x")\n//# sourceMappingURL=${name}.js.map\n`)
      assert.deepInclude(withoutNodeMaps(() => reader.find(js, 1, 1)), { contextLine: "throw new Error(\"x\")" })
    }
  })
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
