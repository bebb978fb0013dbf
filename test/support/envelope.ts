/** What requests over capture v1 have, whatever their events are, and how they are repeated. */
import { assert } from "@effect/vitest"
import { Effect, Schedule, TestClock } from "effect"
import type { Sink, SinkRequest } from "./sink.js"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A time as it is written. */
export const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

const headerOf = (name: string) => ({ headers }: SinkRequest): string => String(headers[name])

export const attemptOf = headerOf("posthog-attempt")
export const requestIdOf = headerOf("posthog-request-id")
const timestampOf = headerOf("posthog-request-timestamp")
export const sentAtOf = (request: SinkRequest): number => Date.parse(timestampOf(request))

/** The headers and the body of one, around its events. */
export const assertEnvelope = (request: SinkRequest): void => {
  const { body, headers, method } = request
  assert.strictEqual(method, "POST")
  assert.deepInclude(headers, { authorization: "Bearer phc_test", "content-type": "application/json" })
  assert.match(String(headers["user-agent"]), /^posthog-effect\/\d/)
  assert.strictEqual(headers["posthog-sdk-info"], headers["user-agent"])
  assert.match(attemptOf(request), /^[1-9]\d*$/)
  assert.match(requestIdOf(request), uuid)
  assert.match(timestampOf(request), time)
  const { historical_migration, ...others } = body
  assert.sameMembers(Object.keys(others), ["created_at", "batch"])
  assert.include([undefined, true], historical_migration)
  assert.match(body.created_at, time)
}

/** That these are one request and its repetitions, which PostHog can tell by its id and its number. */
export const assertRepetitions = (requests: ReadonlyArray<SinkRequest>): void => {
  assert.isAbove(requests.length, 1)
  for (const request of requests) assertEnvelope(request)
  assert.deepStrictEqual(requests.map(attemptOf), requests.map((_, i) => String(i + 1)))
  assert.strictEqual(new Set(requests.map(requestIdOf)).size, 1)
  assert.strictEqual(new Set(requests.map(({ body }) => body.created_at)).size, 1)
}

/** Repetitions without a pause, so that under a clock that stands still only requests without an answer wait. */
export const atOnce = Schedule.recurs(100)

/** Waits until the sink has so many requests, and then until the time for the last one, which has no answer, is over. */
export const passAt = (sink: Sink, requests: number): Effect.Effect<void> =>
  Effect.zipRight(
    Effect.promise(() => sink.until(() => sink.requests.length === requests)),
    TestClock.adjust("1 minute")
  )
