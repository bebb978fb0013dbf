/**
 * A client over `node:http` and `node:https`, for Node. A request of `fetch` that is given up while it connects holds
 * the process for ten seconds (the connect timer of undici, on Node 20, 22 and 24); here its socket is destroyed at
 * once. It also costs less per request, and follows no redirect.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { transportError } from "../effect/http.js"
import { builtin, type HostProcess, hostProcess, isNode } from "../node.js"

// The parts of Node that are used

interface Emitter {
  readonly on: (event: string, listener: (value: unknown) => void) => unknown
  readonly once: (event: string, listener: (value: unknown) => void) => unknown
}

interface Source extends Emitter, AsyncIterable<Uint8Array<ArrayBuffer>> {
  readonly destroy: (error?: Error) => unknown
}

interface Incoming extends Source {
  readonly statusCode?: number | undefined
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
}

interface Socket extends Emitter {
  readonly connecting: boolean
  readonly setTimeout: (millis: number) => unknown
}

interface Outgoing extends Emitter {
  readonly end: (body?: Uint8Array) => unknown
  readonly destroy: (error?: Error) => unknown
}

interface Agent {
  readonly destroy: () => void
}

interface Http {
  readonly Agent: new(options: object) => Agent
  readonly request: (
    url: URL,
    options: { readonly agent: Agent; readonly method: string; readonly headers: { readonly [name: string]: string } }
  ) => Outgoing
}

interface Zlib {
  readonly createGunzip: () => Source
}

interface Streams {
  readonly pipeline: (source: Source, destination: Source, callback: () => void) => unknown
}

interface Node {
  readonly http: Http
  readonly https: Http
  readonly zlib: Zlib
  readonly stream: Streams
  readonly process: Partial<HostProcess>
}

/**
 * Reached without an import, so that bundles for other runtimes do not ask for it. `undefined` before Node 20.16, and
 * on Bun, Deno and Workers, whose `node:http` stands on top of their `fetch`.
 */
const findNode = (): Node | undefined => {
  const process = hostProcess()
  if (process === undefined || !isNode()) return undefined
  const http = builtin<Http>("node:http")
  const https = builtin<Http>("node:https")
  const zlib = builtin<Zlib>("node:zlib")
  const stream = builtin<Streams>("node:stream")
  return http && https && zlib && stream ? { http, https, zlib, stream, process } : undefined
}

/**
 * An idle connection is closed after as many milliseconds as by `fetch`: before most servers close it, which a request
 * could meet.
 */
const idleMillis = 4_000

/** How long a connection may take to be there, in milliseconds; the time limit of a request is usually shorter. */
const connectMillis = 10_000

const nothing = (): void => {}

/**
 * Whether the program asked Node to use the proxy of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, as it does for `fetch`
 * then.
 */
const usesProxy = ({ env = {}, execArgv = [] }: Partial<HostProcess>): boolean =>
  env.NODE_USE_ENV_PROXY === "1" || [...execArgv, ...(env.NODE_OPTIONS ?? "").split(/\s+/)].includes("--use-env-proxy")

/** Gives up a connection that does not come about; the handshake of TLS belongs to it. */
const limitConnecting = (outgoing: Outgoing, socket: Socket, established: "connect" | "secureConnect"): void => {
  if (!socket.connecting) return
  let waits = true
  socket.setTimeout(connectMillis)
  socket.once("timeout", () => {
    if (waits) outgoing.destroy(Object.assign(new Error("no connection in time"), { code: "ETIMEDOUT" }))
  })
  socket.once(established, () => {
    waits = false
    socket.setTimeout(idleMillis)
  })
}

/** The members of the answer of `fetch` that are read. */
type Answer = Pick<Response, "status" | "headers" | "body" | "text" | "arrayBuffer" | "formData">

const toAnswer = (incoming: Incoming, { stream, zlib }: Node): Answer => {
  const status = incoming.statusCode ?? 0
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const one of typeof value === "string" ? [value] : value ?? []) headers.append(name, one)
  }
  // The reader of the body gets this error. Without a listener here it would also end the process.
  incoming.on("error", nothing)
  let source: Source = incoming
  if (headers.get("content-encoding") === "gzip") {
    source = zlib.createGunzip()
    source.on("error", nothing)
    stream.pipeline(incoming, source, nothing)
  }
  const read = async (): Promise<Response> => {
    const chunks: Array<Uint8Array<ArrayBuffer>> = []
    for await (const chunk of source) chunks.push(chunk)
    return new Response(new Blob(chunks), { headers })
  }
  const text = async (): Promise<string> => {
    const decoder = new TextDecoder()
    let text = ""
    for await (const chunk of source) text += decoder.decode(chunk, { stream: true })
    return text + decoder.decode()
  }
  return {
    status,
    headers,
    // Not `Readable.toWeb`, which throws outside of every call when an answer ends while it is cancelled.
    get body() {
      const iterator = source[Symbol.asyncIterator]()
      return new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull: async (controller) => {
          const { done, value } = await iterator.next()
          if (done === true) controller.close()
          else controller.enqueue(value)
        },
        cancel: () => {
          source.destroy()
        }
      }, { highWaterMark: 0 })
    },
    text,
    arrayBuffer: () => read().then((response) => response.arrayBuffer()),
    formData: () => read().then((response) => response.formData())
  }
}

/** Makes one request; interrupting it destroys its socket. */
const send = (
  node: Node,
  agent: Agent,
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  body: Uint8Array | undefined,
  signal: AbortSignal
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> =>
  Effect.async((resume) => {
    const fail = (cause: unknown) => resume(Effect.fail(transportError(request, cause)))
    const isSecure = url.protocol === "https:"
    let outgoing: Outgoing
    try {
      const headers: { [name: string]: string } = { "accept-encoding": "gzip", ...request.headers }
      if (body !== undefined) headers["content-length"] = String(body.length)
      outgoing = (isSecure ? node.https : node.http).request(url, { agent, method: request.method, headers })
    } catch (error) {
      return fail(error)
    }
    const end = () => {
      outgoing.destroy()
    }
    // Stays until the end: an error may also come after the answer or the interruption, and without a listener it would
    // end the process.
    outgoing.on("error", fail)
    outgoing.on("socket", (socket) => {
      limitConnecting(outgoing, socket as Socket, isSecure ? "secureConnect" : "connect")
    })
    outgoing.on("response", (incoming) => {
      const answer = toAnswer(incoming as Incoming, node)
      resume(Effect.succeed(HttpClientResponse.fromWeb(request, answer as Response)))
    })
    outgoing.on("close", () => {
      signal.removeEventListener("abort", end)
      // For instance after an answer 101, which is neither an answer nor an error.
      fail(new Error("closed without an answer"))
    })
    // Who reads the answer may give up, too.
    signal.addEventListener("abort", end)
    outgoing.end(body)
    return Effect.sync(end)
  })

/**
 * The client, where Node is; else `undefined`. Connections are kept while the scope is open, and do not hold the
 * process while they are idle. `others` makes the requests whose body is not in memory.
 */
export const make = (
  others: HttpClient.HttpClient
): Effect.Effect<HttpClient.HttpClient | undefined, never, Scope.Scope> =>
  Effect.suspend(() => {
    const node = findNode()
    if (node === undefined) return Effect.succeed(undefined)
    const options = {
      keepAlive: true,
      timeout: idleMillis,
      ...(usesProxy(node.process) ? { proxyEnv: node.process.env } : undefined)
    }
    const agents = Effect.acquireRelease(
      Effect.sync(() => ({ plain: new node.http.Agent(options), secure: new node.https.Agent(options) })),
      ({ plain, secure }) =>
        Effect.sync(() => {
          plain.destroy()
          secure.destroy()
        })
    )
    return Effect.map(agents, ({ plain, secure }) =>
      HttpClient.make((request, url, signal) => {
        const { body } = request
        const agent = url.protocol === "https:" ? secure : plain
        return body._tag === "Uint8Array"
          ? send(node, agent, request, url, body.body, signal)
          : body._tag === "Empty"
          ? send(node, agent, request, url, undefined, signal)
          : others.execute(request)
      }))
  })
