// A program as a user writes it, compiled under each setting of TypeScript; no top-level await, so that it is CommonJS as well.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Effect, Layer } from "effect"
import { PostHog, type PostHogError, PostHogLive, PostHogTest, TestLayer } from "effect-posthog"
import * as FeatureFlag from "effect-posthog/FeatureFlag"
import * as PostHogServer from "effect-posthog/PostHogServer"

class Planned extends Error {}

const checkout: Effect.Effect<void, never, PostHog.PostHog> = Effect.gen(function*() {
  yield* PostHog.capture("consumer ran", { total: 42 })
  yield* Effect.logError("did not work", new Planned("planned"))
}).pipe(PostHog.withContext({ distinctId: "user_1" }))

// Types that cannot be found become `any` with skipLibCheck, and everything compiles. Then these lines do not.
// @ts-expect-error: an effect is no number
const effect: number = checkout
// @ts-expect-error: there is no such option
const layer = PostHog.layer({ noSuchOption: 1 })
// @ts-expect-error: a flag with variants is no boolean flag
const flag: FeatureFlag.Any = 1

const direct: Layer.Layer<PostHog.PostHog, PostHogError.ConfigurationError> = PostHog.layer({ apiKey: "phc_direct" })
  .pipe(
    Layer.provide(FetchHttpClient.layer)
  )

const inTest = Effect.gen(function*() {
  yield* checkout
  return (yield* PostHogTest.captured).map(({ event }) => event)
}).pipe(Effect.provide(TestLayer))

void [effect, layer, flag, direct, PostHogTest.override(FeatureFlag.boolean("beta"), true)]

const overHttp = Effect.gen(function*() {
  yield* checkout
  return (yield* PostHogServer.waitFor("consumer ran")).map(({ distinct_id }) => distinct_id)
}).pipe(Effect.provide(PostHogServer.layerTest()))

Effect.runPromise(inTest).then((events) => {
  if (!events.includes("consumer ran")) throw new Error(`TestLayer has ${events.join()}`)
  return Effect.runPromise(overHttp)
}).then((people) => {
  if (people.join() !== "user_1") throw new Error(`PostHogServer has ${people.join()}`)
  return Effect.runPromise(checkout.pipe(Effect.provide(PostHogLive)))
}).then(() => console.log("done"), (error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
