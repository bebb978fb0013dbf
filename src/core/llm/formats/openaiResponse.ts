/**
 * What the object of a response says besides its output.
 *
 * @since 0.1.0
 */
import type { AnswerFacts, Failure } from "../model.js"
import { failureOf, responsesUsageNames, usageOf } from "./openai.js"
import { given, type JsonObject, known, member, record, word } from "./read.js"

/** After any other the provider works on. */
const terminal: ReadonlyArray<unknown> = ["completed", "failed", "cancelled", "incomplete"]

export const isTerminal = (status: unknown): boolean => terminal.includes(status)

/** The stop reason of an incomplete answer is what cut it short. */
const stopReason = (body: unknown): string | undefined => {
  const status = member(body, "status")
  if (!isTerminal(status)) return undefined
  return status === "incomplete" ? word(member(body, "incomplete_details", "reason")) ?? status : word(status)
}

const failure = (body: unknown): Failure | undefined =>
  failureOf(body) ?? (member(body, "status") === "failed" ? { type: "failed" } : undefined)

const metadata = (body: unknown): JsonObject | undefined => {
  const found = given(body, ["incomplete_details"])
  return Object.keys(found).length === 0 ? undefined : found
}

const isPending = (body: unknown): boolean => {
  const status = word(member(body, "status"))
  return status !== undefined && !isTerminal(status)
}

/** How long the provider worked, by its own account: a later request for the answer takes less time. */
const workedSeconds = (body: unknown): number | undefined => {
  const [from, to] = [member(body, "created_at"), member(body, "completed_at")]
  return typeof from === "number" && typeof to === "number" && to >= from ? to - from : undefined
}

export const responseFacts = (
  body: unknown,
  about: {
    readonly searches: number
    readonly output: AnswerFacts["output"]
    /** Whether an answer that is not complete will be asked for later. */
    readonly pends: boolean
  }
): AnswerFacts =>
  known({
    model: word(member(body, "model")),
    completionId: word(member(body, "id")),
    stopReason: stopReason(body),
    usage: usageOf(record(member(body, "usage")), responsesUsageNames, about.searches),
    serviceTier: word(member(body, "service_tier")),
    metadata: metadata(body),
    failure: failure(body),
    output: about.output,
    pendingId: about.pends && isPending(body) ? word(member(body, "id")) : undefined,
    workedSeconds: workedSeconds(body)
  })
