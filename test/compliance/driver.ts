/**
 * Starts the adapter, and calls it as PostHog's harness does, against the sink in the place of the harness's mock.
 */
import { afterAll, assert, beforeAll } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"

export interface Running {
  readonly child: ChildProcess
  readonly url: string
}

/** Starts the adapter on a Node, and waits until it listens. */
export const start = async (
  env: Readonly<Record<string, string>>,
  node: string = process.execPath
): Promise<Running> => {
  const child = spawn(node, ["--import", "tsx", "test/compliance/adapter.ts"], {
    env: { ...process.env, ...env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve)
    child.once("close", (code) => reject(new Error(`the adapter ended with ${code}`)))
  })
  return { child, url: line.replace("listening on ", "http://") }
}

export interface Call {
  (method: "GET" | "POST", path: string, body?: unknown): Effect.Effect<any>
}

export const callTo = (url: string): Call => (method, path, body) =>
  Effect.promise(async () => {
    const response = await fetch(url + path, {
      method,
      ...(body === undefined ? undefined : { body: JSON.stringify(body) })
    })
    const json = await response.json() as Record<string, unknown>
    return { status: response.status, ...json }
  })

/** One client of an adapter, and the mock it talks to. */
export interface Session {
  readonly sink: Sink.Sink
  readonly call: Call
  readonly init: (options?: Readonly<Record<string, unknown>>) => Effect.Effect<any>
  /** Gives the uuid. */
  readonly capture: (event: string, more?: Readonly<Record<string, unknown>>) => Effect.Effect<string>
  /** The same on the route for LLM analytics. */
  readonly captureAi: (event: string, more?: Readonly<Record<string, unknown>>) => Effect.Effect<string>
  readonly flush: Effect.Effect<any>
  readonly state: Effect.Effect<any>
}

/** An adapter for all tests of a `describe`, and a way to begin a session of it: each is apart from the others. */
export const adapterFor = (env: Readonly<Record<string, string>>, node?: string) => {
  let running: Running | undefined
  let sessions = 0
  beforeAll(async () => {
    running = await start(env, node)
  }, limitMillis)
  afterAll(() => {
    running?.child.kill()
  })
  const session = (rules?: Sink.Rules): Effect.Effect<Session, never, Scope.Scope> =>
    Effect.gen(function*() {
      const sink = yield* Sink.make(rules)
      const query = `?test_id=${++sessions}`
      const to = callTo(running!.url)
      const call: Call = (method, path, body) => to(method, path + query, body)
      yield* Effect.addFinalizer(() => call("POST", "/reset"))
      const send = (path: string) => (event: string, more: Readonly<Record<string, unknown>> = {}) =>
        Effect.map(
          call("POST", path, { distinct_id: "user_1", event, properties: null, timestamp: null, ...more }),
          ({ status, success, uuid }) => {
            assert.deepStrictEqual([status, success, typeof uuid], [200, true, "string"])
            return uuid as string
          }
        )
      return {
        sink,
        call,
        init: (options = {}) =>
          Effect.tap(
            call("POST", "/init", { api_key: "phc_test", host: sink.url, flush_at: 100, ...options }),
            (answer) => Effect.sync(() => assert.deepInclude(answer, { status: 200, success: true }))
          ),
        capture: send("/capture"),
        captureAi: send("/capture_ai"),
        flush: Effect.tap(
          call("POST", "/flush"),
          // Also when nothing could be delivered.
          (answer) => Effect.sync(() => assert.deepInclude(answer, { status: 200, success: true }))
        ),
        state: call("GET", "/state")
      }
    })
  return { session, health: Effect.suspend(() => callTo(running!.url)("GET", "/health")) }
}
