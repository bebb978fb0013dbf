/**
 * Events about what clients ask an MCP server for, as PostHog's MCP analytics reads them.
 *
 * @since 0.1.0
 */
import { has, isList, isObject, isRecord, read } from "../guard.js"
import { textFor, valueFor } from "./text.js"

/** PostHog reads the events that say this, whatever library has sent them. */
const source = "posthog_mcp_analytics"

const events: Readonly<Record<string, string>> = {
  "tools/call": "$mcp_tool_call",
  "tools/list": "$mcp_tools_list",
  initialize: "$mcp_initialize",
  "resources/list": "$mcp_resources_list",
  "resources/read": "$mcp_resource_read",
  "prompts/list": "$mcp_prompts_list",
  "prompts/get": "$mcp_prompt_get"
}

/** The event about a method of the protocol, for those that have one. */
export const eventOf = (method: string): string | undefined =>
  Object.hasOwn(events, method) ? events[method] : undefined

/** Who talks with whom; what is not known is absent. */
export interface Peers {
  readonly serverName: string
  readonly serverVersion?: string | undefined
  readonly clientName?: string | undefined
  readonly clientVersion?: string | undefined
  readonly protocolVersion?: string | undefined
  readonly userAgent?: string | undefined
  readonly vendorClient?: string | undefined
}

/** A request that was answered. */
export interface Exchange {
  readonly method: string
  readonly params: unknown
  /** The answer: `{ _tag: "Success", value }` or `{ _tag: "Failure", cause }`, with a Cause of Effect 3 or of 4. */
  readonly exit: unknown
  /** What a handler threw, where more is known of it than the answer says. */
  readonly thrown?: { readonly value: unknown } | undefined
  readonly durationMillis: number
  readonly sessionId: string
  readonly intent?: string | undefined
  /** What the server says about the tool. */
  readonly description?: string | undefined
}

const maxName = 256
const maxText = 2_048

/** Characters of what a client asked for and was answered. The event as a whole has at most 100 KB. */
const maxContent = 45_000

const text = (value: unknown, limit = maxText): string | undefined =>
  typeof value === "string" && value !== "" ? textFor(value, limit) : undefined

/** Why a request failed. */
export interface McpFailure {
  readonly type: string
  readonly message: string | undefined
  readonly status: number | undefined
  /** Whether it is a fault of the server, and not of who asks it. */
  readonly isFault: boolean
}

const ofStatus = (status: number): string | undefined =>
  status === 429
    ? "rate_limited"
    : status === 401 || status === 403
    ? "permission"
    : status >= 500
    ? "api_5xx"
    : status >= 400
    ? "api_4xx"
    : undefined

const byTag: Readonly<Record<string, string>> = {
  MalformedInput: "validation",
  MalformedOutput: "validation",
  ParseError: "validation",
  InvalidParams: "validation",
  TimeoutException: "timeout",
  TimeoutError: "timeout",
  InterruptedException: "cancelled",
  InternalError: "internal"
}

/** What an error of the program is, from the members by which errors are known. */
const typeOf = (error: unknown): { readonly type: string | undefined; readonly status: number | undefined } => {
  const status = read(read(error, "response"), "status") ?? read(error, "status")
  const known = typeof status === "number" && Number.isInteger(status) ? status : undefined
  const name = read(error, "_tag") ?? read(error, "name")
  const said = typeof name === "string" && name !== "" ? name.slice(0, maxName) : undefined
  const tagged = said !== undefined && Object.hasOwn(byTag, said) ? byTag[said] : said
  return { type: (known === undefined ? undefined : ofStatus(known)) ?? tagged, status: known }
}

/** Kinds of failures that say something about who asks, or about somebody else. */
const notFaults = new Set([
  "validation",
  "permission",
  "missing_context",
  "timeout",
  "rate_limited",
  "api_4xx",
  "api_5xx",
  "cancelled",
  "input_required"
])

const failed = (type: string, message: unknown, status?: number): McpFailure => ({
  type,
  message: text(message),
  status,
  isFault: !notFaults.has(type)
})

/** Longest text that may be an error as JSON. */
const maxJson = 20_000

/** Since Effect 4 an error of a tool is told as text alone, which may be JSON. */
const inText = (said: unknown): unknown => {
  if (typeof said !== "string" || said.length > maxJson || !said.startsWith("{")) return undefined
  try {
    return JSON.parse(said)
  } catch {
    return undefined
  }
}

/** What a tool says in the place of a result. */
const ofResult = (value: unknown): McpFailure => {
  const content = read(value, "content")
  const first = isList(content) ? read(content[0], "text") : undefined
  const structured = read(value, "structuredContent") ?? inText(first)
  const { status, type } = typeOf(structured)
  return failed(type ?? "Error", read(structured, "message") ?? read(structured, "description") ?? first, status)
}

/** The first failure, defect or interruption of a cause: a tree in Effect 3, a list in Effect 4. */
const leafOf = (cause: unknown, depth = 0): unknown => {
  const reasons = read(cause, "reasons") ?? cause
  if (isList(reasons)) return reasons.find((reason) => read(reason, "_tag") !== "Interrupt") ?? reasons[0]
  const tag = read(cause, "_tag")
  if (depth > 10 || (tag !== "Sequential" && tag !== "Parallel")) return cause
  const left = leafOf(read(cause, "left"), depth + 1)
  return read(left, "_tag") === "Empty" || read(left, "_tag") === "Interrupt"
    ? leafOf(read(cause, "right"), depth + 1)
    : left
}

const ofDefect = (defect: unknown): McpFailure => {
  const { type } = typeOf(defect)
  return failed(
    type === undefined || type === "Error" ? "internal" : type,
    typeof defect === "string" ? defect : read(defect, "message")
  )
}

const ofCause = (cause: unknown): McpFailure => {
  const leaf = leafOf(cause)
  const tag = read(leaf, "_tag")
  if (tag === "Fail") {
    const error = read(leaf, "error")
    // Codes of JSON-RPC.
    const code = read(error, "code")
    const type = code === -32602 ? "validation" : code === -32603 ? "internal" : typeOf(error).type
    return failed(type ?? "Error", read(error, "message"))
  }
  return tag === "Die" ? ofDefect(read(leaf, "defect")) : failed("cancelled", undefined)
}

/** Why the request failed; `undefined`: it did not. */
export const failureOf = (
  { exit, method, thrown }: Pick<Exchange, "exit" | "method" | "thrown">
): McpFailure | undefined => {
  if (thrown !== undefined) return ofDefect(thrown.value)
  if (read(exit, "_tag") !== "Success") return ofCause(read(exit, "cause"))
  const value = read(exit, "value")
  return method === "tools/call" && read(value, "isError") === true ? ofResult(value) : undefined
}

/** The tool, the resource or the prompt that was asked for. */
export const targetOf = (method: string, params: unknown): string | undefined =>
  text(read(params, method === "resources/read" ? "uri" : "name"), maxName)

const namesOf = (value: unknown, member: string): ReadonlyArray<string> => {
  const list = read(value, member)
  return isList(list)
    ? list.slice(0, 1_000).map((entry) => read(entry, "name")).filter((name) => typeof name === "string")
      .map((name) => name.slice(0, maxName))
    : []
}

const present = (members: Record<string, unknown>): Record<string, unknown> => {
  const some: Record<string, unknown> = {}
  for (const name of Object.keys(members)) if (members[name] !== undefined) some[name] = members[name]
  return some
}

const isCallOf = (method: string): boolean => method === "tools/call"

const ofTool = ({ description, intent, method, params }: Exchange) =>
  isCallOf(method)
    ? {
      $mcp_tool_name: targetOf(method, params),
      $mcp_tool_description: text(description),
      $mcp_intent: intent === undefined ? undefined : text(intent),
      $mcp_intent_source: intent === undefined ? undefined : "context_parameter"
    }
    : {}

/** `_meta` is the client's own, and not about what it asks for. */
const asked = (method: string, params: unknown): unknown => {
  if (!isRecord(params)) return { request: { method } }
  const { _meta, ...own } = params
  return { request: { method, params: own } }
}

/** The properties of the event. `content`: whether arguments and results are sent. */
export const propertiesOf = (exchange: Exchange, peers: Peers, content: boolean): Record<string, unknown> => {
  const { durationMillis, exit, method, params, sessionId } = exchange
  const failure = failureOf(exchange)
  const value = read(exit, "_tag") === "Success" ? read(exit, "value") : undefined
  const hasContent = content && method !== "initialize" && !method.endsWith("/list")
  return present({
    $mcp_source: source,
    $session_id: sessionId,
    $mcp_is_error: failure !== undefined,
    $mcp_duration_ms: durationMillis,
    $mcp_server_name: peers.serverName.slice(0, maxName),
    $mcp_server_version: text(peers.serverVersion, maxName),
    $mcp_client_name: text(peers.clientName, maxName),
    $mcp_client_version: text(peers.clientVersion, maxName),
    $mcp_protocol_version: text(peers.protocolVersion, maxName),
    $mcp_client_user_agent: text(peers.userAgent, maxText),
    $mcp_vendor_client: text(peers.vendorClient, maxName),
    $mcp_resource_name: method === "initialize" || method.endsWith("/list") ? undefined : targetOf(method, params),
    ...ofTool(exchange),
    $mcp_listed_tool_names: method === "tools/list" ? namesOf(value, "tools") : undefined,
    $mcp_error_type: failure?.type,
    $mcp_error_message: content ? failure?.message : undefined,
    $mcp_error_status: failure?.status,
    $mcp_parameters: hasContent ? valueFor(asked(method, params), maxContent) : undefined,
    $mcp_response: hasContent && value !== undefined ? valueFor(value, maxContent) : undefined
  })
}

/** What a client says it is for when it calls a tool, and the arguments without it. */
export const partIntent = (
  params: unknown
): { readonly intent: string | undefined; readonly params: unknown } => {
  const given = read(params, "arguments")
  if (!isRecord(given) || !has(given, "context")) return { intent: undefined, params }
  const { context, ...rest } = given
  const said = typeof context === "string" ? context.trim() : ""
  return {
    intent: said === "" || said === "{}" ? undefined : said,
    params: isObject(params) ? { ...params, arguments: rest } : params
  }
}

const intentSchema = {
  type: "string",
  description: "Why you call this tool: what you want to achieve for the user, in one or two sentences. " +
    "Without personal data and secrets."
}

/** The definition of a tool with the parameter `context`. */
export const withIntent = (tool: unknown): unknown => {
  const schema = read(tool, "inputSchema")
  if (!isRecord(tool) || !isRecord(schema)) return tool
  const properties = read(schema, "properties")
  const required = read(schema, "required")
  return {
    ...tool,
    inputSchema: {
      ...schema,
      type: "object",
      properties: { ...isRecord(properties) ? properties : {}, context: intentSchema },
      // Models leave out what they may leave out. A call without it is answered all the same.
      required: [...isList(required) ? required : [], "context"]
    }
  }
}
