/**
 * Reading variables of the environment, through Effect's `ConfigProvider`.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { readList, unquote } from "../core/config/text.js"
import { Problem } from "./optionKinds.js"

/** What `config` gives, `undefined` where the provider knows nothing of that name. */
const orAbsent = <A>(config: Config.Config<A | undefined>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

/**
 * A variable that may be absent, or blank as compose files leave it. `read` gets the text without white space and
 * quotes around it; its problem becomes the `ConfigError`. The value is not shown: somebody may have mixed up two
 * variables.
 */
export const variable = <A>(
  name: string,
  option: string,
  read: (text: string) => A | Problem
): Config.Config<A | undefined> =>
  orAbsent(Config.mapOrFail(Config.string(name), (given) => {
    const text = unquote(given)
    if (text === "") return Either.right(undefined)
    const value = read(text)
    return value instanceof Problem
      ? Either.left(ConfigError.InvalidData([], `${option} ${value.text}`))
      : Either.right(value)
  }))

/** A list in a variable, separated by commas, or as the provider has lists; blank is none. */
export const listVariable = (name: string): Config.Config<ReadonlyArray<string> | undefined> =>
  orAbsent(Config.map(Config.array(Config.string(), name), (items) => {
    // The provider has parted the text without looking at its quotes.
    const list = readList(items.join(","))
    return list.length === 0 ? undefined : list
  }))
