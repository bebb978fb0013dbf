/**
 * Variables of the environment, through Effect's `ConfigProvider`. Hides how a text is checked, and how a variable that
 * is missing is told from one that is wrong.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import type { Origin } from "./fiber.js"

/** What `config` gives, `undefined` where the provider knows nothing of that name. */
const orAbsent = <A>(config: Config.Config<A | undefined>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

/** A text, read by `read`; on the left it says what is wrong with it. */
export const text = <A>(
  name: string,
  read: (text: string) => Result.Result<A, string>
): Config.Config<A | undefined> => {
  // As a schema, because a Config that is only mapped does not know the name of its variable.
  const codec = Schema.String.pipe(Schema.decodeTo(Schema.Any, {
    decode: SchemaGetter.transformEffect((given: string) =>
      Result.match(read(given), {
        onSuccess: (value) => Effect.succeed(value),
        onFailure: (message) => Effect.fail(new SchemaIssue.InvalidValue({ message }))
      })
    ),
    // Nothing is written into an environment.
    encode: SchemaGetter.forbidden(() => "variables are read only")
  }))
  return orAbsent<A>(Config.schema(codec, name))
}

/** Texts, separated by commas, or as the provider has lists. */
export const texts = (name: string): Config.Config<ReadonlyArray<string> | undefined> =>
  orAbsent(Config.Array(Schema.String, name))

/** Reads the environment of the process, wherever the program takes its configuration from. */
export const fromEnvironment = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv())

/** A text that the provider of an origin gives at once; `undefined`: it has none, or takes its time. */
export const textOf = ({ context }: Origin, name: string): string | undefined => {
  const exit = Effect.runSyncExit(Context.get(context, ConfigProvider.ConfigProvider).load([name]))
  return Exit.isSuccess(exit) ? exit.value?.value : undefined
}
