/**
 * A program whose PostHog does not answer to connections. It closes its layers one after the other, and says what would keep the process alive after that. Run by
 * exit.test.ts in a process of its own.
 */
import { FetchHttpClient } from "@effect/platform"
import { ConfigProvider, Effect, Layer, Logger, LogLevel } from "effect"
import { LocalEvaluation, PostHog, PostHogCli, PostHogClient, PostHogConfig, PostHogLive } from "effect-posthog"

const [, , host, ...others] = process.argv

const options = { apiKey: "phc_test", host: host!, shutdownTimeout: "300 millis" } as const
const variables = {
  POSTHOG_API_KEY: "phc_test",
  POSTHOG_HOST: host!,
  POSTHOG_SHUTDOWN_TIMEOUT: "300 millis"
}
const withVariables = (more: Readonly<Record<string, string>> = {}) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries({ ...variables, ...more }))))

const layers = {
  "PostHogLive": Layer.provide(PostHogLive, withVariables()),
  "PostHogLive with a secret key": Layer.provide(PostHogLive, withVariables({ POSTHOG_SECRET_KEY: "phs_test" })),
  "PostHogCli": PostHogCli.layer({ ...options, shutdownTimeout: undefined }).pipe(Layer.provide(PostHogClient.layer)),
  "PostHog.layer": PostHog.layer(options).pipe(Layer.provide(PostHogClient.layer)),
  "PostHog.layerConfig": PostHog.layerConfig(PostHogConfig.config).pipe(
    Layer.provide(PostHogClient.layer),
    Layer.provide(withVariables())
  ),
  "without background": PostHog.layer({ ...options, background: false }).pipe(Layer.provide(PostHogClient.layer)),
  "LocalEvaluation": LocalEvaluation.layer().pipe(
    Layer.provideMerge(PostHog.layer({ ...options, secretKey: "phs_test" })),
    Layer.provide(PostHogClient.layer)
  )
}

// Layers of which the test knows that something is left.
const overFetch = {
  "PostHog.layer over fetch": PostHog.layer(options).pipe(Layer.provide(FetchHttpClient.layer))
}

const programs: Readonly<Record<string, Effect.Effect<unknown, never, PostHog.PostHog>>> = {
  events: PostHog.capture("event", {}, { distinctId: "u" }),
  // Requests that nobody waits for, such as those of a poller, have begun by then.
  nothing: Effect.zipRight(PostHog.stats, Effect.sleep("50 millis"))
}

for (const [way, layer] of Object.entries(others.includes("fetch") ? overFetch : layers)) {
  for (const [what, program] of Object.entries(programs)) {
    await Effect.runPromise(
      program.pipe(Effect.provide(layer), Effect.provide(Logger.minimumLogLevel(LogLevel.None)))
    )
    // Sockets that were destroyed are gone after the next turns of the loop.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    const held = process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Connect|Timeout|GetAddrInfo/.test(name))
    console.log(`${way}, ${what}: ${JSON.stringify(held)}`)
  }
}
