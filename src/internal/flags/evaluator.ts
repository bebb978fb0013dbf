/**
 * What an instance keeps for its feature flags, and the way from "who and which" to an evaluation.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Redacted from "effect/Redacted"
import type { EvaluationFacts } from "../../core/flags/called.js"
import type { UnresolvedReason } from "../../core/flags/local.js"
import { flagsBody, type FlagsRequest } from "../../core/flags/request.js"
import { type EvaluatedFlag, parseFlagsResponse } from "../../core/flags/response.js"
import { Lru } from "../../core/lru.js"
import { FlagsUnavailable } from "../../PostHogError.js"
import { type Active, extension, type Instance } from "../instance.js"
import { monotonicMillis } from "../monotonic.js"
import { askFlags, type Reply } from "./remote.js"

/** What the flags are for somebody, or why that is not known. */
export interface Evaluation extends EvaluationFacts {
  readonly flags: ReadonlyMap<string, EvaluatedFlag>
  /** Keys of flags that PostHog answered in a form that nobody can read. */
  readonly malformed: ReadonlySet<string>
  /** Keys of flags that PostHog could not compute. */
  readonly failed: ReadonlySet<string>
  /** Why flags that are not here were not resolved in this process. */
  readonly unresolved: ReadonlyMap<string, UnresolvedReason>
  readonly failure: FlagsUnavailable | undefined
}

/** Never fails: an evaluation says itself what went wrong. */
export interface Evaluator {
  (request: FlagsRequest): Effect.Effect<Evaluation>
}

/** Evaluates in this process what it can, and asks the other evaluator for the rest unless it is told not to. */
export interface LocalEvaluator {
  (request: FlagsRequest, flags: Flags, onlyLocally: boolean): Effect.Effect<Evaluation>
}

/** What an active instance keeps for its flags. */
export interface Flags {
  /** Asks PostHog. */
  readonly evaluate: Evaluator
  /** Whether the evaluator is a test's, which costs nothing and whose word is the last. */
  readonly isTest: boolean
  /** Reads that were told to PostHog, see `calledKey`. */
  readonly called: Lru<string, true>
  /** Whether events about flags without an experiment are sent in their short form: what PostHog said last. */
  minimalEvents: boolean
}

/** Key of the extension under which the flags of an instance are kept. */
const extensionKey = "FeatureFlags"

/** Key of the extension under which a test layer keeps its own {@link Evaluator}. */
export const testEvaluatorKey = "FeatureFlags/testEvaluator"

/** Key of the extension under which `LocalEvaluation` keeps its {@link LocalEvaluator}. */
export const localEvaluatorKey = "FeatureFlags/localEvaluator"

export const flagsOf = (instance: Instance, active: Active): Flags =>
  extension(instance, extensionKey, () => {
    const test = instance.extensions.get(testEvaluatorKey) as Evaluator | undefined
    const flags: Flags = {
      called: new Lru(active.options.featureFlagCalledCacheSize),
      minimalEvents: false,
      isTest: test !== undefined,
      evaluate: test ?? makeRemoteEvaluator(active, instance.state, (minimal) => {
        flags.minimalEvents = minimal
      })
    }
    return flags
  })

/** Evaluates as the instance does it: here, at PostHog, or both. */
export const evaluateWith = (
  instance: Instance,
  flags: Flags,
  request: FlagsRequest,
  onlyLocally: boolean
): Effect.Effect<Evaluation> => {
  const local = instance.extensions.get(localEvaluatorKey) as LocalEvaluator | undefined
  return local !== undefined
    ? local(request, flags, onlyLocally)
    : onlyLocally && !flags.isTest
    ? Effect.succeed(failed(new FlagsUnavailable({ reason: "no_definitions" })))
    : flags.evaluate(request)
}

/** An evaluation without flags. */
export const failed = (failure: FlagsUnavailable): Evaluation => ({
  flags: new Map(),
  malformed: new Set(),
  failed: new Set(),
  unresolved: new Map(),
  requestId: undefined,
  evaluatedAt: undefined,
  errorsWhileComputing: false,
  failure
})

/** Answers to longer requests are not kept: the memory of the cache is bounded by characters, not only by entries. */
const maxCachedBody = 16_384

/** A request that several evaluations may wait for. */
interface Flight {
  readonly result: Deferred.Deferred<Evaluation>
  waiting: number
  fiber: Fiber.RuntimeFiber<void> | undefined
}

const makeRemoteEvaluator = (
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
      diagnostics.emit("FlagsEvaluated", () => ({
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
      : {
        flags,
        malformed,
        failed: notComputed,
        unresolved: new Map(),
        requestId,
        evaluatedAt,
        errorsWhileComputing,
        failure: undefined
      }
  }

  const ask = (body: string, only: FlagsRequest["flagKeys"]): Effect.Effect<Evaluation> =>
    Effect.flatMap(Effect.clock, (clock) => {
      const begin = monotonicMillis(clock)
      return Effect.map(Effect.either(askFlags(active, body, state)), (reply) => {
        const now = monotonicMillis(clock)
        const evaluation = reply._tag === "Left" ? failed(reply.left) : read(reply.right, only, Math.round(now - begin))
        const { errorsWhileComputing, failure } = evaluation
        if (failure !== undefined) {
          const { detail, reason, status } = failure
          diagnostics.emit("FlagsFailed", () => ({ _tag: "FlagsFailed", reason, status, detail }), reason)
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
      flight.fiber?.unsafeInterruptAsFork(FiberId.none)
    })

  const share = (body: string, only: FlagsRequest["flagKeys"]): Effect.Effect<Evaluation> =>
    Effect.uninterruptibleMask((restore) => {
      const known = flights.get(body)
      if (known !== undefined) {
        known.waiting++
        return Effect.ensuring(restore(Deferred.await(known.result)), leave(body, known))
      }
      const flight: Flight = { result: Deferred.unsafeMake(FiberId.none), waiting: 1, fiber: undefined }
      flights.set(body, flight)
      const request = Effect.map(Effect.interruptible(ask(body, only)), (evaluation) => {
        if (flights.get(body) === flight) flights.delete(body)
        Deferred.unsafeDone(flight.result, Effect.succeed(evaluation))
      })
      // A fiber of its own: the others go on waiting when the one that began is interrupted.
      return Effect.flatMap(Effect.forkDaemon(request), (fiber) => {
        flight.fiber = fiber
        return Effect.ensuring(restore(Deferred.await(flight.result)), leave(body, flight))
      })
    })

  return (request) =>
    Effect.clockWith((clock) => {
      let body: string
      try {
        body = flagsBody(Redacted.value(options.apiKey!), request, options.evaluationContexts)
      } catch {
        const failure = new FlagsUnavailable({ reason: "invalid_request" })
        diagnostics.emit("FlagsFailed", () => ({ _tag: "FlagsFailed", reason: failure.reason }), failure.reason)
        return Effect.succeed(failed(failure))
      }
      const cached = cache?.get(body)
      return cached !== undefined && monotonicMillis(clock) < cached.expires
        ? Effect.succeed(cached.evaluation)
        : share(body, request.flagKeys)
    })
}
