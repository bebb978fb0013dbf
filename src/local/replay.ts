/**
 * Recordings of sessions: counted, and what they show is not kept.
 */
import { sdkOfEvent, unknownSdk } from "./client.js"
import { members, own } from "./event.js"
import { accepted, type Common, eventsOf, keep, problemOfRequest, projectKey, refuse } from "./ingest.js"
import type { Handler } from "./local.js"
import { json } from "./model.js"
import { shortened, tooManyEvents } from "./verdict.js"

const withoutData = (value: unknown): unknown => {
  const { $snapshot_data, ...properties } = members(own(value, "properties")) ?? {}
  const count = Array.isArray($snapshot_data) ? $snapshot_data.length : 1
  return { ...members(value), properties: { ...properties, $snapshot_count: count } }
}

/** `/s/`. */
export const replay: Handler = (exchange, local) => {
  const { query, received } = exchange
  const events = eventsOf(exchange)
  const key = events && projectKey(exchange, events)
  const project = typeof key === "string" ? shortened(key.trim()) : ""
  if (project !== "") received.project = project
  received.events = events?.length ?? 0
  if (received.sdk.name === unknownSdk.name) {
    received.sdk = sdkOfEvent(own(events?.[0]?.value, "properties"), received.sdk)
  }
  const common: Common = { lane: "v0", isV1: false, project, sdk: received.sdk }
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
  return query.get("beacon") === "1" ? { status: 204, body: "" } : json(200, { status: 1 })
}
