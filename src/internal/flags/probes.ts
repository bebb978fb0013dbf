/**
 * Keys that the definitions do not have: who asks PostHog for one first tells the others whether there is such a flag.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { complete } from "../completion.js"
import { makeDeferred } from "../effect/waiting.js"
import { FlagsUnavailable } from "./errors.js"
import type { Evaluation } from "./evaluation.js"

/**
 * What came of asking for a key that is not defined here: whether PostHog has it, why that is not known, or nothing.
 */
export type Verdict = "absent" | "present" | "interrupted" | FlagsUnavailable

/** A request that is under way and will tell whether PostHog has a flag. */
interface Probe {
  readonly distinctId: string
  readonly verdict: Deferred.Deferred<Verdict>
}

/** Most keys that are asked for at a time with others waiting. */
const maxProbes = 1_000

/** What an answer says of a key that was asked for. */
export const verdictOf = (
  { errorsWhileComputing, failed, failure, flags, malformed }: Evaluation,
  key: string
): Verdict => {
  if (failure !== undefined) return failure
  if (flags.has(key) || malformed.has(key) || failed.has(key)) return "present"
  return errorsWhileComputing ? new FlagsUnavailable({ reason: "errors_while_computing" }) : "absent"
}

/** Whether a failure is about PostHog, and not about who asked. */
export const isShared = ({ reason }: FlagsUnavailable): boolean =>
  reason === "timeout" || reason === "connection" || reason === "status" || reason === "quota_limited"

/** The requests of one instance that are under way. */
export class Probes {
  private readonly open = new Map<string, Probe>()

  /** Lets others wait for what the request of `distinctId` will tell of these keys, and keeps what it told. */
  telling(
    request: Effect.Effect<Evaluation>,
    distinctId: string,
    keys: ReadonlyArray<string>,
    keep: (key: string, isThere: boolean) => void
  ): Effect.Effect<Evaluation> {
    if (keys.length === 0) return request
    return Effect.suspend(() => {
      const own = new Map<string, Probe>()
      for (const key of keys) {
        if (this.open.has(key) || this.open.size >= maxProbes) continue
        const probe: Probe = { distinctId, verdict: makeDeferred() }
        this.open.set(key, probe)
        own.set(key, probe)
      }
      const settle = (verdictOn: (key: string) => Verdict) => {
        for (const [key, { verdict }] of own) {
          this.open.delete(key)
          complete(verdict, Effect.succeed(verdictOn(key)))
        }
      }
      return request.pipe(
        Effect.tap((evaluation) =>
          Effect.sync(() => {
            for (const key of keys) {
              const verdict = verdictOf(evaluation, key)
              if (typeof verdict === "string") keep(key, verdict === "present")
            }
            settle((key) => verdictOf(evaluation, key))
          })
        ),
        Effect.onInterrupt(() => Effect.sync(() => settle(() => "interrupted")))
      )
    })
  }

  /**
   * What others are about to find out of all these keys; `undefined` where nobody else is. The same question for the
   * same user is one request anyway.
   */
  awaiting(distinctId: string, keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Verdict>> | undefined {
    if (keys.length === 0) return undefined
    const found: Array<Probe> = []
    for (const key of keys) {
      const probe = this.open.get(key)
      if (probe === undefined || probe.distinctId === distinctId) return undefined
      found.push(probe)
    }
    return Effect.forEach(found, ({ verdict }) => Deferred.await(verdict))
  }
}
