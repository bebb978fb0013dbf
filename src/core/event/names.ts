/**
 * Names of events and properties, as far as the compiler can judge them.
 */

/** White space, which alone is no name. */
type Space = " " | "\t" | "\n" | "\r"

type TrimStart<Name extends string> = Name extends `${Space}${infer Rest}` ? TrimStart<Rest> : Name

/** What is left of a text behind its first 16 characters, if it is longer. Each of them costs the compiler time. */
type Behind16<Text extends string> = Text extends
  `${infer _0}${infer _1}${infer _2}${infer _3}${infer _4}${infer _5}${infer _6}${infer _7}${infer _8}${infer _9}${infer _10}${infer _11}${infer _12}${infer _13}${infer _14}${infer _15}${infer Rest}`
  ? Rest
  : ""

/** Whether a text is longer than 400 characters. */
type IsLong<Text extends string, Steps extends ReadonlyArray<unknown> = []> = Text extends "" ? false
  : Steps["length"] extends 25 ? true
  : IsLong<Behind16<Text>, [...Steps, unknown]>

/**
 * A name that PostHog can hold, or what is wrong with it.
 */
export type Name<Given extends string> = string extends Given ? Given
  : TrimStart<Given> extends "" ? "the name of an event cannot be blank"
  : IsLong<Given> extends true ? "the name of an event has 400 characters at most"
  : Given

/** Characters that PostHog's schemas do not take in the names of properties. */
type Unusable =
  | " "
  | "!"
  | "\""
  | "#"
  | "$"
  | "%"
  | "&"
  | "'"
  | "("
  | ")"
  | "*"
  | "+"
  | ","
  | "-"
  | "."
  | "/"
  | ":"
  | ";"
  | "<"
  | "="
  | ">"
  | "?"
  | "@"
  | "["
  | "\\"
  | "]"
  | "^"
  | "`"
  | "{"
  | "|"
  | "}"
  | "~"
  | "\t"
  | "\n"

type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"

/**
 * Fields whose names PostHog can hold: letters, digits and `_`, no digit first.
 */
export type Names =
  & {
    readonly [K in `${string}${Unusable}${string}` | `${Digit}${string}`]:
      "the name of a property has letters, digits and _ only, and no digit first"
  }
  & { readonly [K in ""]?: "the name of a property cannot be blank" }
