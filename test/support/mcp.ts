/**
 * MCP servers whose requests are captured, as the majors of Effect make them.
 */
import type { McpServer } from "@effect/ai"
import { HttpRouter } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Sink, type Stream } from "effect"
import { createServer } from "node:http"
import * as EffectAi from "../../src/EffectAi.js"

/** A server that reads messages from a stream, and writes its own. */
export const overPipes = (
  options: EffectAi.McpOptions,
  input: Stream.Stream<Uint8Array>,
  receive: (chunk: Uint8Array | string) => void
) =>
  EffectAi.layerMcpStdio({
    ...options,
    stdin: input,
    stdout: Sink.forEach((chunk: Uint8Array | string) => Effect.sync(() => receive(chunk)))
  })

/** A server over HTTP, at `/mcp` of a free port. */
export const overHttp = <E, R>(
  contents: Layer.Layer<never, E, R | McpServer.McpServer>,
  options: EffectAi.McpOptions
) =>
  HttpRouter.Default.serve().pipe(
    Layer.provide(contents),
    Layer.provide(EffectAi.layerMcpHttp({ ...options, path: "/mcp" })),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )

/** With which headers a client asks that names its session itself; servers of Effect 4 name it. */
export const ownSession: Readonly<Record<string, string>> = { "mcp-session-id": "abc" }

/** What a client sends that has no session. */
export const withoutSession = (_method: string) => ({ headers: {} as Record<string, string>, params: {} })
