const { Effect } = require("effect")
const { PostHog, PostHogLive } = require("effect-posthog")
const { PostHog: Tag } = require("effect-posthog/PostHog")

if (Tag !== PostHog.PostHog) throw new Error("a sub-path is another copy")

const program = Effect.gen(function*() {
  yield* PostHog.capture("consumer ran", { total: 42 })
  yield* Effect.logError("did not work", new Error("planned"))
}).pipe(PostHog.withContext({ distinctId: "user_1" }), Effect.provide(PostHogLive))

Effect.runPromise(program).then(() => console.log("done"))
