/** A client that answers requests for flags, and what tests of flags ask of it. */
import { Effect } from "effect"
import { FeatureFlag, PostHogTest } from "effect-posthog"
import { type Answer, FakeClient, type FakeRequest } from "./fakeClient.js"

/** An answer of `/flags`. */
export const flagsBody = (flags: Record<string, boolean | string>, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    flags: Object.fromEntries(
      Object.entries(flags).map(([key, value], index) => [key, {
        key,
        enabled: value !== false,
        variant: typeof value === "string" ? value : null,
        reason: { code: "condition_match", description: "Matched condition set 1" },
        metadata: { id: index + 1, version: 2, payload: null }
      }])
    ),
    errorsWhileComputingFlags: false,
    requestId: "req-1",
    evaluatedAt: 1000,
    ...more
  })

export const answer = (flags: Record<string, boolean | string>, more?: Record<string, unknown>): Answer => ({
  status: 200,
  body: flagsBody(flags, more)
})

export const isFlags = (request: FakeRequest) => request.url.includes("/flags")

/** A client that answers questions for flags, and takes events. */
export const flagsClient = (flags: () => Answer) =>
  new FakeClient((request) => isFlags(request) ? flags() : { status: 200, body: "{\"status\":1}" })

export const asked = (client: FakeClient) => client.requests.filter(isFlags)

export const all = { on: true, off: false, blue: "blue" }

/** What was captured about reads. */
export const called = Effect.map(
  PostHogTest.captured,
  (events) => events.filter(({ event }) => event === "$feature_flag_called")
)

export const Fast = FeatureFlag.variants("checkout", ["control", "fast"])
