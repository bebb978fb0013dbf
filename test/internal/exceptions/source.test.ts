import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ErrorTracking, PostHogTest, TestLayer } from "effect-posthog"
import { build, transformSync } from "esbuild"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll } from "vitest"
import { ProgramFiles } from "../../../src/internal/exceptions/readable.js"
import { SourceReader } from "../../../src/internal/exceptions/source.js"
import { mapPathsOf, sourcePath } from "../../../src/internal/exceptions/sourceMap.js"
import { major } from "../../support/effect.js"

const root = fileURLToPath(new URL("../../../", import.meta.url))
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

describe("source maps", () => {
  /** A bundle whose only place is the first line of the first of its sources. */
  const mapped = (
    name: string,
    map: Readonly<Record<string, unknown>>,
    how: (json: string, file: string) => string = (json, file) => {
      writeFileSync(`${file}.map`, json)
      return `//# sourceMappingURL=${name.slice(name.lastIndexOf("/") + 1)}.map`
    }
  ) => {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    const json = JSON.stringify({ version: 3, names: [], mappings: "AAAA", sourcesContent: ["zu groß 日本"], ...map })
    writeFileSync(file, `bundle()\n${how(json, file)}\n`)
    const reader = readerOf(0)
    reader.begin()
    return withoutNodeMaps(() => reader.find(file, 1, 1))
  }
  const base64 = (json: string) => Buffer.from(json).toString("base64")

  it("in the file itself, however they are written", () => {
    const ways: ReadonlyArray<(json: string) => string> = [
      (json) => `data:application/json;base64,${base64(json)}`,
      (json) => `data:application/json;charset=utf-8;base64,${base64(json)}`,
      (json) => `data:application/json;base64;charset=utf-8,${base64(json)}`,
      (json) => `data:application/json;charset=utf-8,${encodeURIComponent(json)}`,
      (json) => `data:application/json,${encodeURIComponent(json)}`,
      (json) => `data:;base64,${encodeURIComponent(base64(json))}`,
      (json) => `data:application/json;base64,${base64(`\uFEFF${json}`)}`
    ]
    for (const [index, way] of ways.entries()) {
      const source = mapped(`inline${index}.js`, { sources: ["a.ts"] }, (json) => `//# sourceMappingURL=${way(json)}`)
      assert.deepInclude(source, { path: join(folder, "a.ts"), contextLine: "zu groß 日本" }, String(index))
    }
  })

  it("beside the file, whatever the names", () => {
    const names = [
      "c#/bundle.cjs",
      "d?e/100% real.js",
      "dir with space/a#b.cjs",
      "путь/文件.js",
      "e%20f/a%20b.js",
      "(a)/[b].js"
    ]
    for (const name of names) {
      for (const encode of [(text: string) => text, encodeURIComponent, encodeURI]) {
        const source = mapped(name, { sources: ["../src/a.ts"] }, (json, file) => {
          writeFileSync(`${file}.map`, json)
          return `//# sourceMappingURL=${encode(`${file.slice(file.lastIndexOf("/") + 1)}.map`)}`
        })
        assert.deepInclude(source, { path: join(folder, "src/a.ts"), contextLine: "zu groß 日本" }, name)
      }
    }
  })

  it("with a mark of byte order, a line before them, or comments after the reference", () => {
    for (const prefix of ["\uFEFF", ")]}'\n", ")]}'", ")]}\n"]) {
      const source = mapped("prefix.js", { sources: ["a.ts"] }, (json, file) => {
        writeFileSync(`${file}.map`, `${prefix}${json}`)
        return "//# sourceMappingURL=prefix.js.map"
      })
      assert.strictEqual(source!.path, join(folder, "a.ts"), JSON.stringify(prefix))
    }
    const after = (text: string) =>
      mapped("after.js", { sources: ["a.ts"] }, (json, file) => {
        writeFileSync(`${file}.map`, json)
        return `//# sourceMappingURL=after.js.map\n${text}`
      })
    assert.strictEqual(after("//# debugId=1\n//# chunkId=2\n//# x=3\n\n// y")!.path, join(folder, "a.ts"))
    assert.notProperty(after("more()"), "path")
  })

  it("name sources in many ways", () => {
    const cwd = process.cwd()
    const cases: ReadonlyArray<readonly [source: string, path: string, root?: string]> = [
      ["webpack://my-app/./src/broken.ts", join(cwd, "src/broken.ts")],
      ["webpack:///./src/broken.ts?a1b2", join(cwd, "src/broken.ts")],
      ["webpack:///src/broken.ts", join(cwd, "src/broken.ts")],
      ["webpack://my-app/./node_modules/x/a.js", join(cwd, "node_modules/x/a.js")],
      ["webpack://my-app/webpack/bootstrap", "webpack://my-app/webpack/bootstrap"],
      ["webpack-internal:///(rsc)/./src/a.ts", join(cwd, "src/a.ts")],
      ["turbopack:///[project]/src/a.ts", join(cwd, "src/a.ts")],
      ["ng:///src/a.ts", join(cwd, "src/a.ts")],
      ["./src/a.ts", join(cwd, "src/a.ts"), "webpack://my-app"],
      ["/@fs/srv/src/a.ts", "/srv/src/a.ts"],
      ["file:///srv/c%23/a.ts", "/srv/c#/a.ts"],
      ["/srv/src/a.ts", "/srv/src/a.ts"],
      ["C:\\src\\a.ts", "C:\\src\\a.ts"],
      ["https://example.com/a.ts?x=1", "https://example.com/a.ts"],
      ["../src/100% real.ts", join(folder, "../src/100% real.ts")],
      ["../src/100%25%20real.ts", join(folder, "../src/100% real.ts")],
      ["../c#/a?.ts", join(folder, "../c#/a?.ts")],
      ["a.ts", join(folder, "src/a.ts"), "src"],
      ["a.ts", "/srv/a.ts", "/srv/"],
      ["a.ts", "/srv/a.ts", "file:///srv"]
    ]
    for (const [source, path, sourceRoot] of cases) {
      const found = mapped("named.js", { sources: [source], sourceRoot })
      assert.deepInclude(found, { path, contextLine: "zu groß 日本" }, source)
    }
  })

  it("of Windows, too", () => {
    const of = (file: string, reference: string) => mapPathsOf(file, reference)[0]
    assert.strictEqual(of("C:\\app\\dist\\a.cjs", "a.cjs.map"), "C:\\app\\dist\\a.cjs.map")
    assert.strictEqual(of("C:/app/dist/a.cjs", "a%23.cjs.map"), "C:/app/dist/a#.cjs.map")
    assert.strictEqual(of("C:/app/dist/a.cjs", "file:///C:/maps/a.map"), "C:/maps/a.map")
    assert.strictEqual(of("\\\\server\\share\\a.js", "../a.js.map"), "\\\\server\\a.js.map")
    const path = (name: string, file: string) => sourcePath(name, "", file, "C:\\app")
    assert.strictEqual(path("../src/a.ts", "C:\\app\\dist\\a.cjs.map"), "C:\\app\\src\\a.ts")
    assert.strictEqual(path("..\\src\\a.ts", "C:/app/dist/a.cjs.map"), "C:/app/src/a.ts".replaceAll("/", "\\"))
    assert.strictEqual(path("webpack://x/./src/a.ts", "C:\\app\\dist\\a.cjs.map"), "C:\\app\\src\\a.ts")
  })

  it("in sections", () => {
    const sections = [{
      offset: { line: 0, column: 0 },
      map: { version: 3, names: [], sources: ["s.ts"], mappings: "AAAA", sourcesContent: ["s"] }
    }]
    assert.deepInclude(mapped("sections.js", { sections, mappings: undefined, sourcesContent: undefined }), {
      path: join(folder, "s.ts"),
      contextLine: "s"
    })
  })

  it("that say nothing, or anything, leave the frame in the bundle", () => {
    let deep: unknown = []
    for (let i = 0; i < 2_000; i++) deep = [deep]
    const odd: ReadonlyArray<Readonly<Record<string, unknown>>> = [
      { sources: [null] },
      { sources: null },
      { sources: {} },
      { sources: "a.ts" },
      { sources: [{}] },
      { sources: [deep] },
      { sources: ["a.ts"], mappings: 5 },
      { sources: ["a.ts"], mappings: "!!!!" },
      { sources: ["a.ts"], mappings: "AA".repeat(3_000_000) },
      { sections: [null, 1, { map: null }, { map: { sections: [] } }] },
      { sections: deep }
    ]
    for (const [index, map] of odd.entries()) {
      const found = mapped("odd.js", map)
      if (found?.path === undefined) assert.strictEqual(found?.contextLine, "bundle()", String(index))
    }
    assert.strictEqual(mapped("null.js", { sources: [null] })!.contextLine, "bundle()")
    for (const text of ["null", "5", "[]", "{", "", "[".repeat(100_000)]) {
      const found = mapped("text.js", {}, (_, file) => {
        writeFileSync(`${file}.map`, text)
        return "//# sourceMappingURL=text.js.map"
      })
      assert.strictEqual(found!.contextLine, "bundle()", text)
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
      const program = Effect.sync(charge).pipe(ErrorTracking.captureErrors(), Effect.exit, Effect.flatMap(() => PostHogTest.exceptions))
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
    const own = frames.filter(({ filename }) => filename !== undefined && !String(filename).startsWith("node:"))
    assert.deepStrictEqual(own.map(({ filename, in_app, lineno }) => [filename, in_app, lineno]), [
      // On Effect 4 so few frames are between that V8 also tells who has run the program, and Node's module loader.
      ...(major === 3 ? [] : [["program.ts", true, 8]]),
      ["program.ts", true, 5]
    ])
    assert.strictEqual(own.at(-1)!.context_line, "        throw new Error(\"card refused\")")
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
