/** The same with everything that `PostHogLive` does. */
import * as PostHog from "effect-posthog/PostHog"
import { PostHogLive } from "effect-posthog/PostHogLive"
import * as ManagedRuntime from "effect/ManagedRuntime"

const runtime = ManagedRuntime.make(PostHogLive)
await runtime.runPromise(PostHog.capture("order completed"))
