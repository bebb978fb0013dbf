import { Effect } from "effect"
import { PostHog, PostHogLive } from "effect-posthog"
import { PostHog as Tag } from "effect-posthog/PostHog"

if (Tag !== PostHog.PostHog) throw new Error("a sub-path is another copy")

const program = Effect.gen(function*() {
  yield* PostHog.capture("consumer ran", { total: 42 })
  yield* Effect.logError("did not work", new Error("planned"))
}).pipe(PostHog.withContext({ distinctId: "user_1" }), Effect.provide(PostHogLive))

await Effect.runPromise(program)
console.log("done")
