/**
 * The versions of the protocol that an MCP server speaks, followed: each hands its requests to handlers, decoded and
 * with what is known of the client, whatever the transport is.
 */
import type * as McpProtocol from "effect/ai/McpProtocol"
import * as McpSchema from "effect/ai/McpSchema"
import * as McpServer from "effect/ai/McpServer"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ErrorReporter from "effect/ErrorReporter"
import * as Exit from "effect/Exit"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import { read } from "../../core/guard.js"
import { eventOf, failureOf, type Peers } from "../../core/mcp/events.js"
import { thrownBy } from "../effect/cause.js"
import { type Fiber, serviceIfAny, withFiber } from "../effect/fiber.js"
import { beforeResponse } from "../effect/server.js"
import { claim } from "../exceptions/tracker.js"
import type { Instance } from "../instance.js"
import { sessionOfHeader } from "./session.js"
import { type McpSource, type Outcome, type Pending, type ToolDefinition, Watcher } from "./watcher.js"

/** How the handler of one method is called. */
type Handler = (
  payload: unknown,
  request: { readonly client: { readonly id: number }; readonly headers: Readonly<Record<string, string>> }
) => Effect.Effect<unknown, unknown, unknown>

/** What a version of the protocol gives its handlers to. */
interface Target {
  readonly install: (
    protocol: unknown,
    rpcs: unknown,
    handlers: Readonly<Record<string, Handler>>
  ) => Effect.Effect<void>
}

const sessionHeader = "mcp-session-id"

const peersOf = (fiber: Fiber): Partial<Peers> | undefined =>
  Option.getOrUndefined(Option.map(serviceIfAny(fiber, McpSchema.McpRequestContext), (request) => ({
    clientName: request.clientInfo?.name,
    clientVersion: request.clientInfo?.version,
    protocolVersion: request.protocolVersion
  })))

/**
 * What crashes in a tool is told to reporters of errors, and the client hears of an internal error only. Handled within
 * this, it is known.
 */
const withReporter = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  report: (cause: Cause.Cause<unknown>) => void
): Effect.Effect<A, E, R> => {
  const reporter: ErrorReporter.ErrorReporter = {
    [ErrorReporter.TypeId]: ErrorReporter.TypeId,
    report: ({ cause }) => report(cause)
  }
  return Effect.updateService(self, ErrorReporter.CurrentErrorReporters, (all) => new Set([reporter, ...all]))
}

/** Whether the client is asked for more, and will ask again. */
const isUnfinished = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Success" && read(exit.value, "resultType") === "input_required"

/**
 * The server tells reporters also of each answer that is an error of the protocol. That is no exception where the
 * client is at fault, and a second one where what was thrown has been told.
 */
const leaveAlone = (
  instance: Instance,
  fiber: Fiber,
  { exit, method, thrown }: Outcome & { readonly method: string }
): void => {
  if (!Exit.isExit(exit) || Exit.isSuccess(exit)) return
  if (thrown !== undefined || failureOf({ exit, method, thrown })?.isFault === false) {
    claim(instance, fiber, exit.cause)
  }
}

const watched = (
  instance: Instance,
  watcher: Watcher,
  method: string,
  handler: Handler,
  tools: () => ReadonlyArray<ToolDefinition>
): Handler =>
(payload, given) =>
  withFiber((fiber) => {
    const isHttp = Option.isSome(serviceIfAny(fiber, HttpServerRequest.HttpServerRequest))
    const begun = watcher.begin({
      method,
      params: payload,
      headers: given.headers,
      clientId: given.client.id,
      isConnected: !isHttp,
      tools,
      peers: peersOf(fiber)
    })
    return Effect.flatMap(begun, (request) => {
      if (request === undefined) {
        return Effect.onExit(handler(payload, given), (exit) =>
          Effect.sync(() => leaveAlone(instance, fiber, { exit, method, thrown: undefined })))
      }
      let thrown: Outcome["thrown"]
      const handled = withReporter(
        Effect.suspend(() =>
          handler(request.params, given)
        ),
        (cause) => {
          const [value] = thrownBy(cause)
          if (value !== undefined) thrown ??= { value }
        }
      )
      return watcher.inside(request, handled).pipe(
        Effect.map((value) => watcher.answered(request, value)),
        Effect.onExit((exit) =>
          isUnfinished(exit)
            ? Effect.void
            : Effect.andThen(
              ended(watcher, request, { exit, thrown }, isHttp && method === "initialize"),
              Effect.sync(() => leaveAlone(instance, fiber, { exit, method, thrown }))
            )
        )
      )
    })
  })

/** Over HTTP a session begins with the answer to its first request, which says its id. */
const ended = (watcher: Watcher, request: Pending, outcome: Outcome, isFirst: boolean): Effect.Effect<void> =>
  isFirst
    ? beforeResponse(({ headers }) => {
      const client = headers[sessionHeader]
      return client === undefined ? watcher.end(request, outcome) : Effect.flatMap(
        sessionOfHeader(client),
        (id) => watcher.end({ ...request, client, sessionId: id ?? request.sessionId }, outcome)
      )
    })
    : watcher.end(request, outcome)

const watchProtocol = <Protocol extends McpProtocol.ProtocolAdapter>(
  protocol: Protocol,
  instance: Instance,
  watcher: Watcher
): Protocol => ({
  ...protocol,
  installHandlers: (core: unknown, lifecycle: unknown, target: Target) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const server = Context.getOption(context, McpServer.McpServer)
      const tools = () => Option.isSome(server) ? server.value.tools.map(({ tool }) => tool) : []
      const install: Target["install"] = (version, rpcs, handlers) => {
        const seen = Object.entries(handlers).map(([method, handler]) =>
          [
            method,
            eventOf(method) === undefined ? handler : watched(instance, watcher, method, handler, tools)
          ] as const
        )
        return target.install(version, rpcs, Object.fromEntries(seen))
      }
      return protocol.installHandlers(core, lifecycle, { ...target, install })
    })
})

/** The versions of the protocol, with their requests followed: as many, and each of the type that it had. */
export function watchProtocols<Protocols extends ReadonlyArray<McpProtocol.ProtocolAdapter>>(
  protocols: Protocols,
  source: McpSource
): Protocols
export function watchProtocols(protocols: ReadonlyArray<McpProtocol.ProtocolAdapter>, source: McpSource) {
  const { active } = source.instance
  if (active === undefined) return protocols
  const watcher = new Watcher(source, active)
  return protocols.map((protocol) => watchProtocol(protocol, source.instance, watcher))
}
