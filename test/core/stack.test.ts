import { assert, describe, it } from "@effect/vitest"
import { type FrameSettings, isLibrary, isOwn, toFrames } from "../../src/core/exceptions/frames.js"
import { readStack } from "../../src/core/exceptions/stack.js"

const framesOf = (stack: string, workingDirectory: string | undefined, more: Partial<FrameSettings> = {}) =>
  toFrames(stack, { workingDirectory, isInApp: undefined, chunkId: () => undefined, findSource: undefined, ...more })

type Expected = readonly [
  name: string,
  file: string | undefined,
  line?: number | undefined,
  column?: number | undefined,
  inApp?: boolean
]

const check = (cases: Readonly<Record<string, Expected>>, directory: string) => {
  for (const [line, [name, file, number, column, inApp = true]] of Object.entries(cases)) {
    it(JSON.stringify(line.slice(0, 100)), () => {
      const frames = framesOf(`Error: x\n    at ${line}\n    at main (${directory}/main.js:9:9)`, directory)
      const frame = frames[1]!
      assert.deepStrictEqual(
        [frame.function, frame.filename, frame.lineno, frame.colno, frame.in_app],
        [name, file, number, column, inApp]
      )
      assert.strictEqual(frames[0]!.function, "main")
    })
  }
}

describe("the place is read from the end of a line", () => {
  const long = "a span ".repeat(285)
  check({
    "Object.save (draft) (/app/src/x.js:10:5)": ["Object.save (draft)", "src/x.js", 10, 5],
    "load user (cached) (/app/src/x.js:10:5)": ["load user (cached)", "src/x.js", 10, 5],
    "Foo.[bar (baz)] (/app/x.js:1:2)": ["Foo.[bar (baz)]", "x.js", 1, 2],
    "async Foo.[bar (baz)] [as qux] (/app/x.js:1:2)": ["Foo.[bar (baz)]", "x.js", 1, 2],
    "GET (/users) (/app/x.js:1:2)": ["GET (/users)", "x.js", 1, 2],
    "smile :) (/app/x.js:1:2)": ["smile :)", "x.js", 1, 2],
    "open ( (/app/x.js:1:2)": ["open (", "x.js", 1, 2],
    "run (/app/my (old) dir/a (1).js:1:2)": ["run", "my (old) dir/a (1).js", 1, 2],
    "save (draft) (/app/my (old) dir/a.js:1:2)": ["save (draft)", "my (old) dir/a.js", 1, 2],
    "run (/app/(group)/x.js:1:2)": ["run", "(group)/x.js", 1, 2],
    "run (/app/a)b/x.js:1:2)": ["run", "a)b/x.js", 1, 2],
    "run (/app/a(b/x.js:1:2)": ["run", "a(b/x.js", 1, 2],
    "run [x] (file:///app/%5Bid%5D/x.mjs:1:2)": ["run [x]", "[id]/x.mjs", 1, 2],
    "at (/app/x.js:1:2)": ["at", "x.js", 1, 2],
    "a: b:1:2 (/app/x.js:3:4)": ["a: b:1:2", "x.js", 3, 4],
    "sql (SELECT 1\nFROM t) (/app/x.js:1:2)": ["sql (SELECT 1\nFROM t)", "x.js", 1, 2],
    "sql\n  SELECT (1)\n\n  FROM t (/app/x.js:1:2)": ["sql\nSELECT (1)\n\nFROM t", "x.js", 1, 2],
    [`${long}(/app/x.js:1:2)`]: [`${long.slice(0, 999)}…`, "x.js", 1, 2],
    "eval (eval at run (/app/(group)/x.js:1:2), <anonymous>:3:4)": ["eval", "(group)/x.js", 1, 2],
    "f (x) (eval at g (h) (/app/my (old)/x.js:1:2), <anonymous>:3:4)": ["f (x)", "my (old)/x.js", 1, 2],
    "eval (eval at a (eval at b (file:///app/c%23/x.js:5:6)), <anonymous>:1:1)": ["eval", "c#/x.js", 5, 6],
    "GET /users": ["GET /users", undefined, undefined, undefined, false],
    "poll every 10:30": ["poll every 10:30", undefined, undefined, undefined, false],
    "load user (cached)": ["load user (cached)", undefined, undefined, undefined, false],
    "parse (unknown)": ["parse", undefined, undefined, undefined, false],
    "parse (unknown location)": ["parse", undefined, undefined, undefined, false],
    "moduleEvaluation (native:7:39)": ["moduleEvaluation", "native", 7, 39, false]
  }, "/app")

  it("what is not known is left out", () => {
    const [frame] = framesOf("    at <parse> (:0)", "/app")
    assert.deepStrictEqual([frame!.function, frame!.filename, frame!.lineno], ["<parse>", undefined, undefined])
  })
})

describe("addresses", () => {
  check({
    "fn (file:///app/c%23/x.mjs:1:2)": ["fn", "c#/x.mjs", 1, 2],
    "fn (file:///app/100%25%20real%3F.mjs:1:2)": ["fn", "100% real?.mjs", 1, 2],
    "fn (file:///app/x.mjs?t=1732600000000:1:2)": ["fn", "x.mjs", 1, 2],
    "fn (file:///app/x.mjs#a:1:2)": ["fn", "x.mjs", 1, 2],
    "fn (file:///app/x.mjs?a=1&b=/c:1:2)": ["fn", "x.mjs", 1, 2],
    "fn (file://localhost/app/x.mjs:1:2)": ["fn", "x.mjs", 1, 2],
    "fn (file:///app/a%2Fb.mjs:1:2)": ["fn", "a%2Fb.mjs", 1, 2],
    "file:///app/x.mjs?x:1:2": ["?", "x.mjs", 1, 2],
    "fn (https://user:secret@cdn.example.com/a.js?token=secret:1:2)": ["fn", "https://cdn.example.com/a.js", 1, 2],
    "fn (webpack-internal:///./src/x.ts?1a2b:1:2)": ["fn", "webpack-internal:///./src/x.ts", 1, 2],
    "fn (webpack-internal:///./node_modules/a/x.js:1:2)": [
      "fn",
      "webpack-internal:///./node_modules/a/x.js",
      1,
      2,
      false
    ]
  }, "/app")
})

describe("Windows", () => {
  check({
    "fn (c:\\app\\src\\x.js:1:2)": ["fn", "src/x.js", 1, 2],
    "fn (C:/APP/src/X.js:1:2)": ["fn", "src/X.js", 1, 2],
    "fn (x) (c:\\app\\my (old)\\x.js:1:2)": ["fn (x)", "my (old)/x.js", 1, 2],
    "fn (file:///c:/app/src/x.js:1:2)": ["fn", "src/x.js", 1, 2],
    "fn (D:\\app\\x.js:1:2)": ["fn", "D:\\app\\x.js", 1, 2],
    "fn (file://server/share/app/x.mjs:1:2)": ["fn", "\\\\server\\share\\app\\x.mjs", 1, 2],
    "fn (\\\\server\\share\\app\\x.js:1:2)": ["fn", "\\\\server\\share\\app\\x.js", 1, 2]
  }, "C:\\app")

  it("modules and shares, in either case", () => {
    const [frame] = framesOf("at fn (c:\\app\\src\\x.js:1:2)", "C:\\app")
    assert.strictEqual(frame!.module, "src:x")
    const [shared] = framesOf("at fn (\\\\SERVER\\share\\app\\src\\x.js:1:2)", "\\\\server\\share\\app")
    assert.deepStrictEqual([shared!.filename, shared!.module], ["src/x.js", "src:x"])
  })
})

describe("other engines", () => {
  it("SpiderMonkey and JavaScriptCore", () => {
    const stack = [
      "run/<@file:///app/src/a.js:1:2",
      "async*load@/app/src/b.js:3:4",
      "@/app/node_modules/@scope/c.js:5:6",
      "evaluated@/app/src/d.js line 7 > eval:1:1",
      "map@[native code]",
      "global code@/app/main.js:8:9"
    ].join("\n")
    assert.deepStrictEqual(
      readStack(stack, 10).map(({ function: name, line, path }) => [name, path, line]),
      [
        ["run", "/app/src/a.js", 1],
        ["load", "/app/src/b.js", 3],
        [undefined, "/app/node_modules/@scope/c.js", 5],
        ["evaluated", "/app/src/d.js", 1],
        ["map", "native", undefined],
        [undefined, "/app/main.js", 8]
      ]
    )
    assert.deepStrictEqual(readStack("Error: mail to bob@example.com:25:1 failed", 10), [])
  })
})

describe("a stack ends where another begins", () => {
  const own = "Error: outer\n    at a (/app/a.js:1:2)\n    at b (/app/b.js:1:2)"
  for (const more of ["Caused by: Error: db", "Error: db", "\n  [cause]: Error: db", "--> caused by Error: db"]) {
    it(JSON.stringify(more), () => {
      const names = framesOf(`${own}\n${more}\n    at db (/app/db.js:1:2)`, "/app").map((frame) => frame.function)
      assert.deepStrictEqual(names, ["b", "a"])
    })
  }
  it("but not at lines of its own", () => {
    for (const more of ["", "From previous event:", "---------------"]) {
      assert.strictEqual(framesOf(`${own}\n${more}\n    at c (/app/c.js:1:2)`, "/app").length, 3)
    }
  })
})

describe("hostile stacks are read in linear time", () => {
  const parts = [
    " (",
    ")",
    "(",
    " [as ",
    "at ",
    "eval at ",
    "@",
    "://",
    "\n    at ",
    "a/../",
    "/node_modules/",
    "%",
    "\n"
  ]
  for (const part of parts) {
    it(JSON.stringify(part), () => {
      const text = part.repeat(Math.ceil(300_000 / part.length))
      for (
        const stack of [text, `    at ${text}`, `    at ${text}:1:2)`, `    at x (/${text}.js:1:2)`, `@/${text}:1:2`]
      ) {
        assert.isAtMost(framesOf(stack, "/app").length, 50)
      }
      const line = part.replaceAll("\n", "").repeat(Math.ceil(15_000 / part.length))
      assert.isAtMost(framesOf(`    at f${line} (/a.js:1:2)\n`.repeat(20), "/app").length, 50)
    })
  }
})

describe("whose files they are", () => {
  it("dependencies, wherever a package manager keeps them", () => {
    const foreign = [
      "/app/node_modules/pg/lib/client.js",
      "/app/.yarn/cache/ms-npm-2.1.3-81ff3cfac1.zip/node_modules/ms/index.js",
      "/app/.yarn/__virtual__/x-virtual-1/0/cache/x.zip/node_modules/x/a.js",
      "/app/.yarn/releases/yarn-4.0.0.cjs",
      "/app/.pnp.cjs",
      "/app/node_modules/.pnpm/ms@2.1.3/node_modules/ms/index.js",
      "C:\\app\\node_modules\\ms\\index.js",
      "/home/u/.cache/deno/npm/REGISTRY/ms/2.1.3/index.js",
      "/home/u/.cache/deno/npm/registry.example.com/@scope/ms/2.1.3-beta.1/index.js",
      "C:\\Users\\u\\AppData\\Local\\deno\\npm\\registry.example.com\\ms\\2.1.3\\index.js",
      "/home/u/.bun/install/cache/ms@2.1.3@@@1/index.js",
      "npm:ms@2.1.3",
      "jsr:@std/assert@1.0.0",
      "https://jsr.io/@std/assert/1.0.0/mod.ts",
      "https://deno.land/std@0.224.0/assert/mod.ts",
      "https://esm.sh/ms@2.1.3/index.js",
      "https://cdn.example.com/libs/ms@2.1.3/index.js",
      "node:internal/process/task_queues",
      "node-internal:internal_timers",
      "ext:core/01_core.js",
      "bun:main",
      "native",
      "webpack://app/webpack/bootstrap",
      "webpack:///./node_modules/ms/index.js",
      "turbopack:///[turbopack]/runtime.ts"
    ]
    for (const path of foreign) assert.isFalse(isOwn(path), path)
    const own = ["/app/src/npm/x.js", "/app/install/cache.ts", "https://example.com/app.js", "./a.js", "\\\\s\\x\\a.js"]
    for (const path of own) assert.isTrue(isOwn(path), path)
  })

  it("Effect's are left out, wherever they are", () => {
    for (
      const path of [
        "/app/node_modules/effect/dist/esm/Effect.js",
        "/app/node_modules/.pnpm/effect@3.19.0/node_modules/effect/src/Effect.ts",
        "/home/u/.cache/deno/npm/REGISTRY/effect/3.22.4/src/internal/fiberRuntime.ts",
        "/home/u/.cache/deno/npm/REGISTRY/@effect/platform/0.94.0/src/HttpClient.ts",
        "/home/u/.bun/install/cache/effect@3.22.4@@@1/src/Effect.ts",
        "/home/u/.bun/install/cache/@effect/platform@0.94.0@@@1/src/Effect.ts",
        "C:\\app\\node_modules\\@effect\\platform\\a.js",
        "node_modules/effect-posthog/dist/index.js",
        "https://esm.sh/effect@3.22.4/dist/index.mjs"
      ]
    ) assert.isTrue(isLibrary(path), path)
    for (const path of ["/app/effect/a.js", "/app/node_modules/effects/a.js", "/app/node_modules/my-effect/a.js"]) {
      assert.isFalse(isLibrary(path), path)
    }
  })

  it("a Worker is one bundle", () => {
    const stack =
      "Error: x\n    at Object.fetch (worker.js:10:2)\n    at a (node-internal:x:1:2)\n    at b (chunks/c.mjs:1:2)"
    const inApp = (isBundle: boolean) => framesOf(stack, undefined, { isBundle }).map((frame) => frame.in_app)
    assert.deepStrictEqual(inApp(true), [true, false, true])
    assert.deepStrictEqual(inApp(false), [false, false, false])
  })
})

describe("run loops", () => {
  const names = (...lines: ReadonlyArray<string>) =>
    framesOf(`Error: x\n${lines.map((line) => `    at ${line}`).join("\n")}`, "/app").map((frame) => frame.function)

  const awaiter = [
    "S.<anonymous> (/app/x.js:5:9)",
    "Generator.next (<anonymous>)",
    "/app/x.js:8:71",
    "new Promise (<anonymous>)",
    "__awaiter (/app/x.js:4:12)",
    "S.b (/app/x.js:9:9)",
    "S.a (/app/x.js:3:9)"
  ]
  const effect = [
    "/app/node_modules/effect/src/internal/fiberRuntime.ts:198:67",
    "Object.effect_internal_function (/app/node_modules/effect/src/Utils.ts:786:14)",
    "runLoop (/app/node_modules/effect/src/internal/fiberRuntime.ts:1384:34)"
  ]

  it("a generator that Effect does not run is one of the program", () => {
    const all = ["S.a", "S.b", "__awaiter", "new Promise", "?", "Generator.next", "S.?"]
    assert.deepStrictEqual(names(...awaiter), all)
    assert.deepStrictEqual(names(...awaiter, ...effect), all)
    assert.deepStrictEqual(
      names("a (/app/a.js:1:2)", "Generator.next (<anonymous>)", "fulfilled (/app/a.js:5:58)").length,
      3
    )
    assert.deepStrictEqual(
      names("a (/app/a.js:1:2)", "Generator.next (<anonymous>)", "main (/app/a.js:5:58)").length,
      3
    )
  })

  it("and below Effect's own nothing is", () => {
    const run = ["a (/app/a.js:1:2)", "Generator.next (<anonymous>)", ...effect, "main (/app/main.js:1:2)"]
    assert.deepStrictEqual(names(...run), ["a"])
    const bundled = ["a (/app/b.js:1:2)", "Generator.next (<anonymous>)", "x (/app/b.js:1:3)"]
    assert.deepStrictEqual(names(...bundled, "Object.effect_internal_function (/app/b.js:1:4)", "y (/app/b.js:1:5)"), [
      "a"
    ])
  })
})
