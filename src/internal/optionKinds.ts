/**
 * Kinds of options: how each is checked, and how it is read where it comes as text from the environment.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { readHost } from "../core/config/host.js"
import { readDuration, unquote } from "../core/config/text.js"
import { type Encoding, encodings } from "../core/http/encodings.js"
import { ConfigurationError } from "../PostHogError.js"

/** Why a value cannot be that of an option: what comes after the option's name, and never with a secret in it. */
export class Problem {
  constructor(readonly text: string, readonly reason: ConfigurationError["reason"] = "invalid_option") {}
}

/**
 * What the variable of an option has as text; a list: one of these words. `readVariable` reads it: only programs that
 * take options from the environment bundle that.
 */
export type Form = "flag" | "compression" | "number" | "time" | "text" | "key" | "list" | ReadonlyArray<string>

/** One option: `In` is what a program gives, `Out` what an instance works with. */
export interface Kind<In, Out> {
  /** The value when none is given. */
  readonly fallback: In
  /** `undefined`: no text can say it, so that it has no variable. */
  readonly form: Form | undefined
  readonly check: (given: unknown) => Out | Problem
}

/** An object that says nothing: Effect 4 takes it for no time at all. */
const isEmpty = (given: unknown): boolean =>
  typeof given === "object" && given !== null && !Duration.isDuration(given) && Object.keys(given).length === 0

/** A time, from text or from any of Effect's ways to say one. `Problem`: it is none, or not the length of something. */
const durationOf = (given: unknown): Duration.Duration | Problem => {
  const problem = new Problem("is no duration; write \"5 seconds\" or a number of milliseconds")
  if (typeof given === "string") {
    const millis = readDuration(given)
    return millis === undefined ? problem : Duration.millis(millis)
  }
  const parts: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  // Effect makes zero of what is negative, or no number.
  const isNegative = parts.some((part) =>
    typeof part === "number" && !(part >= 0) || typeof part === "bigint" && part < 0n
  )
  // What is none of Effect's ways to say a duration is refused, so the type may claim that it is one.
  const decoded = isNegative || isEmpty(given) ? Option.none() : Duration.decodeUnknown(given as Duration.DurationInput)
  // Where Effect has negative durations.
  return Option.isSome(decoded) && Duration.toMillis(decoded.value) >= 0 ? decoded.value : problem
}

/** A time that a function was given; `undefined` for what is none. */
export const givenDuration = (given: unknown): Duration.Duration | undefined => {
  const duration = durationOf(given)
  return duration instanceof Problem ? undefined : duration
}

/** A time limit, or a problem where it never ends though it has to. */
const limitOf = (given: unknown): Duration.Duration | Problem => {
  const duration = durationOf(given)
  return duration instanceof Problem || Duration.isFinite(duration) ? duration : new Problem("never ends, but has to")
}

export const flag = <const Fallback extends boolean>(
  fallback: Fallback
): Kind<boolean, boolean> & { readonly fallback: Fallback } => ({
  fallback,
  form: "flag",
  check: (given) => typeof given === "boolean" ? given : new Problem("is neither true nor false")
})

export const count = (fallback: number, least: number): Kind<number, number> => ({
  fallback,
  form: "number",
  check: (given) =>
    typeof given === "number" && given >= least
      ? Math.floor(given)
      : new Problem(
        `is ${typeof given === "number" ? String(given) : "no number"}, but has to be a number of at least ${least}`
      )
})

/** PostHog's SDKs read a negative or non-finite number of retries as "never". */
export const retries = (fallback: number): Kind<number, number> => ({
  ...count(fallback, 0),
  check: (given) =>
    typeof given !== "number"
      ? new Problem("is no number")
      : given > 0 && Number.isFinite(given)
      ? Math.floor(given)
      : 0
})

export interface Timed extends Kind<Duration.DurationInput, Duration.Duration> {
  readonly fallback: Duration.Duration
}

const timed = (check: typeof durationOf) => (fallback: Duration.Duration): Timed => ({
  fallback,
  form: "time",
  check
})

/** A time that may be without end: then what it is for never happens. */
export const time = timed(durationOf)

/** A time within which something ends in any case. */
export const timeLimit = timed(limitOf)

export const host = (fallback: string): Kind<string, string> => ({
  fallback,
  form: "text",
  check: (given) => {
    const read = typeof given === "string" ? readHost(given) : { problem: "is no text" }
    return "host" in read ? read.host : new Problem(read.problem, "invalid_host")
  }
})

/** The text of a key without white space and quotes around it; empty when there is none. */
export const keyText = (key: Redacted.Redacted<string> | string | undefined): string =>
  unquote(String(key === undefined ? "" : typeof key === "string" ? key : Redacted.value(key)))

const advice = {
  personal_api_key: "is a personal API key (phx_…), which must stay secret;",
  project_secret_key: "is a project secret key (phs_…), which must stay secret;",
  malformed_api_key: "has a form that PostHog refuses, such as that of a placeholder;",
  project_api_key: "is a project API key (phc_…);",
  malformed_secret_key: "has a form that no key has;"
} as const

export const key = (
  problemOf: (key: string) => keyof typeof advice | undefined,
  wanted: string
): Kind<Redacted.Redacted<string> | string | undefined, Redacted.Redacted<string> | undefined> => ({
  fallback: undefined,
  form: "key",
  check: (given) => {
    if (given !== undefined && typeof given !== "string" && !Redacted.isRedacted(given)) {
      return new Problem("is neither a text nor Redacted")
    }
    const text = keyText(given as Redacted.Redacted<string> | string | undefined)
    if (text === "") return undefined
    const reason = problemOf(text)
    return reason === undefined
      ? Redacted.make(text)
      : new Problem(`${advice[reason]} it has to be ${wanted}`, reason)
  }
})

/** A list of texts. */
export const list = (): Kind<ReadonlyArray<string>, ReadonlyArray<string>> => ({
  fallback: [],
  form: "list",
  check: (given) =>
    Array.isArray(given) && given.every((item) => typeof item === "string")
      ? given as ReadonlyArray<string>
      : new Problem("is no list of texts")
})

/** One of a few words. */
export const choice = <Word extends string>(
  words: ReadonlyArray<Word>,
  fallback: Word
): Kind<Word, Word> => {
  return {
    fallback,
    form: words,
    check: (given) =>
      words.find((word) => word === given) ?? new Problem(`is none of ${words.map((word) => `"${word}"`).join(", ")}`)
  }
}

/** Whether bodies are compressed, or how. */
export const compression = (): Kind<boolean | Encoding, false | Encoding> => ({
  fallback: true,
  form: "compression",
  check: (given) =>
    given === true ? "gzip" : given === false ? false : encodings.find((encoding) => encoding === given) ??
      new Problem(`is neither true nor false nor one of ${encodings.map((word) => `"${word}"`).join(", ")}`)
})

/** A text, or nothing. */
export const text = (): Kind<string | undefined, string | undefined> => ({
  fallback: undefined,
  form: "text",
  check: (given) => given === undefined || typeof given === "string" ? given : new Problem("is no text")
})

/** What only a program can give, such as a function. */
export const given = <In, Out>(fallback: In, check: (given: unknown) => Out | Problem): Kind<In, Out> => ({
  fallback,
  form: undefined,
  check
})

/** A function, or none. */
export const callback = <F>(): Kind<F | undefined, F | undefined> =>
  given<F | undefined, F | undefined>(
    undefined,
    (given) =>
      given === undefined || typeof given === "function" ? given as F | undefined : new Problem("is no function")
  )

/** The error about an option, which names its variable too. */
export const invalidOption = (
  option: string,
  problem: string | Problem,
  variable?: string | undefined
): ConfigurationError => {
  const { reason, text } = typeof problem === "string" ? new Problem(problem) : problem
  return new ConfigurationError({
    reason,
    option,
    message: `${option}${variable === undefined ? "" : ` (in the environment ${variable})`} ${text}`
  })
}

/** A value of a kind that stands alone, outside of the options of an instance. */
export const checked = <Out>(
  option: string,
  { check }: Pick<Kind<unknown, Out>, "check">,
  given: unknown,
  variable?: string
): Effect.Effect<Out, ConfigurationError> => {
  const value = check(given)
  return value instanceof Problem ? invalidOption(option, value, variable) : Effect.succeed(value)
}

export { durationOf, limitOf }
