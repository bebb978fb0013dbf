/**
 * Recordings of sessions: counted, and what they show is not kept.
 */
import { members, own } from "./event.js"
import { accepted, keep, opened, problemOfRequest, refuse, taken } from "./ingest.js"
import type { Handler } from "./local.js"
import { tooManyEvents } from "./verdict.js"

const withoutData = (value: unknown): unknown => {
  const { $snapshot_data, ...properties } = members(own(value, "properties")) ?? {}
  const count = Array.isArray($snapshot_data) ? $snapshot_data.length : 1
  return { ...members(value), properties: { ...properties, $snapshot_count: count } }
}

/** `/s/`. */
export const replay: Handler = (exchange, local) => {
  const { common, events, key } = opened(exchange, "v0")
  const values = events?.map(({ value }) => withoutData(value)) ?? []
  const lost = values.findIndex((value) => typeof own(own(value, "properties"), "$session_id") !== "string")
  const problem = problemOfRequest(exchange, events, key) ?? (lost < 0 ? undefined : {
    status: 400,
    code: "missing_session_id",
    reason: `\`$session_id\` is missing among the properties of event ${lost + 1}: a recording belongs to a session`
  })
  const judgement = problem === undefined ? accepted : { verdict: "refused", reason: problem.reason } as const
  if (problem !== tooManyEvents) {
    for (const value of values) keep({ value, text: JSON.stringify(value) }, judgement, common, exchange, local)
  }
  if (problem !== undefined) return refuse(exchange, problem)
  return taken(exchange)
}
