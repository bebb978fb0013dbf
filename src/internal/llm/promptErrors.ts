/**
 * Why a prompt cannot be had.
 */
import * as Data from "effect/Data"

/**
 * A prompt could not be fetched from PostHog, nothing was kept of an earlier time, and there was no fallback. `reason`
 * says why:
 *
 * - `not_found`: there is no prompt of that name, version or label
 * - `invalid_request`: the name is blank, or both a version and a label were given
 * - `no_secret_key`: the option `secretKey` is missing
 * - `connection`, `timeout`: there was no answer
 * - `status`: PostHog answered with the error in `status`
 * - `invalid_response`: the answer is no prompt
 * - `disabled`, `opted_out`, `closed`: the instance asks nothing
 *
 * @since 0.1.0
 * @category errors
 */
export class PromptUnavailable extends Data.TaggedError("PromptUnavailable")<{
  readonly reason:
    | "not_found"
    | "invalid_request"
    | "no_secret_key"
    | "connection"
    | "timeout"
    | "status"
    | "invalid_response"
    | "disabled"
    | "opted_out"
    | "closed"
  /** The name of the prompt; absent for lists. */
  readonly name?: string | undefined
  /** Status of the answer, if there was one. */
  readonly status?: number | undefined
  /** What the transport or the server said, for people. */
  readonly detail?: string | undefined
}> {
  /** What happened and what to do. */
  override get message(): string {
    const what = {
      not_found: "PostHog has no such prompt; check name, version and label",
      invalid_request: "a prompt needs a name, and either a version or a label",
      no_secret_key: "prompts need a personal (phx_…) or project secret key (phs_…); give it as the option secretKey",
      connection: "PostHog could not be reached; check the host and the network",
      timeout: "PostHog did not answer in time; check the network or raise requestTimeout",
      status: `PostHog answered ${this.status}; check that the secretKey may read prompts`,
      invalid_response: "the answer is no prompt; check that the host is PostHog",
      disabled: "the instance sends nothing; give a fallback",
      opted_out: "the instance is opted out",
      closed: "the instance is closed"
    }[this.reason]
    const which = this.name === undefined ? "prompts" : `prompt ${this.name}`
    return `${which}: ${what}${this.detail === undefined ? "" : ` (${this.detail})`}`
  }
}
