/**
 * Evaluating in this process what can be, and asking PostHog for the rest, once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { evaluateFlags, type LocalResult, type UnresolvedReason } from "../../core/flags/local.js"
import type { FlagsRequest } from "../../core/flags/request.js"
import { FlagsUnavailable } from "../../PostHogError.js"
import { type Loaded, rememberAbsent } from "./definitionsLoader.js"
import { type Evaluation, failed, type LocalEvaluator } from "./evaluator.js"
import type { Poller } from "./poller.js"

/** An evaluation that nobody but this process had a part in. */
const nothingRemote: Evaluation = {
  flags: new Map(),
  malformed: new Set(),
  unresolved: new Map(),
  requestId: undefined,
  evaluatedAt: undefined,
  errorsWhileComputing: false,
  failure: undefined
}

/**
 * The flags that PostHog has to be asked for; `undefined`: for all. With a list of its own the caller gets an answer to that list, as
 * from PostHog's other SDKs; without one only what is missing is asked for.
 */
const restOf = (
  { absent, definitions }: Loaded,
  { unresolved }: LocalResult,
  { flagKeys }: FlagsRequest
): FlagsRequest["flagKeys"] => {
  if (flagKeys === undefined) {
    return definitions.keys.length === 0
      ? undefined
      : Array.from(unresolved.values()).filter(({ asksServer }) => asksServer).map(({ key }) => key)
  }
  const asks = (key: string) => {
    const reason = unresolved.get(key)
    return reason === undefined ? !definitions.keys.includes(key) && !absent.has(key) : reason.asksServer
  }
  return flagKeys.some(asks) ? flagKeys : []
}

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
    unresolved: reasonsOf(local, flags),
    requestId: remote.requestId,
    evaluatedAt: remote.evaluatedAt,
    errorsWhileComputing: remote.errorsWhileComputing,
    failure: remote.failure,
    local: { evaluatedAt, definitionsLoadedAt: loadedAt }
  }
}

export const make = (poller: Poller): LocalEvaluator => {
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
      const rest = onlyLocally ? [] : restOf(loaded, local, request)
      return rest?.length === 0
        ? Effect.succeed(merge(local, nothingRemote, now, loaded))
        : Effect.map(flags.evaluate({ ...request, flagKeys: rest }), (remote) => {
          if (remote.failure === undefined && !remote.errorsWhileComputing) {
            for (const key of request.flagKeys ?? []) {
              if (
                !local.unresolved.has(key) && !local.flags.has(key) && !remote.flags.has(key) &&
                !remote.malformed.has(key)
              ) {
                rememberAbsent(loaded, key)
              }
            }
          }
          return merge(local, remote, now, loaded)
        })
    })
  return (request, flags, onlyLocally) =>
    poller.loader.current() === undefined
      ? Effect.zipRight(poller.awaitFirst, evaluate(request, flags, onlyLocally))
      : evaluate(request, flags, onlyLocally)
}
