/**
 * The recipes of docs/frameworks.md, each with the framework's own package, a process of its own, and SIGTERM at the end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { major } from "../support/effect.js"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"

/** Asks a server as two users at once, breaks it, and ends it. */
const visit = async (url: string): Promise<ReadonlyArray<number>> => {
  const order = (user: string, total: number) =>
    fetch(`${url}/orders?token=hidden`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-user": user, "x-posthog-session-id": `session-${user}` },
      body: JSON.stringify({ total })
    })
  const responses = [
    ...await Promise.all(Array.from({ length: 20 }, (_, index) => order(index % 2 === 0 ? "ada" : "grace", index))),
    await fetch(`${url}/broken`, { headers: { "x-user": "ada" } }),
    await fetch(`${url}/nowhere`),
    await fetch(`${url}/orders`, { method: "POST", headers: { "content-type": "application/json" }, body: "{" })
  ]
  return Promise.all(responses.map(async (response) => (await response.arrayBuffer(), response.status)))
}

const firstValue = ({ $exception_list }: Readonly<Record<string, unknown>>): unknown =>
  ($exception_list as ReadonlyArray<{ readonly value: unknown }>)[0]!.value

/** All that `visit` has done arrived, each under the name of who did it. */
const checkArrived = (sink: Sink.Sink, statuses: ReadonlyArray<number>): void => {
  assert.deepStrictEqual(statuses.slice(0, 20), Array<number>(20).fill(201))
  assert.deepStrictEqual(statuses.slice(20), [500, 404, 400])

  const orders = sink.accepted.filter(({ event }) => event === "order completed")
  assert.strictEqual(orders.length, 20)
  for (const { distinct_id, properties } of orders) {
    assert.strictEqual(distinct_id, (properties.total as number) % 2 === 0 ? "ada" : "grace")
    assert.strictEqual(properties.$session_id, `session-${distinct_id}`)
    assert.strictEqual(properties.$request_method, "POST")
    assert.strictEqual(properties.$pathname, "/orders")
    assert.match(properties.$current_url as string, /^http:\/\/localhost:\d+\/orders\?token=\[redacted\]$/)
  }
  const exceptions = sink.accepted.filter(({ event }) => event === "$exception")
  assert.deepStrictEqual(
    exceptions.map(({ distinct_id, properties }) => [distinct_id, firstValue(properties), properties.$pathname]),
    [["ada", "out of hedgehogs", "/broken"]]
  )
}

/** A server that was started, visited as soon as it says where it is, and ended by SIGTERM. */
const visitedOf = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.async<ReadonlyArray<number>, Error>((resume) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_ENV: "production", POSTHOG_API_KEY: "phc_web", ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    let visited: Promise<ReadonlyArray<number>> | undefined
    const read = (chunk: Buffer): void => {
      output += chunk.toString("utf8")
      const port = /(?:ready.*port: |http:\/\/localhost:)(\d+)/.exec(output)?.[1]
      if (port === undefined || visited !== undefined) return
      visited = visit(`http://localhost:${port}`)
      // Whatever became of it: the server must not outlive the test.
      void visited.finally(() => child.kill("SIGTERM")).catch(() => undefined)
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    child.once("close", () => {
      const statuses = visited ?? Promise.reject(new Error(output))
      resume(Effect.tryPromise({ try: () => statuses, catch: (error) => new Error(output, { cause: error }) }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs a program of Node to its end. Not `spawnSync`: the worker has to answer its runner meanwhile. */
const node = (...args: ReadonlyArray<string>) =>
  Effect.async<void, Error>((resume) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString("utf8")
      })
    }
    child.once("close", (code) => resume(code === 0 ? Effect.void : Effect.fail(new Error(output))))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const claim = "users are not mixed up, errors are told once, SIGTERM loses nothing"

describe("frameworks", () => {
  for (const name of ["express", "fastify", "hono", "nest"]) {
    it.scopedLive(`${name}: ${claim}`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const args = ["--import", "tsx", `examples/frameworks/${name}.ts`]
        checkArrived(sink, yield* visitedOf(args, { PORT: "0", POSTHOG_HOST: sink.url }))
      }), limitMillis)
  }

  // What it shows is of Next, not of Effect: one package, compiled and installed, for one major.
  it.scopedLive.skipIf(major === 4)(
    `next: ${claim}${major === 4 ? " (shown on Effect 3)" : ""}`,
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        // Below this folder, so that Next and Effect are found; the library as an installed package.
        const app = ".tmp/next"
        const installed = `${app}/node_modules/effect-posthog`
        rmSync(app, { recursive: true, force: true })
        mkdirSync(installed, { recursive: true })
        cpSync("examples/frameworks/next", app, { recursive: true })
        cpSync("package.json", `${installed}/package.json`)
        writeFileSync(`${app}/package.json`, JSON.stringify({ private: true, type: "module" }))
        const next = "node_modules/next/dist/bin/next"
        yield* node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--outDir", `${installed}/dist/esm`)
        yield* node(next, "build", app)
        const args = [next, "start", app, "--port", "0"]
        checkArrived(sink, yield* visitedOf(args, { POSTHOG_HOST: sink.url, NEXT_TELEMETRY_DISABLED: "1" }))
      }),
    limitMillis
  )
})
