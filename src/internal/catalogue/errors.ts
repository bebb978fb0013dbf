/**
 * Why PostHog's API did not do what it was asked for.
 */
import * as Data from "effect/Data"

/**
 * A request of `Catalogue` to PostHog's API failed. `reason` says why:
 *
 * - `invalid_options`: the personal key, the project or the host cannot be right
 * - `unauthorized`: PostHog does not know the key
 * - `forbidden`: the key lacks a scope, or has no access to the project
 * - `not_found`: PostHog has no such project, or is too old to have schemas of events
 * - `rate_limited`: PostHog wants fewer requests, and still did so after several waits
 * - `connection`, `timeout`: there was no answer
 * - `status`: PostHog answered with the error in `status`
 * - `invalid_response`: the answer is none of PostHog's, or is too long
 *
 * @since 0.1.0
 * @category errors
 */
export class PostHogApiError extends Data.TaggedError("PostHogApiError")<{
  readonly reason:
    | "invalid_options"
    | "unauthorized"
    | "forbidden"
    | "not_found"
    | "rate_limited"
    | "connection"
    | "timeout"
    | "status"
    | "invalid_response"
  /** What PostHog was asked for, such as `event_definitions`. */
  readonly resource?: string | undefined
  /** The scope that the key needs for it, such as `event_definition:write`. */
  readonly scope?: string | undefined
  /** Status of the answer, if there was one. */
  readonly status?: number | undefined
  /** What the transport or the server said, for people. Never contains a key. */
  readonly detail?: string | undefined
}> {
  /** What happened and what to do. */
  override get message(): string {
    const scope = this.scope ?? "event_definition:read"
    const what = {
      invalid_options: "the options cannot be used",
      unauthorized: "PostHog does not know the personal API key; make one in the settings of your account, " +
        `with the scope ${scope}, and check that the host is that of its region`,
      forbidden: `the personal API key may not do this; give it the scope ${scope} and access to the project`,
      not_found: "PostHog has no such thing; check the id of the project, and the host (a PostHog of your own may be " +
        "too old to have schemas of events)",
      rate_limited: "PostHog wants fewer requests; try again in a minute, what was done stays done",
      connection: "PostHog could not be reached; check the host and the network",
      timeout: "PostHog did not answer in time; check the network or raise requestTimeout or timeLimit",
      status: `PostHog answered ${this.status}`,
      invalid_response: "the answer cannot be used; check that the host is PostHog's web application"
    }[this.reason]
    const which = this.resource === undefined ? "" : `${this.resource}: `
    return `${which}${what}${this.detail === undefined ? "" : ` (${this.detail})`}`
  }
}
