/**
 * An `HttpClient` without a network, for tests under TestClock: answers at once, as scripted, and records what it was sent.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { gunzipSync } from "node:zlib"
import { transportError } from "./effect.js"
import type { SinkEvent } from "./sink.js"

export type Answer =
  | {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    /** How long the answer takes, in milliseconds. */
    readonly delay?: number
  }
  /** No connection. */
  | "refused"
  /** Never answers. */
  | "hang"
  /** A client with a bug. */
  | "dies"
  /** A client that interrupts itself. */
  | "interrupts"
  /** Never answers and cannot be interrupted either. */
  | "stuck"

export interface FakeRequest {
  /** By Effect's clock. */
  readonly at: number
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: any
  readonly events: ReadonlyArray<SinkEvent>
}

export class FakeClient {
  readonly requests: Array<FakeRequest> = []
  readonly accepted: Array<SinkEvent> = []
  private script: Array<Answer> = []

  /** `otherwise` answers when nothing is scripted. */
  constructor(public otherwise: (request: FakeRequest) => Answer = () => ({ status: 200, body: "{\"status\":1}" })) {}

  next(...answers: ReadonlyArray<Answer>): void {
    this.script.push(...answers)
  }

  readonly client: HttpClient.HttpClient = HttpClient.make((request, url) =>
    Effect.flatMap(Clock.currentTimeMillis, (at) => {
      const recorded = record(request, url, at)
      this.requests.push(recorded)
      const answer = this.script.shift() ?? this.otherwise(recorded)
      switch (answer) {
        case "refused":
          return Effect.fail(transportError(
            request,
            Object.assign(new TypeError("fetch failed"), {
              cause: Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })
            })
          ))
        case "hang":
          return Effect.never
        case "interrupts":
          return Effect.interrupt
        case "stuck":
          return Effect.uninterruptible(Effect.never)
        case "dies":
          return Effect.die(new Error("a client with a bug"))
        default: {
          if (answer.status >= 200 && answer.status < 300) this.accepted.push(...recorded.events)
          const delay = answer.delay === undefined ? Effect.void : Effect.sleep(answer.delay)
          const init = { status: answer.status, ...(answer.headers === undefined ? {} : { headers: answer.headers }) }
          // A 304 has no body, not even an empty one.
          const body = answer.status === 304 ? null : answer.body ?? ""
          return Effect.as(delay, HttpClientResponse.fromWeb(request, new Response(body, init)))
        }
      }
    })
  )

  readonly layer: Layer.Layer<HttpClient.HttpClient> = Layer.succeed(HttpClient.HttpClient, this.client)
}

const record = (request: HttpClientRequest.HttpClientRequest, url: URL, at: number): FakeRequest => {
  const bytes = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
  const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes
  const body = plain.length === 0 ? undefined : JSON.parse(Buffer.from(plain).toString("utf8"))
  return {
    at,
    url: url.toString(),
    method: request.method,
    headers: request.headers,
    body,
    events: Array.isArray(body?.batch) ? body.batch : []
  }
}
