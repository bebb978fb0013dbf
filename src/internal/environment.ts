/**
 * What the variables of the environment say.
 */
import * as Config from "effect/Config"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { readBoolean, readInteger, readList, unquote } from "../core/config/text.js"
import type { Origin } from "./effect/fiber.js"
import { text, textOf, texts } from "./effect/variables.js"
import { durationOf, type Kind, Problem } from "./optionKinds.js"

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

export const readSwitch = (text: string): boolean | Problem =>
  readBoolean(text) ?? new Problem("is neither true nor false")

/** How a text is read that is not blank. A number that is its default is an example of it. */
const read = (text: string, { check, fallback, form }: Kind<unknown, unknown>): unknown => {
  switch (form) {
    case "flag":
      return readSwitch(text)
    case "compression":
      return check(readBoolean(text) ?? text.toLowerCase())
    case "number":
      return readInteger(text) ??
        new Problem(`is no whole number; write one such as ${Number.isFinite(fallback) ? String(fallback) : 10_000}`)
    case "time":
      return durationOf(text)
    case "text":
      return text
    case "key":
      return Redacted.make(text)
    default:
      return check(text.toLowerCase())
  }
}

/** The variable of an option. */
export const readVariable = (
  name: string,
  option: string,
  kind: Kind<unknown, unknown>
): Config.Config<unknown> =>
  kind.form === "list" ? listVariable(name) : variable(name, option, (text) => read(text, kind))

/** The deployment sets the release by a variable, also where the program gives its other options itself. */
export const releaseIdFor = (origin: Origin): string | undefined =>
  unquote(textOf(origin, "POSTHOG_RELEASE_ID") ?? "") || undefined
