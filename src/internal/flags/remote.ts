/**
 * The last stage: asks PostHog. Equal questions share one request, and answers are kept for a while where the program
 * wants that.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { flagsBody, type FlagsRequest } from "../../core/flags/request.js"
import { parseFlagsResponse } from "../../core/flags/response.js"
import { Lru } from "../../core/lru.js"
import { complete } from "../completion.js"
import { interruptNow } from "../effect/fiber.js"
import { makeDeferred } from "../effect/waiting.js"
import type { Active, Instance } from "../instance.js"
import { monotonicMillis } from "../monotonic.js"
import { FlagsUnavailable } from "./errors.js"
import { type Evaluation, type Evaluator, failed, nothing } from "./evaluation.js"
import { askFlags, type Reply } from "./requests.js"
import { aboutFlags, flagsFailed, kinds } from "./words.js"

/** Answers to longer requests are not kept: the memory of the cache is bounded by characters, not only by entries. */
const maxCachedBody = 16_384

/** A request that several evaluations may wait for. */
interface Flight {
  readonly result: Deferred.Deferred<Evaluation>
  waiting: number
  fiber: Fiber.RuntimeFiber<void> | undefined
}

export const makeRemote = (
  active: Active,
  state: Instance["state"],
  onMinimalEvents: (minimal: boolean) => void
): Evaluator => {
  const { diagnostics, options } = active
  const { featureFlagsCache } = options
  const flights = new Map<string, Flight>()
  const cache = featureFlagsCache === undefined
    ? undefined
    : new Lru<string, { readonly evaluation: Evaluation; readonly expires: number }>(featureFlagsCache.capacity)

  const read = ({ body, requests }: Reply, only: FlagsRequest["flagKeys"], durationMillis: number): Evaluation => {
    const response = parseFlagsResponse(body, only)
    if (response === undefined) return failed(new FlagsUnavailable({ reason: "invalid_response" }))
    onMinimalEvents(response.minimalFlagCalledEvents)
    const { errorsWhileComputing, evaluatedAt, failed: notComputed, flags, malformed, quotaLimited, requestId } =
      response
    if (!quotaLimited) {
      diagnostics.succeeded(aboutFlags)
      diagnostics.emit(kinds.flagsEvaluated, () => ({
        _tag: "FlagsEvaluated",
        count: flags.size,
        requestId,
        durationMillis,
        requests,
        errorsWhileComputing
      }))
    }
    return quotaLimited
      ? { ...failed(new FlagsUnavailable({ reason: "quota_limited" })), requestId, errorsWhileComputing }
      : { ...nothing, flags, malformed, failed: notComputed, requestId, evaluatedAt, errorsWhileComputing }
  }

  const exchange = (body: string, only: FlagsRequest["flagKeys"]): Effect.Effect<Evaluation> =>
    Effect.flatMap(Effect.clock, (clock) => {
      const begin = monotonicMillis(clock)
      const reply = Effect.match(askFlags(active, body, state), {
        onSuccess: (reply) => (millis: number) => read(reply, only, millis),
        onFailure: (error) => () => failed(error)
      })
      return Effect.map(reply, (evaluationAfter) => {
        const now = monotonicMillis(clock)
        const evaluation = evaluationAfter(Math.round(now - begin))
        const { errorsWhileComputing, failure } = evaluation
        if (failure !== undefined) {
          const { detail, reason, status } = failure
          flagsFailed(diagnostics, { reason, status, detail })
        } else if (
          cache !== undefined && body.length <= maxCachedBody && !errorsWhileComputing &&
          evaluation.malformed.size === 0 && evaluation.failed.size === 0
        ) {
          cache.set(body, { evaluation, expires: now + Duration.toMillis(featureFlagsCache!.timeToLive) })
        }
        return evaluation
      })
    }).pipe(
      // Total: whatever goes wrong here, a fault of ours included, is no answer.
      Effect.catchAllCause(() => Effect.succeed(failed(new FlagsUnavailable({ reason: "connection" }))))
    )

  const leave = (body: string, flight: Flight): Effect.Effect<void> =>
    Effect.sync(() => {
      // The last to leave ends a request that nobody waits for any more.
      if (--flight.waiting > 0 || flights.get(body) !== flight) return
      flights.delete(body)
      interruptNow(flight.fiber)
    })

  const share = (body: string, only: FlagsRequest["flagKeys"]): Effect.Effect<Evaluation> =>
    Effect.uninterruptibleMask((restore) => {
      const known = flights.get(body)
      if (known !== undefined) {
        known.waiting++
        return Effect.ensuring(restore(Deferred.await(known.result)), leave(body, known))
      }
      const flight: Flight = { result: makeDeferred(), waiting: 1, fiber: undefined }
      flights.set(body, flight)
      const request = Effect.map(Effect.interruptible(exchange(body, only)), (evaluation) => {
        if (flights.get(body) === flight) flights.delete(body)
        complete(flight.result, Effect.succeed(evaluation))
      })
      // A fiber of its own: the others go on waiting when the one that began is interrupted.
      return Effect.flatMap(Effect.forkDaemon(request), (fiber) => {
        flight.fiber = fiber
        return Effect.ensuring(restore(Deferred.await(flight.result)), leave(body, flight))
      })
    })

  return (request, onlyLocally) =>
    Effect.clockWith((clock) => {
      if (onlyLocally) return Effect.succeed(failed(new FlagsUnavailable({ reason: "no_definitions" })))
      let body: string
      try {
        body = flagsBody(Redacted.value(options.apiKey!), request, options.evaluationContexts)
      } catch {
        const failure = new FlagsUnavailable({ reason: "invalid_request" })
        flagsFailed(diagnostics, { reason: failure.reason })
        return Effect.succeed(failed(failure))
      }
      const cached = cache?.get(body)
      return cached !== undefined && monotonicMillis(clock) < cached.expires
        ? Effect.succeed(cached.evaluation)
        : share(body, request.flagKeys)
    })
}
