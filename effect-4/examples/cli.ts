/**
 * A command line tool that asks before it counts its users.
 *
 *   npx tsx examples/cli.ts greet ada
 *   npx tsx examples/cli.ts telemetry on      agrees; `off` disagrees, and forgets the id
 *
 * What the user has agreed to is kept in the folder of the variable GREETER_HOME. DO_NOT_TRACK=1 wins over it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Config, Console, Effect, Layer } from "effect"
import { PostHog, PostHogCli, PostHogClient } from "effect-posthog"
import { Argument, Command } from "effect/cli"
import { KeyValueStore } from "effect/persistence"

const StoreLive = Layer.unwrap(
  Effect.map(Config.withDefault(Config.String("GREETER_HOME"), ".greeter"), KeyValueStore.layerFileSystem)
)

const consent = Effect.gen(function*() {
  const store = yield* KeyValueStore.KeyValueStore
  return (yield* store.get("telemetry")) === "on"
})

const PostHogHere = Layer.unwrap(
  Effect.map(
    Config.all({ apiKey: Config.String("POSTHOG_API_KEY"), host: Config.String("POSTHOG_HOST") }),
    (options) => PostHogCli.layer({ ...options, consent, globalProperties: { version: "1.0.0" } })
  )
)

const greet = Command.make("greet", { name: Argument.String("name") }, ({ name }) =>
  Effect.gen(function*() {
    yield* Console.log(`Hello, ${name}!`)
    yield* PostHog.capture("command run", { command: "greet" })
  }).pipe(PostHogCli.withAnonymousId()))

const answer = Argument.ChoiceWithValue("answer", [["on", true], ["off", false]])

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

Command.run(greeter, { version: "1.0.0" }).pipe(
  Effect.provide(PostHogHere),
  Effect.provide(Layer.mergeAll(PostHogClient.layer, StoreLive)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
