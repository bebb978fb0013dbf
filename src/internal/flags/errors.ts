/**
 * The typed errors of feature flags, which `PostHogError` exports: in a file of their own, so that programs without
 * flags do not bundle them.
 */
import * as Data from "effect/Data"

const unresolvedTexts = {
  experience_continuity: "it has experience continuity, which only PostHog can keep",
  unsupported_definition: "its definition has something that this version does not know",
  unresolved_dependency: "it depends on a flag that cannot be evaluated either",
  missing_context:
    "its conditions look at a property or group that was not given; pass personProperties, groupProperties or groups"
}

/**
 * PostHog did not say what the flags are. `reason` says why:
 *
 * - `timeout`: no answer within `featureFlagsRequestTimeout`, also when asked again
 * - `connection`: no connection, or it broke off
 * - `status`: PostHog, or something in front of it, answered with the error in `status`
 * - `quota_limited`: the project is over its quota of flag requests
 * - `invalid_response`: the answer is no answer to a request for flags
 * - `errors_while_computing`: PostHog could compute some flags and this one not
 * - `not_evaluated`: this flag was not asked for, or left out of a part of a snapshot
 * - `invalid_request`: the properties given for the evaluation are too large or cannot be read
 * - `unresolved_locally`: the flag cannot be evaluated in this process, for the reason in `unresolved`, and PostHog was
 *   not asked
 * - `no_definitions`: flags were to be evaluated in this process only, and there are no definitions, or nothing loads
 *   any
 * - `no_secret_key`: this needs the option `secretKey`
 * - `disabled`, `opted_out`, `closed`: the instance asks nothing
 *
 * @since 0.1.0
 * @category errors
 */
export class FlagsUnavailable extends Data.TaggedError("FlagsUnavailable")<{
  readonly reason:
    | "timeout"
    | "connection"
    | "status"
    | "quota_limited"
    | "invalid_response"
    | "errors_while_computing"
    | "not_evaluated"
    | "invalid_request"
    | "unresolved_locally"
    | "no_definitions"
    | "no_secret_key"
    | "disabled"
    | "opted_out"
    | "closed"
  /** Status of the last answer, if there was one. */
  readonly status?: number | undefined
  /** What the transport or the server said, for people. */
  readonly detail?: string | undefined
  /** Why the flag cannot be evaluated in this process, see `LocalEvaluation`. */
  readonly unresolved?:
    | "experience_continuity"
    | "unsupported_definition"
    | "unresolved_dependency"
    | "missing_context"
    | undefined
}> {
  /** What happened and what to do. */
  override get message(): string {
    const what = {
      timeout: "PostHog did not answer in time; check the network or raise featureFlagsRequestTimeout",
      connection: "PostHog could not be reached; check the host and the network",
      status: `PostHog answered ${this.status}; check apiKey and host, or see its status page`,
      quota_limited: "the project is over its quota of feature flag requests; see its billing settings",
      invalid_response: "the answer is not PostHog's; check the host, and what is between",
      errors_while_computing: "PostHog could not compute the flag; see its status page",
      not_evaluated: "the snapshot was made without this flag; name it in flagKeys, or in only",
      invalid_request: "the properties given for the evaluation cannot be sent; give fewer and plain ones",
      unresolved_locally: `the flag cannot be evaluated in this process, because ${
        this.unresolved === undefined ? "it is not known why" : unresolvedTexts[this.unresolved]
      }`,
      no_definitions: "there are no flag definitions in this process; see LocalEvaluation.status",
      no_secret_key: "this needs the option secretKey, a personal (phx_…) or project secret key (phs_…)",
      disabled: "the instance is disabled",
      opted_out: "the instance is opted out",
      closed: "the instance is closed"
    }[this.reason]
    return `Feature flags are unavailable: ${what}${this.detail === undefined ? "" : ` (${this.detail})`}`
  }
}

/**
 * Flags were to be evaluated, and neither the call nor the context has a distinct id. No id is made up, because the
 * answer would be one for nobody.
 *
 * @since 0.1.0
 * @category errors
 */
export class MissingDistinctId extends Data.TaggedError("MissingDistinctId") {
  /** What happened and what to do. */
  override get message(): string {
    return "There is no distinct id to evaluate feature flags for; pass distinctId or run inside PostHog.withDistinctId"
  }
}

/**
 * PostHog evaluated the flags, and there is none of this key: it does not exist, is switched off for everybody, or is
 * meant for another runtime or evaluation context.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlagNotFound extends Data.TaggedError("FlagNotFound")<{
  /** Key of the flag. */
  readonly key: string
}> {
  /** What happened and what to do. */
  override get message(): string {
    return `There is no active feature flag "${this.key}"; check the key, and that the flag is enabled in PostHog`
  }
}

/**
 * PostHog answered with a variant that the program does not know.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownVariant extends Data.TaggedError("UnknownVariant")<{
  /** Key of the flag. */
  readonly key: string
  /** What PostHog answered: a variant, or `true` for a flag that has none. */
  readonly value: string | boolean
  /** The variants that the program knows. */
  readonly variants: ReadonlyArray<string>
}> {
  /** What happened and what to do. */
  override get message(): string {
    return `Feature flag "${this.key}" is ${JSON.stringify(this.value)} and should be one of ${
      this.variants.join(", ")
    }; add the variant to the program or remove it in PostHog`
  }
}

/**
 * The payload of a flag does not have the shape that its schema describes.
 *
 * @since 0.1.0
 * @category errors
 */
export class PayloadInvalid extends Data.TaggedError("PayloadInvalid")<{
  /** Key of the flag. */
  readonly key: string
  /** Where the payload differs from the schema, for people. */
  readonly detail: string
  /** The `ParseError`. */
  readonly cause?: unknown
}> {
  /** What happened and what to do. */
  override get message(): string {
    return `The payload of feature flag "${this.key}" is not what the program expects: ${this.detail}`
  }
}

/**
 * A flag that is required is off.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlagDisabled extends Data.TaggedError("FlagDisabled")<{
  /** Key of the flag. */
  readonly key: string
}> {
  /** What happened and what to do. */
  override get message(): string {
    return `Feature flag "${this.key}" is not enabled for this user`
  }
}
