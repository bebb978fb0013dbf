/**
 * The providers of models on the loopback interface: one server that answers as each of them would, and misbehaves on
 * request. A fetch that is part of it brings requests to their real addresses here, so that the official SDKs run as
 * they are; a request to anywhere else fails.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import { constants, createGzip } from "node:zlib"
import { LoopbackServer, open } from "../server.js"
import * as replies from "./replies.js"
import type { Reply } from "./replies.js"

/** A request that arrived. */
export interface ProviderRequest {
  readonly method: string
  /** The host that was meant. */
  readonly host: string
  /** With the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
  readonly body: any
}

/** What to do with one request. */
export type Behaviour =
  | Reply
  /** Reads the request and never answers. */
  | "hang"
  /** Closes the connection. */
  | "reset"

/** What the provider answers when all is well. */
const usual = ({ body, method, path }: ProviderRequest): Reply => {
  const [pathname = "", query = ""] = path.split("?")
  const streamed = body?.stream === true
  if (method === "GET" && /\/responses\/[^/]+$/.test(pathname)) return replies.responsesFinished
  if (pathname.endsWith("/chat/completions")) {
    return streamed ? replies.chatStream(body.stream_options?.include_usage === true) : replies.chat()
  }
  if (pathname.endsWith("/responses")) {
    return streamed
      ? replies.responsesStream()
      : body?.background === true
      ? replies.responsesPending
      : replies.responses()
  }
  if (pathname.endsWith("/embeddings")) return replies.embeddings
  if (pathname.endsWith("/messages")) return streamed ? replies.anthropicStream : replies.anthropic()
  if (pathname.endsWith(":generateContent")) return replies.gemini()
  if (pathname.endsWith(":streamGenerateContent")) {
    return query.includes("alt=sse") ? replies.geminiSse : replies.geminiArray
  }
  if (pathname.endsWith(":embedContent")) return replies.geminiEmbedding
  if (pathname.endsWith(":batchEmbedContents")) return replies.geminiEmbeddings
  // Ollama streams unless it is told not to.
  if (pathname === "/api/chat") return body?.stream === false ? replies.ollama : replies.ollamaStream
  if (pathname.endsWith("/converse")) return replies.converse
  return replies.json({ error: { message: `no such path: ${pathname}`, type: "invalid_request_error" } }, 404)
}

/** Says which host was meant. */
const hostHeader = "x-meant-for"

export class Providers extends LoopbackServer {
  /** Every request in the order of arrival. */
  readonly requests: Array<ProviderRequest> = []
  /** Closed connections of answers that were not sent to their end. */
  aborted = 0

  private readonly script: Array<Behaviour> = []

  /** Behaviours of the next requests, one each. */
  next(...behaviours: ReadonlyArray<Behaviour>): void {
    this.script.push(...behaviours)
  }

  /** The platform's, whatever a test puts into its place. */
  private readonly send = globalThis.fetch

  /** `fetch`, for which all providers live here. */
  readonly fetch: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init)
    const { host, pathname, search } = new URL(request.url)
    const headers = new Headers(request.headers)
    headers.set(hostHeader, host)
    return this.send.call(undefined, `${this.url}${pathname}${search}`, {
      method: request.method,
      headers,
      body: request.body,
      signal: request.signal,
      redirect: "manual",
      ...request.body === null ? {} : { duplex: "half" }
    } as RequestInit)
  }

  protected async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Array<Buffer> = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString("utf8")
    const { [hostHeader]: host = incoming.headers.host, ...headers } = incoming.headers
    const request: ProviderRequest = {
      method: incoming.method ?? "",
      host: String(host),
      path: incoming.url ?? "/",
      headers,
      text,
      body: parse(text)
    }
    const behaviour = this.script.shift() ?? usual(request)
    response.once("close", () => {
      if (!response.writableFinished) this.aborted++
      this.notify()
    })
    this.requests.push(request)
    this.notify()
    if (behaviour === "hang") return
    if (behaviour === "reset") return void incoming.socket.resetAndDestroy()
    await send(behaviour, response)
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const send = async (reply: Reply, response: ServerResponse): Promise<void> => {
  response.writeHead(reply.status ?? 200, {
    ...reply.headers,
    ...reply.gzip === true ? { "content-encoding": "gzip" } : {}
  })
  response.flushHeaders()
  const body = reply.gzip === true ? createGzip({ flush: constants.Z_SYNC_FLUSH }) : response
  if (body !== response) body.pipe(response)
  for (const [index, piece] of reply.pieces.entries()) {
    await reply.before?.(index)
    if (response.destroyed) return
    await new Promise<void>((resolve) => body.write(piece, () => resolve()))
  }
  await reply.before?.(reply.pieces.length)
  if (reply.ending === "never") return
  if (reply.ending === "cut") return void response.destroy()
  body.end()
}

/** Providers that live as long as the scope. */
export const make: Effect.Effect<Providers, never, Scope.Scope> = open(() => new Providers())
