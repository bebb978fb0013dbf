/**
 * Handlers of the local PostHog without a server around them.
 */
import { sdkOf } from "../../src/local/client.js"
import type { Local } from "../../src/local/local.js"
import type { Answer, EventResult, Exchange, ReceivedRequest } from "../../src/local/model.js"
import { Store } from "../../src/local/store.js"

export const now = Date.parse("2026-11-27T12:00:00.000Z")

/** The parts that the handlers of events touch. */
export const makeLocal = (given: Partial<Local> = {}): Local => ({
  settings: { maxEvents: 10_000, maxBytes: 64 * 1024 * 1024 } as Local["settings"],
  store: new Store({ maxEvents: 10_000, maxBytes: 64 * 1024 * 1024 }),
  people: { learn: () => {}, find: () => undefined, group: () => undefined, all: () => [], clear: () => {} },
  flags: {} as Local["flags"],
  faults: {} as Local["faults"],
  now: () => now,
  ...given
})

export interface Request {
  readonly path?: string
  readonly headers?: { readonly [name: string]: string }
  /** A text is sent as it is. */
  readonly body: unknown
  readonly resultFor?: (event: unknown, index: number) => EventResult | undefined
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const exchange = (local: Local, { body, headers = {}, path = "/batch/", resultFor }: Request): Exchange => {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const url = new URL(path, "http://127.0.0.1")
  const received: ReceivedRequest = {
    seq: local.store.nextRequest(),
    at: now,
    method: "POST",
    path: url.pathname,
    query: url.search,
    headers,
    target: "events",
    sdk: sdkOf(headers),
    project: undefined,
    packed: "plain",
    wireBytes: Buffer.byteLength(text),
    bytes: Buffer.byteLength(text),
    attempt: 1,
    events: 0,
    status: undefined,
    reason: undefined,
    fault: undefined
  }
  local.store.addRequest(received)
  return { received, query: url.searchParams, headers, body: { text, json: parsed(text) }, resultFor }
}

/** What an answer says. */
export const said = ({ body }: Answer): any => body.length === 0 ? undefined : JSON.parse(body.toString())
