/**
 * Tells a local PostHog what an instance says of itself. Nothing about a local server is in the delivery of events:
 * this is what anybody can read of an instance.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Diagnostic } from "../PostHogError.js"
import { instanceOf, type Service } from "./instance.js"
import { userAgent } from "./version.js"

/** Below the host. Not a route of PostHog. */
const path = "/local/report"

/** Reports are gathered for so long, in real time: a program in a test may have a clock of its own. */
const pauseMillis = 100

/** Longest time that the end of a program waits for the last report. */
const limitMillis = 1_000

const maxLost = 50

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(new URL(host).hostname)

const pause = Effect.async<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), pauseMillis)
  return Effect.sync(() => clearTimeout(timer))
})

interface Lost {
  readonly event: string
  readonly reason: string
}

const lostOf = (diagnostic: Diagnostic): ReadonlyArray<Lost> =>
  diagnostic._tag === "EventsDropped"
    ? diagnostic.events.map(({ event }) => ({ event: event.slice(0, 200), reason: diagnostic.reason }))
    : []

/** Reports for as long as the scope lives; does nothing for an instance that does not send to this machine. */
export const report = Effect.fnUntraced(function*(
  service: Service
): Effect.fn.Return<void, never, Scope.Scope> {
  const { active } = instanceOf(service)
  if (active === undefined || !isLoopback(active.options.host)) return
  const url = new URL(path, active.options.host)
  const instance = crypto.randomUUID()
  let lost: ReadonlyArray<Lost> = []
  const send = (isClosed: boolean): Effect.Effect<void> =>
    Effect.flatMap(
      service.stats,
      ({ accepted, delivered, dropped, inFlight, queued, recovered, stored }) =>
        Effect.ignore(Effect.tryPromise((signal) =>
          fetch(url, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({
              instance,
              sdk: userAgent,
              accepted: accepted + recovered,
              delivered,
              queued: queued + inFlight + stored,
              dropped,
              lost,
              isClosed
            }),
            signal: AbortSignal.any([signal, AbortSignal.timeout(limitMillis)])
          }).then((response) => response.text())
        ))
    )
  const signal = yield* Queue.sliding<void>(1)
  yield* Effect.addFinalizer(() => send(true))
  yield* Stream.runForEach(service.diagnostics, (diagnostic) =>
    Effect.suspend(() => {
      lost = [...lost, ...lostOf(diagnostic)].slice(-maxLost)
      return Queue.offer(signal, undefined)
    })).pipe(Effect.forkScoped)
  yield* Queue.take(signal).pipe(
    Effect.zipRight(pause),
    Effect.zipRight(Effect.suspend(() => send(false))),
    Effect.forever,
    Effect.forkScoped
  )
})
