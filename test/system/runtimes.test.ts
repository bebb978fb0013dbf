/**
 * The portable part of the tests, on each runtime that is there: Node always, Bun and Deno where they are installed, in PATH or with
 * `npm run runtimes`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { delimiter, resolve } from "node:path"
import { beforeAll } from "vitest"
import { type Check, checks } from "../portable/checks.js"
import { bundle } from "../support/bundle.js"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"

const folder = ".tmp/portable"
const file = `${folder}/main.mjs`
const env = { ...process.env, PATH: `${process.env.PATH}${delimiter}${resolve("node_modules/.bin")}` }

const runtimes: ReadonlyArray<
  { readonly name: string; readonly command: string; readonly args: ReadonlyArray<string> }
> = [
  { name: "Node", command: process.execPath, args: [] },
  { name: "Bun", command: "bun", args: ["run"] },
  // Deno asks for each permission; these are what the library needs of it.
  {
    name: "Deno",
    command: "deno",
    args: ["run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env", "--allow-read"]
  }
]

const run = (command: string, args: ReadonlyArray<string>): Promise<{ readonly out: string; readonly error: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] })
    const text = { out: "", error: "" }
    child.stdout.on("data", (chunk: Buffer) => (text.out += chunk.toString("utf8")))
    child.stderr.on("data", (chunk: Buffer) => (text.error += chunk.toString("utf8")))
    child.once("error", reject)
    child.once("close", () => resolve(text))
  })

const eventNames = (sink: Sink.Sink) => sink.accepted.map(({ event }) => event)
const five = ["event 0", "event 1", "event 2", "event 3", "event 4"]

/** What each check has to give, and what has to have arrived. */
const expectations: Readonly<Record<Check, (result: any, sink: Sink.Sink) => void>> = {
  "captured events are acknowledged by a flush": (result, sink) => {
    assert.deepStrictEqual(result, { delivered: 5, dropped: 0 })
    assert.deepStrictEqual(eventNames(sink), five)
  },
  "closing sends what is queued": (_, sink) => assert.deepStrictEqual(eventNames(sink), five),
  "a flush does the sending where nothing else does": (result, sink) => {
    assert.deepStrictEqual(result, { delivered: 5, queued: 0 })
    assert.deepStrictEqual(eventNames(sink), five)
  },
  "large bodies are compressed": (_, sink) => {
    assert.strictEqual(sink.accepted.length, 100)
    assert.strictEqual(sink.requests[0]!.headers["content-encoding"], "gzip")
    assert.isBelow(sink.requests[0]!.wireBytes, sink.requests[0]!.bytes / 3)
  },
  "contexts of concurrent fibers do not mix": (_, sink) => {
    assert.strictEqual(sink.accepted.length, 40)
    for (const event of sink.accepted) assert.strictEqual(event.distinct_id, `user_${event.properties.i}`)
  },
  "flags are evaluated, and their use is told": (result, sink) => {
    assert.deepStrictEqual(result, [true, false])
    assert.deepStrictEqual(
      sink.accepted.map(({ event, properties }) => [event, properties.$feature_flag]),
      [["$feature_flag_called", "beta"], ["$feature_flag_called", "gamma"]]
    )
  },
  "errors arrive with their frames": (_, sink) => {
    const [{ type, value, stacktrace }] = sink.accepted[0]!.properties.$exception_list
    assert.deepStrictEqual([type, value], ["RangeError", "no such page"])
    const frames: ReadonlyArray<any> = stacktrace.frames
    assert.isTrue(frames.some(({ filename, lineno }) => String(filename).includes("main.mjs") && lineno > 0))
  },
  "a server that is gone is a typed error": (result) => assert.strictEqual(result, "connection")
}

describe("runtimes", () => {
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, await bundle("test/portable/main.ts", "node"))
  })

  for (const { args, command, name } of runtimes) {
    const isThere = spawnSync(command, ["--version"], { env, stdio: "ignore" }).status === 0
    if (!isThere) console.warn(`SKIPPED: ${name} is not there; npm run runtimes installs it`)
    for (const check of Object.keys(checks) as ReadonlyArray<Check>) {
      it.scopedLive.skipIf(!isThere)(`${name}: ${check}`, () =>
        Effect.gen(function*() {
          const sink = yield* Sink.make({ flags: () => ({ beta: true, gamma: false }) })
          const { error, out } = yield* Effect.promise(() => run(command, [...args, file, check, sink.url]))
          const line = out.split("\n").find((line) => line.startsWith("{\"result\""))
          assert.isDefined(line, `${out}${error}`)
          expectations[check]((JSON.parse(line!) as { readonly result: unknown }).result, sink)
        }), limitMillis)
    }
  }
})
