/**
 * The requests of an MCP server and their answers, followed at its protocol: what comes in and what goes out passes
 * there, whatever the server is made of.
 */
import * as Effect from "effect/Effect"
import { isList, isRecord, read } from "../../core/guard.js"
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
import { currentState } from "../context.js"
import { referenceAt, snapshotOf, withFiber } from "../effect/fiber.js"
import type { Active, Instance } from "../instance.js"
import { newId, treatmentOf } from "../llm/capture.js"
import { sessionOfHeader } from "./session.js"

/** A request as the protocol hands it over. */
interface Message {
  readonly _tag: string
  readonly id?: unknown
  readonly tag?: string
  readonly payload?: unknown
  readonly headers?: ReadonlyArray<readonly [string, string]>
}

/** An answer as the protocol takes it. */
interface Answer {
  readonly _tag: string
  readonly requestId?: unknown
  readonly exit?: unknown
}

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
  readonly exception: (
    failure: McpFailure,
    properties: Record<string, unknown>,
    distinctId: string | undefined
  ) => Effect.Effect<void>
}

/** A request that has not been answered. */
interface Pending {
  readonly origin: Origin
  readonly method: string
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

const maxPending = 10_000
const maxClients = 1_000

const headersOf = (message: Message): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {}
  if (!isList(message.headers)) return headers
  for (const [name, value] of message.headers.slice(0, 200)) headers[String(name).toLowerCase()] = String(value)
  return headers
}

const text = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** Follows the requests of all clients of a server. */
export class Watcher {
  private readonly pending = new Lru<string, Pending>(maxPending)
  private readonly clients = new Lru<string, Client>(maxClients)
  private readonly sessions = new Lru<number, Session>(maxClients)
  private version: string | undefined

  constructor(
    private readonly source: McpSource,
    private readonly active: Active,
    /** Whether a client has a connection of its own. */
    private readonly hasConnections: boolean
  ) {
    this.version = source.options.version
  }

  private session(clientId: number, headers: Readonly<Record<string, string>>, origin: Origin): Effect.Effect<string> {
    if (this.hasConnections) return Effect.sync(() => this.connection(clientId, origin))
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

  private peers(headers: Readonly<Record<string, string>>, client: string | undefined): Peers {
    const { name } = this.source.options
    return {
      serverName: name,
      serverVersion: this.version,
      protocolVersion: text(headers["mcp-protocol-version"]),
      ...client === undefined ? undefined : this.clients.get(client),
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

  /** Notes a request, and hands it on in a context that has the session. */
  readonly request = <M extends Message>(
    clientId: number,
    message: M,
    tools: () => ReadonlyArray<ToolDefinition>,
    handle: (message: M) => Effect.Effect<void>
  ): Effect.Effect<void> => {
    const method = message.tag ?? ""
    if (message._tag !== "Request" || eventOf(method) === undefined) return handle(message)
    return withFiber<void>((fiber) => {
      const origin = snapshotOf(fiber)
      const headers = headersOf(message)
      const distinctId = this.whose({ method, headers })
      return Effect.flatMap(this.session(clientId, headers, origin), (sessionId) => {
        const tool = method === "tools/call"
          ? tools().find(({ name }) => name === read(message.payload, "name"))
          : undefined
        // A call of a tool that the server does not have says nothing about the server.
        if (method === "tools/call" && tool === undefined) return handle(message)
        const parted = this.source.options.intent === true && tool !== undefined && takesIntent(tool.inputSchema)
          ? partIntent(message.payload)
          : { intent: undefined, params: message.payload }
        const client = this.hasConnections ? String(clientId) : text(headers["mcp-session-id"])
        this.pending.set(keyOf(clientId, message.id), {
          origin,
          method,
          params: parted.params,
          intent: parted.intent,
          description: text(tool?.description),
          sessionId,
          client,
          peers: this.peers(headers, client),
          distinctId,
          timestamp: millisOf(origin),
          start: elapsedOf(origin)
        })
        return Effect.locallyWith(
          handle(parted.params === message.payload ? message : { ...message, payload: parted.params }),
          currentState,
          (state) =>
            state.set({ sessionId, ...distinctId === undefined ? undefined : { distinctId } }, undefined, undefined)
        )
      })
    })
  }

  /** Captures what an answer says, and gives the answer as the client shall see it. */
  readonly answer = <A extends Answer>(clientId: number, answer: A): readonly [A, Effect.Effect<void>] => {
    if (answer._tag !== "Exit") return [answer, Effect.void]
    const key = keyOf(clientId, answer.requestId)
    const request = this.pending.get(key)
    if (request === undefined) return [answer, Effect.void]
    this.pending.delete(key)
    if (request.method === "initialize") this.meet(request, answer.exit)
    const durationMillis = elapsedOf(request.origin) - request.start
    const captured = Effect.suspend(() => this.captured(request, answer.exit, durationMillis))
    return [
      request.method === "tools/list" && this.source.options.intent === true ? withIntents(answer) : answer,
      captured
    ]
  }

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

  private captured(request: Pending, exit: unknown, durationMillis: number): Effect.Effect<void> {
    const { source: { instance, options } } = this
    const { distinctId, method, origin, sessionId } = request
    const event = eventOf(method)!
    if (instance.door.isSilent(origin, event)) return Effect.void
    const exchange: Exchange = { ...request, exit, durationMillis }
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
    const state = referenceAt(origin, currentState)
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
    const { method, params, sessionId } = exchange
    const failure = failureOf(method, exchange.exit)
    if (method !== "tools/call" || failure?.isFault !== true || this.source.options.exceptions === false) {
      return Effect.void
    }
    return this.source.exception(failure, {
      $session_id: sessionId,
      $mcp_tool_name: targetOf(method, params),
      $mcp_server_name: this.source.options.name
    }, distinctId)
  }
}

/** Numbers and texts are other ids in JSON-RPC, but answers have them as texts. */
const keyOf = (clientId: number, id: unknown): string => `${clientId} ${String(id)}`

const withIntents = <A extends Answer>(answer: A): A => {
  const { exit } = answer
  const value = read(exit, "value")
  const tools = read(value, "tools")
  if (!isRecord(exit) || !isRecord(value) || !isList(tools)) return answer
  const changed = tools.map((tool) => takesIntent(read(tool, "inputSchema")) ? withIntent(tool) : tool)
  return { ...answer, exit: { ...exit, value: { ...value, tools: changed } } }
}
