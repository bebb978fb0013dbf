/**
 * What the variables of the environment say.
 */
import * as Config from "effect/Config"
import * as Either from "effect/Either"
import { readList, unquote } from "../core/config/text.js"
import { text, texts } from "./effect/variables.js"
import { Problem } from "./optionKinds.js"

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
  text(name, (given) => {
    const said = unquote(given)
    if (said === "") return Either.right(undefined)
    const value = read(said)
    return value instanceof Problem
      ? Either.left(`${option} ${value.text}`)
      : Either.right(value)
  })

/** A list in a variable, separated by commas, or as the provider has lists; blank is none. */
export const listVariable = (name: string): Config.Config<ReadonlyArray<string> | undefined> =>
  Config.map(texts(name), (items) => {
    // The provider has parted the text without looking at its quotes.
    const list = items === undefined ? [] : readList(items.join(","))
    return list.length === 0 ? undefined : list
  })
