/**
 * What posthog-node does when the local PostHog misbehaves: that is what faults are for, so each must be the fault that
 * a client knows.
 */
import { PostHog as PostHogNode } from "posthog-node"
import { describe, expect, it, vi } from "vitest"
import type { Fault } from "../../src/local/model.js"
import { start } from "./running.js"

interface Outcome {
  readonly fault: Fault
  /** How often the event is here in the end. */
  readonly arrives: 0 | 1
  /** Statuses of the requests; `undefined`: without an answer. */
  readonly statuses: ReadonlyArray<number | undefined>
}

const outcomes: Readonly<Record<string, Outcome>> = {
  503: { fault: { kind: "status", status: 503 }, arrives: 1, statuses: [503, 503, 200] },
  "429 with Retry-After": {
    fault: { kind: "status", status: 429, headers: { "retry-after": "0" } },
    arrives: 1,
    statuses: [429, 429, 200]
  },
  400: { fault: { kind: "status", status: 400 }, arrives: 0, statuses: [400] },
  "413 of one event": { fault: { kind: "status", status: 413 }, arrives: 0, statuses: [413] },
  "a connection that is closed": {
    fault: { kind: "reset", when: "before" },
    arrives: 1,
    statuses: [undefined, undefined, 200]
  },
  "no answer": { fault: { kind: "silent" }, arrives: 1, statuses: [undefined, undefined, 200] },
  "no JSON": { fault: { kind: "garbage" }, arrives: 0, statuses: [200] },
  "over quota": { fault: { kind: "quota", limited: ["events"] }, arrives: 0, statuses: [200] }
}

describe("posthog-node, when two requests go wrong", () => {
  it.each(Object.entries(outcomes))("%s", async (_, { arrives, fault, statuses }) => {
    // It says what went wrong there.
    const said = vi.spyOn(console, "error").mockImplementation(() => {})
    const server = await start()
    server.faults.start({ fault, on: "events", times: 2 })
    const posthog = new PostHogNode("phc_local", {
      host: server.url,
      flushAt: 100,
      flushInterval: 100_000,
      fetchRetryDelay: 1,
      requestTimeout: 300
    })
    posthog.capture({ distinctId: "ada", event: "e" })
    await posthog.flush().catch(() => undefined)
    await posthog.shutdown()
    said.mockRestore()
    const { counts, requests } = server.local.store
    expect(requests.map(({ status }) => status)).toEqual(statuses)
    expect(counts.accepted).toBe(arrives)
  })
})
