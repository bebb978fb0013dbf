/**
 * Evaluating in this process what can be, and asking PostHog for the rest, once.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { evaluateFlags, type LocalResult, type UnresolvedReason } from "../../core/flags/local.js"
import type { FlagsRequest } from "../../core/flags/request.js"
import { FlagsUnavailable } from "../../PostHogError.js"
import { type Loaded, rememberProbed } from "./definitionsLoader.js"
import { type Evaluation, failed, type Flags, type LocalEvaluator } from "./evaluator.js"
import type { Poller } from "./poller.js"

/** An evaluation that nobody but this process had a part in. */
const nothingRemote: Evaluation = {
  flags: new Map(),
  malformed: new Set(),
  failed: new Set(),
  unresolved: new Map(),
  requestId: undefined,
  evaluatedAt: undefined,
  errorsWhileComputing: false,
  failure: undefined
}

/** What a request has to ask PostHog for. */
interface Rest {
  /** Whether a flag that is defined here could not be resolved here. */
  readonly isUnresolved: boolean
  /** Keys that are not defined here, and of which PostHog may have a flag. */
  readonly unknown: ReadonlyArray<string>
  /**
   * Which flags to request; `undefined`: all. With `flagKeys` of the caller it is all of those as soon as one of them has to be asked
   * for, as PostHog's specification has it, and otherwise only those that are missing.
   */
  readonly flagKeys: FlagsRequest["flagKeys"]
}

const restOf = (
  { definitions, probed }: Loaded,
  { unresolved }: LocalResult,
  { flagKeys }: FlagsRequest
): Rest => {
  if (flagKeys === undefined) {
    const missing = Array.from(unresolved.values()).filter(({ asksServer }) => asksServer).map(({ key }) => key)
    return {
      isUnresolved: missing.length > 0,
      unknown: [],
      flagKeys: definitions.keys.length === 0 ? undefined : missing
    }
  }
  const isUnresolved = flagKeys.some((key) => unresolved.get(key)?.asksServer === true)
  const unknown = flagKeys.filter((key) => !definitions.flags.has(key) && probed.get(key) !== false)
  return { isUnresolved, unknown, flagKeys: isUnresolved || unknown.length > 0 ? flagKeys : [] }
}

/** What came of asking for a key that is not defined here: whether PostHog has it, why that is not known, or nothing. */
type Verdict = "absent" | "present" | "interrupted" | FlagsUnavailable

/** A request that is under way and will tell whether PostHog has a flag. */
interface Probe {
  readonly distinctId: string
  readonly verdict: Deferred.Deferred<Verdict>
}

/** Most keys that are asked for at a time with others waiting. */
const maxProbes = 1_000

const noReasons: ReadonlyMap<string, UnresolvedReason> = new Map()

/** Local values win over PostHog's, and those of a test win over both. */
const mergeFlags = (local: LocalResult["flags"], remote: Evaluation["flags"]): Evaluation["flags"] => {
  if (remote.size === 0) return local
  const flags = new Map(local)
  for (const [key, flag] of remote) if (flag.source === "override" || !flags.has(key)) flags.set(key, flag)
  return flags
}

const reasonsOf = ({ unresolved }: LocalResult, flags: Evaluation["flags"]): Evaluation["unresolved"] => {
  if (unresolved.size === 0) return noReasons
  const reasons = new Map<string, UnresolvedReason>()
  for (const { key, reason } of unresolved.values()) if (!flags.has(key)) reasons.set(key, reason)
  return reasons
}

// Each member by name, which is several times faster than to spread.
const merge = (local: LocalResult, remote: Evaluation, evaluatedAt: number, { loadedAt }: Loaded): Evaluation => {
  const flags = mergeFlags(local.flags, remote.flags)
  return {
    flags,
    malformed: remote.malformed,
    failed: remote.failed,
    unresolved: reasonsOf(local, flags),
    requestId: remote.requestId,
    evaluatedAt: remote.evaluatedAt,
    errorsWhileComputing: remote.errorsWhileComputing,
    failure: remote.failure,
    local: { evaluatedAt, definitionsLoadedAt: loadedAt }
  }
}

/** What an answer says of a key that was asked for. */
const verdictOf = ({ errorsWhileComputing, failed, failure, flags, malformed }: Evaluation, key: string): Verdict => {
  if (failure !== undefined) return failure
  if (flags.has(key) || malformed.has(key) || failed.has(key)) return "present"
  return errorsWhileComputing ? new FlagsUnavailable({ reason: "errors_while_computing" }) : "absent"
}

/** Whether a failure is about PostHog, and not about who asked. */
const isShared = ({ reason }: FlagsUnavailable): boolean =>
  reason === "timeout" || reason === "connection" || reason === "status" || reason === "quota_limited"

export const make = (poller: Poller): LocalEvaluator => {
  const probes = new Map<string, Probe>()

  /** Asks PostHog, and lets others who want to know of the same keys wait for the answer. */
  const ask = (
    loaded: Loaded,
    { flagKeys, unknown }: Rest,
    request: FlagsRequest,
    flags: Flags
  ): Effect.Effect<Evaluation> => {
    if (unknown.length === 0) return flags.evaluate({ ...request, flagKeys })
    return Effect.suspend(() => {
      const own = new Map<string, Probe>()
      for (const key of unknown) {
        if (probes.has(key) || probes.size >= maxProbes) continue
        const probe: Probe = { distinctId: request.distinctId, verdict: Deferred.unsafeMake(FiberId.none) }
        probes.set(key, probe)
        own.set(key, probe)
      }
      const settle = (verdictOn: (key: string) => Verdict) => {
        for (const [key, { verdict }] of own) {
          probes.delete(key)
          Deferred.unsafeDone(verdict, Effect.succeed(verdictOn(key)))
        }
      }
      return flags.evaluate({ ...request, flagKeys }).pipe(
        Effect.tap((remote) =>
          Effect.sync(() => {
            for (const key of unknown) {
              const verdict = verdictOf(remote, key)
              if (typeof verdict === "string") rememberProbed(loaded, key, verdict === "present")
            }
            settle((key) => verdictOf(remote, key))
          })
        ),
        Effect.onInterrupt(() => Effect.sync(() => settle(() => "interrupted")))
      )
    })
  }

  /** The probes that tell all that the request needs PostHog for; `undefined`: it has to ask itself. */
  const probesFor = (
    { probed }: Loaded,
    { isUnresolved, unknown }: Rest,
    { distinctId }: FlagsRequest
  ): ReadonlyArray<Probe> | undefined => {
    if (isUnresolved || unknown.length === 0) return undefined
    const found: Array<Probe> = []
    for (const key of unknown) {
      const probe = probes.get(key)
      // What asks the same for the same user is one request anyway, and of a flag that PostHog has everybody needs his own value.
      if (probe === undefined || probe.distinctId === distinctId || probed.get(key) === true) return undefined
      found.push(probe)
    }
    return found
  }

  const evaluate: LocalEvaluator = (request, flags, onlyLocally) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const loaded = poller.loader.current()
      if (loaded === undefined) {
        return onlyLocally && !flags.isTest
          ? Effect.succeed(failed(new FlagsUnavailable({ reason: "no_definitions" })))
          : flags.evaluate(request)
      }
      let local: LocalResult
      try {
        local = evaluateFlags(loaded.definitions, request, now, request.flagKeys)
      } catch {
        // A Proxy or a getter among the properties throws.
        return Effect.succeed(failed(new FlagsUnavailable({ reason: "invalid_request" })))
      }
      if (flags.isTest) {
        return Effect.map(flags.evaluate(request), (given) =>
          merge(local, onlyLocally ? { ...given, failure: undefined } : given, now, loaded))
      }
      if (onlyLocally) {
        return Effect.succeed(merge(local, nothingRemote, now, loaded))
      }
      const rest = restOf(loaded, local, request)
      if (rest.flagKeys?.length === 0) {
        return Effect.succeed(merge(local, nothingRemote, now, loaded))
      }
      const merged = Effect.map(ask(loaded, rest, request, flags), (remote) =>
        merge(local, remote, now, loaded))
      const others = probesFor(loaded, rest, request)
      if (others === undefined) return merged
      return Effect.flatMap(Effect.forEach(others, ({ verdict }) => Deferred.await(verdict)), (verdicts) => {
        const failure = verdicts.find((verdict) => typeof verdict === "object" && isShared(verdict))
        if (typeof failure === "object") return Effect.succeed(merge(local, failed(failure), now, loaded))
        if (verdicts.includes("interrupted")) return evaluate(request, flags, onlyLocally)
        return verdicts.every((verdict) => verdict === "absent")
          ? Effect.succeed(merge(local, nothingRemote, now, loaded))
          : merged
      })
    })
  return (request, flags, onlyLocally) =>
    poller.loader.current() === undefined
      ? Effect.zipRight(poller.awaitFirst, evaluate(request, flags, onlyLocally))
      : evaluate(request, flags, onlyLocally)
}
