import { Effect, Layer } from "effect"
import { PostHog, PostHogCli, PostHogClient } from "effect-posthog"
import { KeyValueStore } from "effect/persistence"

const consent = Effect.gen(function*() {
  const store = yield* KeyValueStore.KeyValueStore
  return (yield* store.get("telemetry")) === "on"
})

const PostHogHere = PostHogCli.layer({ apiKey: "phc_…", consent }).pipe(Layer.provide(PostHogClient.layer))

const build = PostHog.capture("command run", { command: "build" }).pipe(
  PostHogCli.withAnonymousId(),
  Effect.provide(PostHogHere)
)
