/**
 * Reading variables of the environment.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

/** A variable that may be absent, or blank as compose files leave it; `config` reads what is there. */
export const optional = <A>(config: Config.Config<A>, name: string): Config.Config<A | undefined> =>
  Config.primitive<A | undefined>("text", (text) =>
    text.trim() === ""
      ? Either.right(undefined)
      // Read by itself; reading never waits.
      : Effect.runSync(Effect.either(ConfigProvider.fromMap(new Map([["", text]])).load(config)))).pipe(
      Config.nested(name),
      Config.option,
      Config.map(Option.getOrUndefined)
    )
