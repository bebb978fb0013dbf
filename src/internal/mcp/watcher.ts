/**
 * The requests of an MCP server and their answers: what is known of each, and the events about them.
 */
import * as Effect from "effect/Effect"
import { isList, read } from "../../core/guard.js"
import { Lru } from "../../core/lru.js"
import {
  eventOf,
  type Exchange,
  failureOf,
  type McpFailure,
  partIntent,
  type Peers,
  propertiesOf,
  targetOf,
  withIntent
} from "../../core/mcp/events.js"
import { takesIntent } from "../../core/mcp/text.js"
import { aside, elapsedOf, millisOf, ordinary, type Origin } from "../capture.js"
import { inState, snapshot, stateAt } from "../context.js"
import { withFiber } from "../effect/fiber.js"
import type { Active, Instance } from "../instance.js"
import { newId, treatmentOf } from "../llm/capture.js"
import { sessionOfHeader } from "./session.js"

/** What a server says about a tool. */
export interface ToolDefinition {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: unknown
}

/** What the program says about the server. */
export interface McpGiven {
  /** The name of the server, sent as `$mcp_server_name`. */
  readonly name: string
  /** Its version, sent as `$mcp_server_version`. */
  readonly version?: string | undefined
  /**
   * Whether each tool gets a parameter `context`, in which a model says why it calls the tool. It is sent as
   * `$mcp_intent`, and handlers do not see it. Tools that have a parameter of that name, or whose parameters are no
   * plain object, stay as they are. Default: `false`, because it changes what clients see.
   */
  readonly intent?: boolean | undefined
  /** Whether arguments, results and error messages are left out. Default: the instance's `privacyMode`. */
  readonly privacyMode?: boolean | undefined
  /**
   * Whether failures that are faults of the server, such as a defect in a tool, are captured as `$exception` as well.
   * Default: `true`.
   */
  readonly exceptions?: boolean | undefined
  /**
   * Who makes a request, by its headers; a server over standard input has none. Default: the user of the context, else
   * nobody, and the event is personless under the id of the session.
   */
  readonly distinctId?: ((request: McpRequest) => string | undefined) | undefined
}

/** What is known of a request before it is handled. */
export interface McpRequest {
  /** Such as `tools/call`. */
  readonly method: string
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>
}

export interface McpSource {
  readonly options: McpGiven
  readonly instance: Instance
  /** Captures an exception. */
  readonly exception: (
    thrown: unknown,
    properties: Record<string, unknown>,
    distinctId: string | undefined
  ) => Effect.Effect<void>
}

/** A request that comes in. */
export interface Incoming {
  readonly method: string
  readonly params: unknown
  readonly headers: Readonly<Record<string, string>>
  readonly clientId: number
  /** Whether the client has a connection of its own. */
  readonly isConnected: boolean
  /** All tools that the server has. */
  readonly tools: () => ReadonlyArray<ToolDefinition>
  /** What the server knows of the client by itself. */
  readonly peers?: Partial<Peers> | undefined
}

/** How a request ended. */
export interface Outcome {
  /** The answer, as `core/mcp/events.ts` reads it. */
  readonly exit: unknown
  /** What the failure was, where more is known than the answer says. */
  readonly thrown?: { readonly value: unknown } | undefined
}

/** A request that has not been answered. */
export interface Pending {
  readonly origin: Origin
  readonly method: string
  /** Without the intent. */
  readonly params: unknown
  readonly intent: string | undefined
  readonly description: string | undefined
  readonly sessionId: string
  /** By what the client is known again. */
  readonly client: string | undefined
  readonly peers: Peers
  readonly distinctId: string | undefined
  readonly timestamp: number
  readonly start: number
}

type Client = Pick<Peers, "clientName" | "clientVersion" | "protocolVersion">

interface Session {
  readonly id: string
  last: number
}

/** After so long without a request a connection begins a new session. */
const maxSilence = 30 * 60 * 1000

const maxClients = 1_000

const text = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** The failure as an error without frames: only the message for the client is known. */
const errorOf = ({ message = "", type }: McpFailure): Error =>
  Object.assign(new Error(message), { name: type, stack: `${type}: ${message}` })

/** Follows the requests of all clients of a server. */
export class Watcher {
  private readonly clients = new Lru<string, Client>(maxClients)
  private readonly sessions = new Lru<number, Session>(maxClients)
  private version: string | undefined

  constructor(private readonly source: McpSource, private readonly active: Active) {
    this.version = source.options.version
  }

  private session({ clientId, headers, isConnected }: Incoming, origin: Origin): Effect.Effect<string> {
    if (isConnected) return Effect.sync(() => this.connection(clientId, origin))
    const given = text(headers["mcp-session-id"])
    return Effect.map(
      given === undefined ? Effect.succeed(undefined) : sessionOfHeader(given),
      (id) => id ?? this.newSession(origin)
    )
  }

  private newSession(origin: Origin): string {
    return `ses_${newId(this.active, origin)}`
  }

  private connection(clientId: number, origin: Origin): string {
    const now = elapsedOf(origin)
    const known = this.sessions.get(clientId)
    const session = known === undefined || now - known.last > maxSilence
      ? { id: this.newSession(origin), last: now }
      : known
    session.last = now
    this.sessions.set(clientId, session)
    return session.id
  }

  private peers({ headers, peers: known }: Incoming, client: string | undefined): Peers {
    const { name } = this.source.options
    return {
      serverName: name,
      serverVersion: this.version,
      protocolVersion: text(headers["mcp-protocol-version"]),
      ...client === undefined ? undefined : this.clients.get(client),
      ...known,
      userAgent: text(headers["user-agent"]),
      vendorClient: text(headers["x-anthropic-client"])
    }
  }

  private whose(request: McpRequest): string | undefined {
    try {
      return text(this.source.options.distinctId?.(request))
    } catch {
      return undefined
    }
  }

  /** Notes a request. `undefined`: there is no event about it. */
  begin(request: Incoming): Effect.Effect<Pending | undefined> {
    const { clientId, headers, isConnected, method, params } = request
    if (eventOf(method) === undefined) return Effect.succeed(undefined)
    return withFiber((fiber) => {
      const origin = snapshot(fiber)
      const tool = method === "tools/call"
        ? request.tools().find(({ name }) => name === read(params, "name"))
        : undefined
      // A call of a tool that the server does not have says nothing about the server.
      if (method === "tools/call" && tool === undefined) return Effect.succeed(undefined)
      const parted = this.source.options.intent === true && tool !== undefined && takesIntent(tool.inputSchema)
        ? partIntent(params)
        : { intent: undefined, params }
      const client = isConnected ? String(clientId) : text(headers["mcp-session-id"])
      return Effect.map(this.session(request, origin), (sessionId) => ({
        origin,
        method,
        params: parted.params,
        intent: parted.intent,
        description: text(tool?.description),
        sessionId,
        client,
        peers: this.peers(request, client),
        distinctId: this.whose({ method, headers }),
        timestamp: millisOf(origin),
        start: elapsedOf(origin)
      }))
    })
  }

  /** What is captured while a request is handled is in its session, and exceptions name the tool. */
  inside<A, E, R>(request: Pending, handled: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const { distinctId, method, params, sessionId } = request
    const of = { sessionId, ...distinctId === undefined ? undefined : { distinctId } }
    const tool = method === "tools/call" ? targetOf(method, params) : undefined
    return inState(handled, (state) => {
      const inSession = state.set(of, undefined, undefined)
      return tool === undefined
        ? inSession
        : inSession.setTexts(["$exception"], { $mcp_tool_name: tool, $mcp_server_name: this.source.options.name })
    })
  }

  /** Captures what came of a request. */
  end(request: Pending, outcome: Outcome): Effect.Effect<void> {
    if (request.method === "initialize") this.meet(request, outcome.exit)
    const durationMillis = elapsedOf(request.origin) - request.start
    return Effect.suspend(() => this.captured(request, outcome, durationMillis))
  }

  /** What a request is answered, as the client shall see it. */
  readonly answered = <A>({ method }: Pending, value: A): A =>
    method === "tools/list" && this.source.options.intent === true ? withIntents(value) : value

  /** The client has said who it is, and the server too. */
  private meet(request: Pending, exit: unknown): void {
    const value = read(exit, "value")
    this.version ??= text(read(read(value, "serverInfo"), "version"))
    if (request.client === undefined) return
    const info = read(request.params, "clientInfo")
    this.clients.set(request.client, {
      clientName: text(read(info, "name")),
      clientVersion: text(read(info, "version")),
      protocolVersion: text(read(value, "protocolVersion")) ?? text(read(request.params, "protocolVersion"))
    })
  }

  private captured(request: Pending, { exit, thrown }: Outcome, durationMillis: number): Effect.Effect<void> {
    const { source: { instance, options } } = this
    const { distinctId, method, origin, sessionId } = request
    const event = eventOf(method)!
    if (instance.door.isSilent(origin, event)) return Effect.void
    const exchange: Exchange = { ...request, exit, thrown, durationMillis }
    const info = read(request.params, "clientInfo")
    const peers = method === "initialize"
      ? {
        ...request.peers,
        serverVersion: this.version,
        clientName: text(read(info, "name")),
        clientVersion: text(read(info, "version")),
        protocolVersion: text(read(read(exit, "value"), "protocolVersion")) ?? request.peers.protocolVersion
      }
      : request.peers
    const state = stateAt(origin)
    const content = treatmentOf(this.active, state, { privacyMode: options.privacyMode }) !== undefined
    const properties = propertiesOf(exchange, peers, content)
    const { captured } = instance.door.take(origin, {
      event,
      properties,
      subject: undefined,
      options: { distinctId, timestamp: new Date(request.timestamp) },
      kind: ordinary,
      personlessId: sessionId
    })
    return Effect.zipRight(aside(captured), this.exception(exchange, distinctId))
  }

  private exception(exchange: Exchange, distinctId: string | undefined): Effect.Effect<void> {
    const { method, params, sessionId, thrown } = exchange
    const failure = failureOf(exchange)
    if (method !== "tools/call" || failure?.isFault !== true || this.source.options.exceptions === false) {
      return Effect.void
    }
    return this.source.exception(thrown === undefined ? errorOf(failure) : thrown.value, {
      $session_id: sessionId,
      $mcp_tool_name: targetOf(method, params),
      $mcp_server_name: this.source.options.name
    }, distinctId)
  }
}

const withIntents = <A>(value: A): A => {
  const tools = read(value, "tools")
  return isList(tools)
    ? { ...value, tools: tools.map((tool) => takesIntent(read(tool, "inputSchema")) ? withIntent(tool) : tool) }
    : value
}
