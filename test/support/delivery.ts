/** What tests of delivery look at. */
import { Effect } from "effect"
import { makeTracer } from "./effect.js"
import type { FakeClient } from "./fakeClient.js"

/** The parts of events that must be the same on every attempt. */
export const identity = (
  events: ReadonlyArray<{ uuid: string; event: string; distinct_id: string; timestamp: string }>
) => events.map(({ distinct_id, event, timestamp, uuid }) => ({ distinct_id, event, timestamp, uuid }))

export const sizes = (client: FakeClient): ReadonlyArray<number> => client.requests.map(({ events }) => events.length)

export const gaps = (client: FakeClient): ReadonlyArray<number> =>
  client.requests.slice(1).map((request, i) => request.at - client.requests[i]!.at)

/** Runs an effect under a tracer that notes the names of all spans. */
export const withSpanNames =
  (spans: Array<string>) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withTracer(
      self,
      makeTracer(({ name, usual }) => {
        spans.push(name)
        return usual()
      })
    )
