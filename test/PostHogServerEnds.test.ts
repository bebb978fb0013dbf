/**
 * What a server, its faults and its start leave behind: nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { until } from "./support/fleet.js"

describe("PostHogServer", () => {
  it.live("refuses connections while an effect runs and no longer, however often it was told to", () =>
    Effect.gen(function*() {
      const { server } = (yield* PostHogServer.PostHogServer)[PostHogServer.TypeId]
      yield* Effect.void.pipe(PostHogServer.failing(PostHogServer.refuse, { times: 2 }))
      assert.deepStrictEqual(server.faults.running(), [])
    }).pipe(Effect.provide(PostHogServer.layer())))

  it.live("closes what it opened when definitions are none, and says what is wrong with them", () =>
    Effect.gen(function*() {
      const listening = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPServerWrap").length
      const before = listening()
      const circular: Record<string, unknown> = { flags: [] }
      circular.self = circular
      for (const definitions of [{ flags: 5 }, circular, { flags: [], big: 1n }]) {
        const error = yield* Effect.flip(PostHogServer.make({ definitions }))
        assert.strictEqual(error.reason, "invalid_definitions")
      }
      yield* until(Effect.sync(() => listening() <= before))
    }).pipe(Effect.scoped))

  it.effect("forgets reports of instances when it is cleared", () =>
    Effect.gen(function*() {
      const { local } = (yield* PostHogServer.PostHogServer)[PostHogServer.TypeId]
      const problem = local.reports.add(
        { instance: "a", sdk: "b", accepted: 1, delivered: 1, queued: 0, dropped: {} },
        0
      )
      assert.isUndefined(problem)
      yield* PostHogServer.clear
      assert.deepStrictEqual(yield* PostHogServer.reports, [])
    }).pipe(Effect.provide(PostHogServer.layer())))
})
