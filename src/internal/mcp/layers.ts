/**
 * MCP servers whose requests are captured, as the majors of Effect make servers. All that is exported here is public:
 * `EffectAi` exports it again.
 */
import * as McpServer from "@effect/ai/McpServer"
import type { PathInput } from "@effect/platform/HttpRouter"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { Sink } from "effect/Sink"
import type { Stream } from "effect/Stream"
import { PostHog } from "../../PostHog.js"
import { watchProtocol } from "./protocol.js"
import { type McpOptions, mcpSource } from "./source.js"

/**
 * A layer with the protocol of an MCP server, whose requests are captured: `$mcp_tool_call` and its kin. Goes around
 * the layer of the protocol, and `McpServer.layer` takes that; {@link layerMcpStdio} and its kin do both.
 *
 * @since 0.1.0
 * @category mcp
 */
export const withMcpCapture: {
  /**
   * A layer with the protocol of an MCP server, whose requests are captured: `$mcp_tool_call` and its kin.
   *
   * @since 0.1.0
   * @category mcp
   */
  (
    options: McpOptions
  ): <E, R>(self: Layer.Layer<RpcServer.Protocol, E, R>) => Layer.Layer<RpcServer.Protocol, E, R | PostHog>
  /**
   * A layer with the protocol of an MCP server, whose requests are captured: `$mcp_tool_call` and its kin.
   *
   * @since 0.1.0
   * @category mcp
   */
  <E, R>(
    self: Layer.Layer<RpcServer.Protocol, E, R>,
    options: McpOptions
  ): Layer.Layer<RpcServer.Protocol, E, R | PostHog>
} = /* #__PURE__ */ dual(
  2,
  <E, R>(
    self: Layer.Layer<RpcServer.Protocol, E, R>,
    options: McpOptions
  ): Layer.Layer<RpcServer.Protocol, E, R | PostHog> =>
    Layer.flatMap(self, (context) =>
      Layer.effect(
        RpcServer.Protocol,
        Effect.map(
          PostHog,
          (service) => watchProtocol(Context.get(context, RpcServer.Protocol), mcpSource(service, options))
        )
      ))
)

/** The name and the version that the server reports to clients. */
const told = ({ name, version }: McpOptions) => ({ name, version: version ?? "0.0.0" })

type McpServices = McpServer.McpServer | Layer.Layer.Success<ReturnType<typeof McpServer.layer>>

/**
 * As `McpServer.layerStdio`, with its requests captured. Adds no logger, and removes those that write to standard
 * output, as that one does.
 *
 * @since 0.1.0
 * @category mcp
 */
export const layerMcpStdio = <EIn, RIn, EOut, ROut>(
  options: McpOptions & {
    readonly stdin: Stream<Uint8Array, EIn, RIn>
    readonly stdout: Sink<unknown, Uint8Array | string, unknown, EOut, ROut>
  }
): Layer.Layer<McpServices, never, RIn | ROut | PostHog> =>
  McpServer.layer(told(options)).pipe(
    Layer.provide(withMcpCapture(RpcServer.layerProtocolStdio(options), options)),
    Layer.provide(RpcSerialization.layerNdJsonRpc()),
    Layer.provideMerge(Logger.remove(Logger.defaultLogger)),
    Layer.provideMerge(Logger.remove(Logger.prettyLoggerDefault))
  )

/**
 * As `McpServer.layerHttp`, with its requests captured.
 *
 * @since 0.1.0
 * @category mcp
 */
export const layerMcpHttp = (
  options: McpOptions & { readonly path: PathInput }
): Layer.Layer<McpServices, never, PostHog> =>
  McpServer.layer(told(options)).pipe(
    Layer.provide(withMcpCapture(RpcServer.layerProtocolHttp({ path: options.path }), options)),
    Layer.provide(RpcSerialization.layerJsonRpc())
  )
