/**
 * MCP servers whose requests are captured, as the majors of Effect make servers. All that is exported here is public:
 * `EffectAi` exports it again.
 */
import type * as McpProtocol from "effect/ai/McpProtocol"
import type * as McpSchema from "effect/ai/McpSchema"
import * as McpServer from "effect/ai/McpServer"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { PathInput } from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import { PostHog } from "../../PostHog.js"
import { watchProtocols } from "./protocol.js"
import { type McpOptions, mcpSource } from "./source.js"

type Protocols = Arr.NonEmptyReadonlyArray<McpProtocol.ProtocolAdapter>

const isProtocolsFirst = (args: IArguments): boolean => Array.isArray(args[0])

/**
 * Versions of the protocol for an MCP server, whose requests are captured: `$mcp_tool_call` and its kin. Goes around
 * the list that is given to a server as `protocols`; {@link layerMcpStdio} and its kin do both.
 *
 * @since 0.1.0
 * @category mcp
 */
export const withMcpCapture: {
  /**
   * Versions of the protocol for an MCP server, whose requests are captured: `$mcp_tool_call` and its kin.
   *
   * @since 0.1.0
   * @category mcp
   */
  (options: McpOptions): <const Of extends Protocols>(protocols: Of) => Effect.Effect<Of, never, PostHog>
  /**
   * Versions of the protocol for an MCP server, whose requests are captured: `$mcp_tool_call` and its kin.
   *
   * @since 0.1.0
   * @category mcp
   */
  <const Of extends Protocols>(protocols: Of, options: McpOptions): Effect.Effect<Of, never, PostHog>
} = /* #__PURE__ */ dual(
  isProtocolsFirst,
  <const Of extends Protocols>(protocols: Of, options: McpOptions): Effect.Effect<Of, never, PostHog> =>
    Effect.map(PostHog, (service) => watchProtocols(protocols, mcpSource(service, options)))
)

/**
 * What can be said about an MCP server and its requests: as for `McpServer.layerStdio`, and {@link McpOptions}.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpServerOptions<Of extends Protocols, RA, RE, RR> extends McpOptions {
  /** The versions of the protocol that the server speaks, the preferred one first. */
  readonly protocols: Of
  /** Instructions for the model that uses the server. Default: none. */
  readonly instructions?: string | undefined
  /** What the server is for. Default: absent. */
  readonly description?: string | undefined
  /** Where more is said about the server. Default: absent. */
  readonly websiteUrl?: string | undefined
  /** Pictures that stand for the server. Default: none. */
  readonly icons?: ReadonlyArray<McpSchema.Icon> | undefined
  /** Extensions of the protocol that the server has. Default: none. */
  readonly extensions?: McpSchema.ServerCapabilities["extensions"]
  /** How long clients may keep what the server lists. Default: not at all. */
  readonly cacheHints?: McpServer.CacheHints | undefined
  /** Tools, resources and prompts that may need what is known of a request. Default: none. */
  readonly registrations?: Layer.Layer<RA, RE, RR> | undefined
}

/**
 * What can be said about an MCP server over HTTP and its requests: as for `McpServer.layerHttp`, and
 * {@link McpOptions}.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpHttpOptions<Of extends Protocols, RA, RE, RR> extends McpServerOptions<Of, RA, RE, RR> {
  /** Where the router has the server. */
  readonly path: PathInput
  /** From which origins a browser may ask. Default: that of the server. */
  readonly allowedOrigins?: ReadonlyArray<string> | undefined
  /** Whether a client may end its session. Default: `false`. */
  readonly allowSessionTermination?: boolean | undefined
  /** Whether a client may be told of what changes. Default: `true`. */
  readonly allowSubscriptions?: boolean | undefined
}

type WithPostHog<Of> = Of extends Layer.Layer<infer A, infer E, infer R> ? Layer.Layer<A, E, R | PostHog> : never

type StdioLayer<Of extends Protocols, RA, RE, RR> = WithPostHog<
  ReturnType<typeof McpServer.layerStdio<Of, RA, RE, RR>>
>

type HttpLayer<Of extends Protocols, RA, RE, RR> = WithPostHog<ReturnType<typeof McpServer.layerHttp<Of, RA, RE, RR>>>

/**
 * As `McpServer.layerStdio`, with its requests captured. Standard output belongs to the protocol: a program has no
 * logger that writes there.
 *
 * @since 0.1.0
 * @category mcp
 */
export const layerMcpStdio = <const Of extends Protocols, RA = never, RE = never, RR = never>(
  options: McpServerOptions<Of, RA, RE, RR>
): StdioLayer<Of, RA, RE, RR> =>
  Layer.unwrap(
    Effect.map(withMcpCapture(options.protocols, options), (protocols) =>
      McpServer.layerStdio({ ...options, version: options.version ?? "0.0.0", protocols }))
  ) as StdioLayer<Of, RA, RE, RR>

/**
 * As `McpServer.layerHttp`, with its requests captured.
 *
 * @since 0.1.0
 * @category mcp
 */
export const layerMcpHttp = <const Of extends Protocols, RA = never, RE = never, RR = never>(
  options: McpHttpOptions<Of, RA, RE, RR>
): HttpLayer<Of, RA, RE, RR> =>
  Layer.unwrap(
    Effect.map(withMcpCapture(options.protocols, options), (protocols) =>
      McpServer.layerHttp({ ...options, version: options.version ?? "0.0.0", protocols }))
  ) as HttpLayer<Of, RA, RE, RR>
