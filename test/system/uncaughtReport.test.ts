/**
 * What Node says about an error that nobody caught, of programs whose process is observed, beside those whose process is not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundle } from "../support/bundle.js"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"

/** Ways to end a program, each in a line of its own. */
const crashes = `const crashes = {
  thrown() {
\t\tconst message = "thrown"; throw new Error(message)
  },
  typed() {
    throw new class Declined extends Error {}("typed", { cause: new RangeError("behind") })
  },
  engine() {
    return undefined.member
  },
  read() {
    throw withStackRead(new Error("read"))
  },
  rejected() {
    void Promise.reject(new RangeError("rejected"))
  },
  awaited() {
    void (async () => { await null; throw new Error("awaited") })()
  },
  text() {
    throw "a text"
  },
  object() {
    throw { reason: "an object" }
  },
  nothing() {
    throw undefined
  },
  rejectedText() {
    void Promise.reject("a text")
  }
}
const withStackRead = (error) => error.stack && error
`

const start = `const [, , how, host] = process.argv
Promise.resolve(host === undefined ? undefined : watch(host)).then(() => setImmediate(() => crashes[how]()))
`

/** A directory with the same program as scripts, and as files that have all in them. */
const programs = Effect.acquireRelease(
  Effect.promise(async () => {
    const directory = await mkdtemp(join(tmpdir(), "uncaught-"))
    const at = (name: string) => join(directory, name)
    await writeFile(at("watched.mjs"), await bundle("test/programs/watched.ts", "node"))
    await writeFile(at("script.mjs"), `import { watch } from "./watched.mjs"\n${crashes}${start}`)
    const options = { bundle: true, logLevel: "error", platform: "node", target: "es2022" } as const
    await build({ ...options, entryPoints: [at("watched.mjs")], outfile: at("watched.cjs"), format: "cjs" })
    await writeFile(at("script.cjs"), `const { watch } = require("./watched.cjs")\n${crashes}${start}`)
    await build({ ...options, entryPoints: [at("script.mjs")], outfile: at("bundle.mjs"), format: "esm" })
    await build({
      ...options,
      entryPoints: [at("script.mjs")],
      outfile: at("minified.cjs"),
      format: "cjs",
      minify: true
    })
    return at
  }),
  (at) => Effect.promise(() => rm(at("."), { recursive: true }))
)

const run = (file: string, args: ReadonlyArray<string>) =>
  Effect.async<{ readonly code: unknown; readonly stderr: string }>((resume) => {
    execFile(process.execPath, [file, ...args], { env: { PATH: process.env.PATH } }, (error, _, stderr) => {
      resume(Effect.succeed({ code: error?.code, stderr }))
    })
  })

/** A program that ends in one way, not observed and observed. */
const both = (file: string, how: string, host: string) => Effect.all([run(file, [how]), run(file, [how, host])])

describe("Node's report of an error that nobody caught", () => {
  for (
    const [file, ways] of [
      ["script.mjs", ["thrown", "typed", "engine", "read", "rejected", "awaited"]],
      ["script.cjs", ["thrown", "rejected"]],
      ["bundle.mjs", ["thrown", "rejected"]],
      ["minified.cjs", ["thrown", "rejected"]]
    ] as const
  ) {
    it.scopedLive(`is the same with us: ${file}`, () =>
      Effect.gen(function*() {
        const at = yield* programs
        const sink = yield* Sink.make()
        for (const how of ways) {
          const [without, observed] = yield* both(at(file), how, sink.url)
          assert.include(without.stderr, "Error", how)
          assert.deepStrictEqual(observed, without, how)
        }
        assert.lengthOf(sink.accepted, ways.length)
      }), limitMillis)
  }

  it.scopedLive(
    "shows no line of ours where nothing tells which line of the program it was",
    () =>
      Effect.gen(function*() {
        const at = yield* programs
        const sink = yield* Sink.make()
        for (const how of ["text", "object", "nothing", "rejectedText"]) {
          const [without, observed] = yield* both(at("script.mjs"), how, sink.url)
          assert.strictEqual(observed.code, without.code)
          assert.isTrue(without.stderr.endsWith(observed.stderr), `${how}: ${observed.stderr}`)
        }
      }),
    limitMillis
  )
})
