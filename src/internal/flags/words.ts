/**
 * What is said about requests for flags and for their definitions.
 */
import type { FlagsFailed } from "../../PostHogError.js"
import type { Diagnostics } from "../diagnostics.js"
import { checkHost, type Topic } from "../warnings.js"

const quotaLimited = "the project is over its quota; see its billing settings"

const advice = {
  quota_limited: quotaLimited,
  invalid_response: `something else than PostHog answers; ${checkHost}, and what is between`,
  missing_distinct_id: "pass distinctId or run inside PostHog.withDistinctId",
  invalid_request: "the properties given for the evaluation cannot be sent; give fewer and plain ones",
  no_secret_key: "set the option secretKey (POSTHOG_SECRET_KEY)"
}

const checkSecret = "check the secret key (option secretKey, POSTHOG_SECRET_KEY)"

export const aboutFlags: Topic = {
  name: "flags",
  failed: "feature flags cannot be asked for at",
  notAsked: "feature flags cannot be evaluated",
  recovered: "feature flags are answered by",
  consequence: "reads give their defaults",
  advice
}

export const aboutDefinitions: Topic = {
  name: "definitions",
  failed: "feature flag definitions cannot be loaded from",
  notAsked: "feature flag definitions cannot be loaded",
  recovered: "feature flag definitions come from",
  consequence: "those that were loaded before stay, and they are asked for again",
  advice: {
    ...advice,
    401: `the key is not known there; ${checkSecret}, and whether host is of the same region`,
    402: quotaLimited,
    403: `the key does not give access to feature flag definitions; ${checkSecret}`
  }
}

export const kinds = {
  flagsEvaluated: { tag: "FlagsEvaluated", text: "feature flags evaluated" },
  flagsFailed: { tag: "FlagsFailed", text: "feature flags could not be evaluated, reads give defaults" },
  flagsNotInSnapshot: {
    tag: "FlagsNotInSnapshot",
    text: "a snapshot does not have all flags it was asked for",
    warns: true
  },
  definitionsLoaded: { tag: "DefinitionsLoaded", text: "feature flag definitions loaded" },
  definitionsFailed: { tag: "DefinitionsFailed", text: "feature flag definitions could not be loaded" },
  definitionStoreFailed: {
    tag: "DefinitionStoreFailed",
    text: "the store of feature flag definitions failed",
    warns: true
  }
} as const

/** To be called when flags could not be evaluated. */
export const flagsFailed = (diagnostics: Diagnostics, failure: Omit<FlagsFailed, "_tag">): void => {
  diagnostics.emit(kinds.flagsFailed, () => ({ _tag: "FlagsFailed", ...failure }))
  diagnostics.failed({ about: aboutFlags, ...failure })
}
