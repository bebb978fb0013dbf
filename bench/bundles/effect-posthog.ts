/** The same with this library, capture only. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as PostHog from "effect-posthog/PostHog"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"

const runtime = ManagedRuntime.make(
  PostHog.layer({ apiKey: "phc_bench" }).pipe(Layer.provide(FetchHttpClient.layer))
)
await runtime.runPromise(PostHog.capture("order completed"))
