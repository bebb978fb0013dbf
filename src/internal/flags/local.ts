/**
 * The stage that evaluates in this process what can be, and leaves the rest to the next, once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type Loaded, rememberProbed } from "../../core/flags/loading.js"
import { evaluateFlags, type LocalResult, type UnresolvedReason } from "../../core/flags/local.js"
import type { FlagsRequest } from "../../core/flags/request.js"
import { FlagsUnavailable } from "./errors.js"
import { type Evaluation, type Evaluator, failed, nothing, type Stage } from "./evaluation.js"
import type { Poller } from "./poller.js"
import { isShared, Probes } from "./probes.js"

/** What a request has to ask PostHog for. */
interface Rest {
  /** Whether a flag that is defined here could not be resolved here. */
  readonly isUnresolved: boolean
  /** Keys that are not defined here, and of which PostHog may have a flag. */
  readonly unknown: ReadonlyArray<string>
  /**
   * Which flags to request; `undefined`: all. With `flagKeys` of the caller it is all of those as soon as one of them
   * has to be asked for, as PostHog's specification has it, and otherwise only those that are missing.
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

const noReasons: ReadonlyMap<string, UnresolvedReason> = new Map()

/** Local values win over PostHog's. */
const mergeFlags = (local: LocalResult["flags"], remote: Evaluation["flags"]): Evaluation["flags"] => {
  if (remote.size === 0) return local
  const flags = new Map(local)
  for (const [key, flag] of remote) if (!flags.has(key)) flags.set(key, flag)
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

export const make = (poller: Poller): Stage => {
  const probes = new Probes()
  return (next) => {
    /** What the process itself does not know is asked for, or others are about to learn it. */
    const complete = (
      question: FlagsRequest,
      loaded: Loaded,
      local: LocalResult,
      now: number
    ): Effect.Effect<Evaluation> => {
      const { flagKeys, isUnresolved, unknown } = restOf(loaded, local, question)
      if (flagKeys?.length === 0) return Effect.succeed(merge(local, nothing, now, loaded))
      const asked = probes.telling(
        next({ ...question, flagKeys }, false),
        question.distinctId,
        unknown,
        (key, isThere) => rememberProbed(loaded, key, isThere)
      )
      const merged = Effect.map(asked, (remote) => merge(local, remote, now, loaded))
      // Of a flag that PostHog is known to have everybody needs his own value.
      const others = isUnresolved || unknown.some((key) => loaded.probed.get(key) === true)
        ? undefined
        : probes.awaiting(question.distinctId, unknown)
      if (others === undefined) return merged
      return Effect.flatMap(others, (verdicts) => {
        const failure = verdicts.find((verdict) => typeof verdict === "object" && isShared(verdict))
        if (typeof failure === "object") return Effect.succeed(merge(local, failed(failure), now, loaded))
        if (verdicts.includes("interrupted")) return evaluate(question, false)
        return verdicts.every((verdict) => verdict === "absent")
          ? Effect.succeed(merge(local, nothing, now, loaded))
          : merged
      })
    }

    const evaluate: Evaluator = (question, onlyLocally) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const loaded = poller.loader.current()
        if (loaded === undefined) return next(question, onlyLocally)
        let local: LocalResult
        try {
          local = evaluateFlags(loaded.definitions, question, now, question.flagKeys)
        } catch {
          // A Proxy or a getter among the properties throws.
          return Effect.succeed(failed(new FlagsUnavailable({ reason: "invalid_request" })))
        }
        return onlyLocally
          ? Effect.succeed(merge(local, nothing, now, loaded))
          : complete(question, loaded, local, now)
      })

    return (question, onlyLocally) =>
      poller.loader.current() === undefined
        ? Effect.zipRight(poller.awaitFirst, evaluate(question, onlyLocally))
        : evaluate(question, onlyLocally)
  }
}
