/**
 * A command that captures a few events and ends. Run by PostHogCli.test.ts in a process of its own, with the host as its argument.
 */
import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { PostHog, PostHogCli } from "effect-posthog"

const [, , host] = process.argv

const PostHogHere = PostHogCli.layer({ apiKey: "phc_test", host }).pipe(Layer.provide(FetchHttpClient.layer))

PostHog.capture("command run", {}, { distinctId: "u" }).pipe(
  Effect.repeat({ times: 4 }),
  Effect.zipRight(Effect.sync(() => process.stdout.write("done\n"))),
  Effect.provide(PostHogHere),
  (program) => NodeRuntime.runMain(program, { disablePrettyLogger: true })
)
