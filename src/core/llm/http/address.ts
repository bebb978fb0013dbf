/**
 * What the address of a request says: whether it calls a model, which one, and how to read the body. And the parts of
 * the address that an event may show.
 *
 * @since 0.1.0
 */
import { isSecretParameter, redactQuery, redactText } from "../../secrets.js"
import { member, text } from "../formats/read.js"
import { isGateway, knownProvider, providerNamedBy, type Providers } from "./providers.js"

/** Longest address, without its query, in which a call of a model is looked for. */
const maxAddress = 2_048

/** Most characters of a query that an event shows. */
const maxQuery = 2_048

/** How requests and answers are to be read. */
export type Shape =
  | "chat"
  | "responses"
  | "embeddings"
  | "anthropic"
  | "gemini"
  | "geminiEmbedding"
  | "vertexEmbedding"
  | "converse"
  | "invoke"
  | "ollamaChat"
  | "ollamaGenerate"
  | "ollamaEmbedding"
  | "cohereEmbedding"

/** A request as far as it is looked at. */
export interface Sent {
  readonly method: string
  /** Whole, as it is sent. */
  readonly url: string
  /** The value of a header, asked by its name in lower case. */
  readonly header?: ((name: string) => string | null | undefined) | undefined
  /** The body, parsed. Asked only where the address leaves a doubt; gives `undefined` where the body is not at hand. */
  readonly body?: (() => unknown) | undefined
}

/** What an address says about a call. */
export interface Address {
  readonly shape: Shape
  readonly provider: string
  readonly baseUrl: string
  readonly model?: string | undefined
  readonly streamed?: boolean | undefined
  readonly retrieves?: string | undefined
}

/** What a path says. `prefix` is what stands before the provider's own path. */
interface Route extends Omit<Address, "provider" | "baseUrl"> {
  readonly prefix: string
}

/** The host and what is known about it; the path without slashes at its end. */
interface Where {
  readonly sent: Sent
  readonly path: string
  readonly isPost: boolean
  /** `undefined`: the host may be any. */
  readonly provider: string | undefined
}

const parse = (address: string): URL | undefined => {
  try {
    const url = new URL(address)
    return url.protocol === "https:" || url.protocol === "http:" ? url : undefined
  } catch {
    return undefined
  }
}

const splitQuery = (url: string): readonly [address: string, query: string] => {
  const whole = url.slice(0, maxAddress + maxQuery)
  const fragment = whole.indexOf("#")
  const end = fragment === -1 ? whole.length : fragment
  const mark = whole.slice(0, end).indexOf("?")
  return mark === -1 ? [whole.slice(0, end), ""] : [whole.slice(0, mark), whole.slice(mark + 1, end)]
}

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

const isText = (value: unknown): boolean => text(value) !== undefined

/** Whether a body is a request of this shape. On hosts that are not known the end of a path says too little. */
const bodyIs = (shape: "chat" | "completions" | "responses" | "embeddings", body: unknown): boolean => {
  const has = (name: string): boolean => (member(body, name) ?? undefined) !== undefined
  switch (shape) {
    case "chat":
      return Array.isArray(member(body, "messages"))
    case "completions":
      return has("prompt") && isText(member(body, "model"))
    case "responses":
      return (isText(member(body, "model")) && (has("input") || has("prompt"))) ||
        isText(member(body, "prompt", "id")) || isText(member(body, "previous_response_id"))
    case "embeddings":
      return has("input") && isText(member(body, "model"))
  }
}

const openaiEnds = [
  ["/chat/completions", "chat"],
  ["/completions", "completions"],
  ["/responses", "responses"],
  ["/embeddings", "embeddings"]
] as const

const openai = ({ isPost, path, provider, sent }: Where): Route | undefined => {
  const found = isPost ? openaiEnds.find(([end]) => path.endsWith(end)) : undefined
  if (found === undefined) return undefined
  const [end, kind] = found
  if (provider === undefined) {
    const body = sent.body?.()
    if (body === undefined ? kind !== "chat" : !bodyIs(kind, body)) return undefined
  }
  const prefix = path.slice(0, -end.length)
  const shape = kind === "completions" ? "chat" : kind
  // Azure: the model stands in the path, or the name that somebody gave it.
  const deployment = /^(.*)\/deployments\/([^/]+)$/.exec(prefix)
  return deployment === null
    ? { shape, prefix }
    : { shape, prefix: deployment[1]!, model: decoded(deployment[2]!) }
}

/** Asks for an answer of OpenAI's Responses that was made in the background, or stops it. */
const retrieval = ({ path, provider, sent }: Where): Route | undefined => {
  const found = /^(.*)\/responses\/([^/]+?)(\/cancel)?$/.exec(path)
  const method = found?.[3] === undefined ? "GET" : "POST"
  if (found === null || sent.method.toUpperCase() !== method) return undefined
  const id = decoded(found[2]!)
  if (provider === undefined && !id.startsWith("resp_")) return undefined
  const streamed = /(?:^|&)stream=true(?:&|$)/.test(splitQuery(sent.url)[1])
  return { shape: "responses", prefix: found[1]!, retrieves: id, streamed }
}

const anthropic = ({ isPost, path, provider, sent }: Where): Route | undefined => {
  if (!isPost || !path.endsWith("/messages")) return undefined
  const isExpected = provider === "anthropic" || (provider === "openrouter" && path === "/api/v1/messages")
  if (!isExpected && !isText(sent.header?.("anthropic-version"))) return undefined
  return { shape: "anthropic", prefix: path.replace(/(?:\/v1)?\/messages$/, "") }
}

const googleActions: { readonly [action: string]: { readonly shape: Shape; readonly streamed: boolean } } = {
  generateContent: { shape: "gemini", streamed: false },
  streamGenerateContent: { shape: "gemini", streamed: true },
  embedContent: { shape: "geminiEmbedding", streamed: false },
  batchEmbedContents: { shape: "geminiEmbedding", streamed: false },
  predict: { shape: "vertexEmbedding", streamed: false },
  rawPredict: { shape: "chat", streamed: false },
  streamRawPredict: { shape: "chat", streamed: true }
}

/** Gemini and Vertex: `…/models/{model}:{action}`. */
const google = ({ isPost, path }: Where): Route | undefined => {
  const colon = path.lastIndexOf(":")
  const name = path.slice(colon + 1)
  const action = isPost && colon !== -1 && Object.hasOwn(googleActions, name) ? googleActions[name] : undefined
  const segments = path.slice(0, Math.max(0, colon)).split("/")
  const [kind, id] = segments.slice(-2)
  if (action === undefined || id === undefined || id === "") return undefined
  if (kind !== "models" && kind !== "tunedModels" && kind !== "endpoints") return undefined
  const model = decoded(id)
  // Other models of Vertex are asked for pictures or numbers in this way.
  if (action.shape === "vertexEmbedding" && !model.includes("embedding")) return undefined
  const publisher = segments[segments.indexOf("publishers") + 1]
  const isAnthropic = action.shape === "chat" && segments.includes("publishers") && publisher === "anthropic"
  const first = segments.findIndex((segment) => /^(?:projects|publishers|models|tunedModels|endpoints)$/.test(segment))
  // A proxy may have a version of its own before Google's.
  const start = /^v\d\w*$/.test(segments[first - 1] ?? "") ? first - 1 : first
  return {
    shape: isAnthropic ? "anthropic" : action.shape,
    prefix: segments.slice(0, Math.max(0, start)).join("/"),
    model,
    streamed: action.streamed
  }
}

const bedrockActions: { readonly [action: string]: { readonly shape: Shape; readonly streamed: boolean } } = {
  converse: { shape: "converse", streamed: false },
  "converse-stream": { shape: "converse", streamed: true },
  invoke: { shape: "invoke", streamed: false },
  "invoke-with-response-stream": { shape: "invoke", streamed: true }
}

const bedrock = ({ isPost, path, provider }: Where): Route | undefined => {
  const found = isPost && provider === "bedrock" ? /^(.*)\/model\/([^/]+)\/([\w-]+)$/.exec(path) : null
  if (found === null || !Object.hasOwn(bedrockActions, found[3]!)) return undefined
  return { ...bedrockActions[found[3]!]!, prefix: found[1]!, model: decoded(found[2]!) }
}

const ollamaEnds: ReadonlyArray<readonly [end: string, shape: Shape]> = [
  ["/api/chat", "ollamaChat"],
  ["/api/generate", "ollamaGenerate"],
  ["/api/embed", "ollamaEmbedding"],
  ["/api/embeddings", "ollamaEmbedding"]
]

const byEnd = ({ isPost, path }: Where, ends: typeof ollamaEnds): Route | undefined => {
  const found = isPost ? ends.find(([end]) => path.endsWith(end)) : undefined
  return found === undefined ? undefined : { shape: found[1], prefix: path.slice(0, -found[0].length) }
}

const cohereEnds: typeof ollamaEnds = [["/v2/embed", "cohereEmbedding"], ["/v1/embed", "cohereEmbedding"]]

const route = (where: Where): Route | undefined => {
  const own = where.provider === "ollama"
    ? byEnd(where, ollamaEnds)
    : where.provider === "cohere"
    ? byEnd(where, cohereEnds)
    : undefined
  return own ?? openai(where) ?? anthropic(where) ?? google(where) ?? bedrock(where) ?? retrieval(where)
}

/** Every path that is recognised matches this. All other requests of a program cost only this test. */
const mayCall =
  /completions|responses|[eE]mbed|messages|:(?:generate|stream|predict|raw)|\/model\/|\/api\/(?:chat|generate)/

/** What a request's address says. `undefined`: the request calls no model, or PostHog's gateway sends the event. */
export const addressOf = (sent: Sent, providers?: Providers): Address | undefined => {
  const [address] = splitQuery(sent.url)
  if (address.length > maxAddress || !mayCall.test(address)) return undefined
  const url = parse(address)
  if (url === undefined || isGateway(url)) return undefined
  const provider = knownProvider(url, providers)
  const path = url.pathname.replace(/(?<!\/)\/+$/, "")
  const found = route({ sent, path, isPost: sent.method.toUpperCase() === "POST", provider })
  if (found === undefined) return undefined
  const { prefix, ...told } = found
  return { ...told, provider: provider ?? providerNamedBy(url), baseUrl: `${url.origin}${redactText(prefix)}` }
}

/** Whether PostHog's own gateway is called, which captures the generation itself: a second one would be dropped. */
export const callsGateway = (url: string): boolean => {
  const parsed = url.includes("posthog.com") ? parse(splitQuery(url)[0]) : undefined
  return parsed !== undefined && isGateway(parsed)
}

/** An address without user, password and the secrets of its query; `undefined`: the text is no address. */
export const requestUrlOf = (url: string): string | undefined => {
  const [address, query] = splitQuery(url)
  const parsed = parse(address.slice(0, maxAddress))
  if (parsed === undefined) return undefined
  const told = query === "" ? "" : `?${redactQuery(query.slice(0, maxQuery), isSecretParameter)}`
  return `${parsed.origin}${redactText(parsed.pathname)}${told}`
}
