/**
 * Variables of the environment, through Effect's `ConfigProvider`. Hides how a text is checked, and how a variable that
 * is missing is told from one that is wrong.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Origin } from "./fiber.js"

/** What `config` gives, `undefined` where the provider knows nothing of that name. */
const orAbsent = <A>(config: Config.Config<A | undefined>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

/** A text, read by `read`; on the left it says what is wrong with it. */
export const text = <A>(
  name: string,
  read: (text: string) => Either.Either<A, string>
): Config.Config<A | undefined> =>
  orAbsent(Config.mapOrFail(
    Config.string(name),
    (given) => Either.mapLeft(read(given), (problem) => ConfigError.InvalidData([], problem))
  ))

/** Texts, separated by commas, or as the provider has lists. */
export const texts = (name: string): Config.Config<ReadonlyArray<string> | undefined> =>
  orAbsent(Config.array(Config.string(), name))

/** Reads the environment of the process, wherever the program takes its configuration from. */
export const fromEnvironment = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withConfigProvider(self, ConfigProvider.fromEnv())

/** A text that the provider of an origin gives at once; `undefined`: it has none, or takes its time. */
export const textOf = ({ currentDefaultServices }: Origin, name: string): string | undefined =>
  Exit.getOrElse(
    Effect.runSyncExit(
      Context.unsafeGet(currentDefaultServices, ConfigProvider.ConfigProvider).load(Config.string(name))
    ),
    () => undefined
  )
