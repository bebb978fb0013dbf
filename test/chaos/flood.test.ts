import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { flood } from "./flood.js"

it.live(
  "200,000 events while PostHog is away half of the time: a small heap is enough, and all are counted",
  () =>
    Effect.map(Effect.promise(() => flood(200_000)), ({ delivered, dropped, megabytes }) => {
      assert.isAbove(delivered, 0)
      assert.isAbove(dropped, 0)
      assert.isBelow(megabytes, 400)
    }),
  300_000
)
