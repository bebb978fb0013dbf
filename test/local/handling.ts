/**
 * Handlers of the local PostHog without a server around them.
 */
import { attemptOf, sdkOf } from "../../src/local/client.js"
import { makeHints } from "../../src/local/hints.js"
import type { Local } from "../../src/local/local.js"
import type { Answer, EventResult, Exchange, ReceivedRequest } from "../../src/local/model.js"
import { makePeople } from "../../src/local/people.js"
import { Store } from "../../src/local/store.js"

export const now = Date.parse("2026-11-27T12:00:00.000Z")

/** The parts that the handlers of events touch. */
export const makeLocal = (isStrict = false, maxEvents = 10_000): Local => {
  const bounds = { maxEvents, maxBytes: 64 * 1024 * 1024 }
  const store = new Store(bounds)
  return {
    settings: bounds as Local["settings"],
    store,
    people: makePeople(),
    hints: makeHints(store),
    flags: {} as Local["flags"],
    faults: {} as Local["faults"],
    origins: {} as Local["origins"],
    reports: {} as Local["reports"],
    pageUrl: () => undefined,
    now: () => now,
    isStrict
  }
}

export interface Request {
  readonly path?: string
  readonly headers?: { readonly [name: string]: string }
  /** A text is sent as it is. */
  readonly body: unknown
  readonly target?: ReceivedRequest["target"]
  readonly at?: number
  readonly resultFor?: (event: unknown, index: number) => EventResult | undefined
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Those of a request of capture v1. */
export const v1Headers = {
  authorization: "Bearer phc_a",
  "content-type": "application/json",
  "user-agent": "posthog-test/1.2.3",
  "posthog-sdk-info": "posthog-test/1.2.3",
  "posthog-attempt": "1",
  "posthog-request-id": "0194d6e0-0000-7000-8000-0000000000ff",
  "posthog-request-timestamp": "2026-11-27T12:00:00.000Z"
}

/** A request that has come, as the server gives it to a handler. */
export const exchange = (
  local: Local,
  { at = now, body, headers = {}, path = "/batch/", resultFor, target = "events" }: Request
): Exchange => {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const url = new URL(path, "http://127.0.0.1")
  const received: ReceivedRequest = {
    seq: local.store.nextRequest(),
    at,
    method: "POST",
    path: url.pathname,
    query: url.search,
    headers,
    target,
    sdk: sdkOf(headers),
    project: undefined,
    packed: "plain",
    wireBytes: Buffer.byteLength(text),
    bytes: Buffer.byteLength(text),
    attempt: attemptOf(headers, url.searchParams),
    events: 0,
    status: undefined,
    isOver: false,
    reason: undefined,
    fault: undefined
  }
  local.store.addRequest(received)
  return { received, query: url.searchParams, headers, body: { text, json: parsed(text) }, resultFor }
}

/** What an answer says. */
export const said = ({ body }: Answer): any => body.length === 0 ? undefined : JSON.parse(body.toString())
