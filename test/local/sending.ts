/**
 * Events that are sent to the handlers of the local PostHog.
 */
import { expect } from "vitest"
import { ingestV0 } from "../../src/local/ingest.js"
import { ingestV1 } from "../../src/local/ingestV1.js"
import type { Handler } from "../../src/local/local.js"
import type { ReceivedEvent } from "../../src/local/model.js"
import { exchange, makeLocal, type Request, said, v1Headers } from "./handling.js"

export interface Given extends Request {
  readonly isStrict?: boolean
}

export const send = async (handler: Handler, request: Given) => {
  const local = makeLocal(request.isStrict)
  const given = exchange(local, request)
  const answer = await handler(given, local)
  return { answer, body: said(answer), events: local.store.events, local, received: given.received }
}

export const uuid = (n: number) => `0194d6e0-0000-7000-8000-${String(n).padStart(12, "0")}`

export const event = (more: object = {}, n = 1): { [name: string]: unknown } => ({
  event: "order completed",
  distinct_id: "ada",
  properties: {},
  uuid: uuid(n),
  timestamp: "2026-11-27T11:59:00.000Z",
  ...more
})

export const v0 = (...batch: ReadonlyArray<unknown>) => send(ingestV0, { body: { api_key: "phc_a", batch } })

export const one = (events: ReadonlyArray<ReceivedEvent>): ReceivedEvent => {
  expect(events).toHaveLength(1)
  return events[0]!
}

export const v1 = (batch: ReadonlyArray<unknown>, more: Partial<Given> & { readonly envelope?: object } = {}) =>
  send(ingestV1, {
    path: "/i/v1/analytics/events",
    ...more,
    headers: { ...v1Headers, ...more.headers },
    body: { created_at: "2026-11-27T12:00:00.000Z", batch, ...more.envelope }
  })

export const eventV1 = (more: object = {}, n = 1) => event({ options: {}, ...more }, n)
