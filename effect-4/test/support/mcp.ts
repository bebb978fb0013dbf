/**
 * MCP servers whose requests are captured: `test/support/mcp.ts` for Effect 4.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Sink, Stdio, type Stream } from "effect"
import { McpProtocol, type McpServer } from "effect/ai"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import * as EffectAi from "../../src/EffectAi.js"

const protocols = [McpProtocol.v2025_06_18, McpProtocol.v2026_07_28] as const

/** A server that reads messages from a stream, and writes its own. */
export const overPipes = (
  options: EffectAi.McpOptions,
  input: Stream.Stream<Uint8Array>,
  receive: (chunk: Uint8Array | string) => void
) =>
  EffectAi.layerMcpStdio({ ...options, protocols }).pipe(
    Layer.provide(Stdio.layerTest({
      stdin: input,
      stdout: () => Sink.forEach((chunk: Uint8Array | string) => Effect.sync(() => receive(chunk)))
    }))
  )

/** A server over HTTP, at `/mcp` of a free port. */
export const overHttp = <E, R>(
  contents: Layer.Layer<never, E, R | McpServer.McpServer>,
  options: EffectAi.McpOptions
) =>
  HttpRouter.serve(
    contents.pipe(Layer.provide(EffectAi.layerMcpHttp({ ...options, protocols, path: "/mcp" }))),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )

/** A client cannot name its session itself: the server does, with its first answer. */
export const ownSession: Readonly<Record<string, string>> = {}

/** What a client sends that has no session: since 2026 it says with each request who it is. */
export const withoutSession = (method: string) => ({
  headers: { "mcp-protocol-version": "2026-07-28", "mcp-method": method } as Record<string, string>,
  params: {
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": { name: "test-client", version: "9.9" }
    }
  }
})
