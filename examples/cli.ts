/**
 * A command line tool that asks before it counts its users.
 *
 *   npx tsx examples/cli.ts greet ada
 *   npx tsx examples/cli.ts telemetry on      agrees; `off` disagrees, and forgets the id
 *
 * What the user has agreed to is kept in the folder of the variable GREETER_HOME. DO_NOT_TRACK=1 wins over it.
 */
import { Args, Command } from "@effect/cli"
import { KeyValueStore } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option } from "effect"
import { PostHog, PostHogCli, PostHogClient } from "effect-posthog"

const StoreLive = Layer.unwrapEffect(
  Effect.map(Config.withDefault(Config.string("GREETER_HOME"), ".greeter"), KeyValueStore.layerFileSystem)
)

const consent = Effect.gen(function*() {
  const store = yield* KeyValueStore.KeyValueStore
  return Option.getOrUndefined(yield* store.get("telemetry")) === "on"
})

const PostHogHere = Layer.unwrapEffect(
  Effect.map(
    Config.all({ apiKey: Config.string("POSTHOG_API_KEY"), host: Config.string("POSTHOG_HOST") }),
    (options) => PostHogCli.layer({ ...options, consent, globalProperties: { version: "1.0.0" } })
  )
)

const greet = Command.make("greet", { name: Args.text({ name: "name" }) }, ({ name }) =>
  Effect.gen(function*() {
    yield* Console.log(`Hello, ${name}!`)
    yield* PostHog.capture("command run", { command: "greet" })
  }).pipe(PostHogCli.withAnonymousId()))

const answer = Args.choice([["on", true], ["off", false]], { name: "answer" })

const telemetry = Command.make("telemetry", { answer }, ({ answer }) =>
  Effect.gen(function*() {
    const store = yield* KeyValueStore.KeyValueStore
    yield* store.set("telemetry", answer ? "on" : "off")
    if (answer) {
      yield* PostHog.optIn
      yield* PostHog.capture("telemetry switched on").pipe(PostHogCli.withAnonymousId())
    } else {
      yield* PostHog.optOut
      yield* store.remove("posthog-anonymous-id")
    }
    yield* Console.log(answer ? "Thank you." : "Nothing will be sent.")
  }))

const greeter = Command.make("greeter").pipe(Command.withSubcommands([greet, telemetry]))

Command.run(greeter, { name: "greeter", version: "1.0.0" })(process.argv).pipe(
  Effect.provide(PostHogHere),
  Effect.provide(Layer.mergeAll(PostHogClient.layer, StoreLive)),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain
)
