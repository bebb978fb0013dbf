import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"

const client = (host: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, ["--import", "tsx", "test/programs/mcp.ts"], {
        env: { ...process.env, POSTHOG_API_KEY: "phc_test", POSTHOG_HOST: host },
        stdio: ["pipe", "pipe", "inherit"]
      })
      const lines = createInterface({ input: child.stdout })
      const ask = (id: number, method: string, params: object) =>
        Effect.promise(async () => {
          const answer = once(lines, "line")
          child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`)
          const [line] = await answer as [string]
          return JSON.parse(line) as { readonly id: number; readonly result: any }
        })
      return { child, ask }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("an MCP server in a process of its own", () => {
  it.scopedLive(
    "tells of its calls before SIGTERM ends it, and speaks the protocol alone on its output",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const { ask, child } = yield* client(sink.url)
        const hello = {
          protocolVersion: "2025-06-18",
          capabilities: {},
          clientInfo: { name: "test-client", version: "9.9" }
        }
        const { result } = yield* ask(1, "initialize", hello)
        assert.strictEqual(result.serverInfo.name, "calculator")
        const called = yield* ask(2, "tools/call", { name: "add", arguments: { a: 1, b: 2 } })
        assert.strictEqual(called.id, 2)
        const ended = once(child, "exit")
        child.kill("SIGTERM")
        yield* Effect.promise(() => ended)
        assert.deepStrictEqual(sink.accepted.map(({ event }) => event), ["$mcp_initialize", "$mcp_tool_call"])
        const [, call] = sink.accepted
        assert.deepInclude(call!.properties, {
          $mcp_source: "posthog_mcp_analytics",
          $mcp_tool_name: "add",
          $mcp_client_name: "test-client",
          $mcp_is_error: false
        })
        assert.strictEqual(new Set(sink.accepted.map(({ properties }) => properties.$session_id)).size, 1)
      }),
    limitMillis
  )
})
