/**
 * A client without a network, that does to each request what a schedule says.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Effect, Layer } from "effect"
import { transportError } from "../support/effect.js"
import type { SinkEvent } from "../support/sink.js"
import type { Answer } from "./outboxSchedule.js"

type Events = ReadonlyArray<SinkEvent>

type Answered = Effect.Effect<HttpClientResponse.HttpClientResponse, ReturnType<typeof transportError>>

export interface Observer {
  readonly isPoisoned: (event: SinkEvent) => boolean
  /** A request is made. */
  readonly received: (events: Events) => void
  /** The server has these. */
  readonly accepted: (events: Events) => void
}

const good: Answer = { kind: "ok" }

const decoder = new TextDecoder()

export class Server {
  /** What happens to the next requests; those after them are answered. */
  script: Array<Answer> = []
  /** Requests that wait for an answer and can be given up. */
  open = 0
  requests = 0
  /** Whether the client has shown its bug. */
  hasDied = false
  /** Whether the process that asks has ended. */
  isGone = false

  constructor(private readonly observer: Observer) {}

  readonly layer = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) =>
      Effect.suspend(() => {
        if (this.isGone) return Effect.never
        return this.held === undefined ? this.take(request) : Effect.flatMap(this.released, () => this.take(request))
      })
    )
  )

  /** Nothing arrives before `release`: what happens before anybody can follow it is told to nobody. */
  private held: Array<() => void> | undefined = []

  release(): void {
    const { held = [] } = this
    this.held = undefined
    for (const release of held) release()
  }

  private readonly released: Effect.Effect<void> = Effect.async((resume) => {
    this.held?.push(() => resume(Effect.void))
  })

  private take(request: HttpClientRequest.HttpClientRequest): Answered {
    return Effect.suspend(() => {
      this.requests++
      const text = request.body._tag === "Uint8Array" ? decoder.decode(request.body.body) : ""
      const { batch } = JSON.parse(text) as { readonly batch: Events }
      this.observer.received(batch)
      return this.answer(request, batch, this.script.shift() ?? good)
    })
  }

  private answer(request: HttpClientRequest.HttpClientRequest, events: Events, answer: Answer): Answered {
    const { observer } = this
    const respond = (status: number, body: string | ReadableStream, headers: Readonly<Record<string, string>> = {}) =>
      HttpClientResponse.fromWeb(request, new Response(body, { status, headers }))
    const isV1 = new URL(request.url).pathname.startsWith("/i/v1/")
    const isBad = events.some(observer.isPoisoned)
    switch (answer.kind) {
      case "ok":
        return Effect.sync(() => {
          if (!isV1) {
            if (isBad) return respond(400, "{}")
            observer.accepted(events)
            return respond(200, "{\"status\":1}")
          }
          observer.accepted(events.filter((event) => !observer.isPoisoned(event)))
          return respond(200, resultsOf(events, (event) => observer.isPoisoned(event) ? "drop" : "ok"))
        })
      case "verdicts": {
        if (!isV1) return this.answer(request, events, good)
        const verdictOf = (_: SinkEvent, i: number) => answer.verdicts[i % answer.verdicts.length]!
        observer.accepted(events.filter((event, i) => ["ok", "warning"].includes(verdictOf(event, i))))
        return Effect.succeed(respond(200, resultsOf(events, verdictOf)))
      }
      case "slow":
        return this.waiting(Effect.zipRight(
          Effect.sleep(answer.millis),
          Effect.suspend(() => this.answer(request, events, good))
        ))
      case "status": {
        const { retryAfter, status } = answer
        return Effect.succeed(
          respond(status, "no", retryAfter === undefined ? {} : { "retry-after": String(retryAfter) })
        )
      }
      case "small":
        return events.length > 1 ? Effect.succeed(respond(413, "")) : this.answer(request, events, good)
      case "refused":
        return Effect.fail(transportError(request, new Error("connect ECONNREFUSED")))
      case "lost":
        if (!isBad) observer.accepted(events)
        return Effect.fail(transportError(request, new Error("read ECONNRESET")))
      case "endless":
        if (isBad) return Effect.succeed(respond(400, ""))
        observer.accepted(events)
        return Effect.succeed(respond(200, new ReadableStream({})))
      case "hang":
        return this.waiting(Effect.never)
      case "stuck":
        return Effect.uninterruptible(Effect.async<never>(() => {}))
      case "dies":
        this.hasDied = true
        return Effect.die(new Error("a client with a bug"))
      case "interrupts":
        return Effect.interrupt
    }
  }

  private waiting(self: Answered): Answered {
    return Effect.suspend(() => {
      this.open++
      return Effect.ensuring(
        self,
        Effect.sync(() => {
          this.open--
        })
      )
    })
  }
}

const resultsOf = (events: Events, verdictOf: (event: SinkEvent, index: number) => string): string =>
  JSON.stringify({
    results: Object.fromEntries(events.map((event, i) => [event.uuid, { result: verdictOf(event, i) }]))
  })
