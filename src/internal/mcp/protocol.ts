/**
 * The protocol of an MCP server, followed: what comes in and what goes out passes there, whatever the server is made
 * of.
 */
import * as McpServer from "@effect/ai/McpServer"
import type * as RpcServer from "@effect/rpc/RpcServer"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isList, isRecord, read } from "../../core/guard.js"
import { Lru } from "../../core/lru.js"
import { type McpSource, type Pending, Watcher } from "./watcher.js"

type Protocol = Context.Tag.Service<typeof RpcServer.Protocol>

/** Requests that are not answered yet. */
const maxPending = 10_000

const headersOf = (given: unknown): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {}
  if (!isList(given)) return headers
  for (const header of given.slice(0, 200)) {
    if (isList(header)) headers[String(header[0]).toLowerCase()] = String(header[1])
  }
  return headers
}

/** Numbers and texts are other ids in JSON-RPC, but answers have them as texts. */
const keyOf = (clientId: number, id: unknown): string => `${clientId} ${String(id)}`

export const watchProtocol = (protocol: Protocol, source: McpSource): Protocol => {
  const { active } = source.instance
  if (active === undefined) return protocol
  const watcher = new Watcher(source, active)
  const pending = new Lru<string, Pending>(maxPending)
  return {
    ...protocol,
    run: (f) =>
      Effect.flatMap(Effect.serviceOption(McpServer.McpServer), (server) =>
        protocol.run((clientId, message) => {
          if (message._tag !== "Request") return f(clientId, message)
          const { headers, id, payload, tag } = message
          const begun = watcher.begin({
            method: tag,
            params: payload,
            headers: headersOf(headers),
            clientId,
            isConnected: protocol.supportsAck,
            tools: () => Option.isSome(server) ? server.value.tools : []
          })
          return Effect.flatMap(begun, (request) => {
            if (request === undefined) return f(clientId, message)
            pending.set(keyOf(clientId, id), request)
            return watcher.inside(request, f(clientId, { ...message, payload: request.params }))
          })
        })),
    send: (clientId, response, transferables) => {
      const key = response._tag === "Exit" ? keyOf(clientId, response.requestId) : ""
      const request = response._tag === "Exit" ? pending.get(key) : undefined
      if (response._tag !== "Exit" || request === undefined) return protocol.send(clientId, response, transferables)
      pending.delete(key)
      const { exit } = response
      const answer = isRecord(exit) && exit._tag === "Success"
        ? { ...response, exit: { ...exit, value: watcher.answered(request, read(exit, "value")) } }
        : response
      return Effect.ensuring(protocol.send(clientId, answer, transferables), watcher.end(request, { exit }))
    }
  }
}
