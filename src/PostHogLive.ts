/**
 * The layer for a program that runs: options from the environment, the platform's `fetch` as transport.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog, PostHogLive } from "effect-posthog"
 *
 * Effect.runPromise(
 *   PostHog.capture("program started", {}, { distinctId: "machine_1" }).pipe(Effect.provide(PostHogLive))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as ConfigError from "effect/ConfigError"
import * as Layer from "effect/Layer"
import * as PostHog from "./PostHog.js"
import * as PostHogConfig from "./PostHogConfig.js"
import type { ConfigurationError } from "./PostHogError.js"

/**
 * The default instance with options from the environment (see `PostHogConfig.config`) and `fetch` as transport. Without
 * `POSTHOG_API_KEY`, or with `POSTHOG_ENABLED=false`, it does nothing, after one warning.
 *
 * @since 0.1.0
 * @category layers
 */
export const PostHogLive: Layer.Layer<PostHog.PostHog, ConfigurationError | ConfigError.ConfigError> = Layer.provide(
  PostHog.layerConfig(PostHogConfig.config),
  FetchHttpClient.layer
)
