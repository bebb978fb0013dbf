/**
 * A command that captures a few events and ends. Run by PostHogCli.test.ts in a process of its own, with the host
 * as its argument, and the budget for closing when it is not the usual one. A request alone may take an hour.
 */
import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { PostHog, PostHogCli } from "effect-posthog"

const [, , host, shutdownTimeout] = process.argv

const PostHogHere = PostHogCli.layer({
  apiKey: "phc_test",
  host,
  requestTimeout: "1 hour",
  ...shutdownTimeout !== undefined && { shutdownTimeout: Number(shutdownTimeout) }
}).pipe(Layer.provide(FetchHttpClient.layer))

PostHog.capture("command run", {}, { distinctId: "u" }).pipe(
  Effect.repeat({ times: 4 }),
  Effect.zipRight(Effect.sync(() => process.stdout.write("done\n"))),
  Effect.provide(PostHogHere),
  (program) => NodeRuntime.runMain(program, { disablePrettyLogger: true })
)
