import { assert, it } from "@effect/vitest"
import { flood } from "./flood.js"

it("200,000 events while PostHog is away half of the time: a small heap is enough, and all are counted", async () => {
  const { delivered, dropped, megabytes } = await flood(200_000)
  assert.isAbove(delivered, 0)
  assert.isAbove(dropped, 0)
  assert.isBelow(megabytes, 400)
}, 300_000)
