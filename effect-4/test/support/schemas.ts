/**
 * One schema of each kind.
 */
import { PostHogEvent } from "effect-posthog"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { AnyField } from "../../src/internal/effect/schema.js"

enum Kind {
  Round = "r",
  One = 1
}

class Thing extends Schema.Class<Thing>("Thing")({ x: Schema.String }) {}

class Known extends Schema.Class<Known>("Known")({ x: PostHogEvent.personal(Schema.String, "hash") }) {}

interface Tree {
  readonly name: string
  readonly parts: ReadonlyArray<Tree>
}

const treeOf = (name: Schema.Codec<string>): Schema.Codec<Tree> => {
  const tree: Schema.Codec<Tree> = Schema.Struct({
    name,
    parts: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => tree))
  })
  return tree
}

const secret = PostHogEvent.personal(Schema.String, "hash")

const description = "said"

export const schemas = {
  string: Schema.String,
  number: Schema.Number,
  boolean: Schema.Boolean,
  literals: Schema.Literals(["x", "y"]),
  enums: Schema.Enum(Kind),
  template: Schema.TemplateLiteral(["id-", Schema.Number]),
  union: Schema.Union([Schema.String, Schema.Number]),
  optional: Schema.optional(Schema.String),
  exact: Schema.optionalKey(Schema.String),
  defaulted: Schema.String.pipe(Schema.withDecodingDefaultType(Effect.succeed("d"))),
  nullable: Schema.NullOr(Schema.String),
  dateText: Schema.DateFromString,
  dateNumber: Schema.DateFromMillis,
  utcText: Schema.DateTimeUtcFromString,
  utcSelf: Schema.DateTimeUtc,
  zonedText: Schema.DateTimeZonedFromString,
  zonedSelf: Schema.DateTimeZoned,
  durationMillis: Schema.DurationFromMillis,
  durationSelf: Schema.Duration,
  decimalText: Schema.BigDecimalFromString,
  decimalSelf: Schema.BigDecimal,
  bigintText: Schema.BigIntFromString,
  bigintSelf: Schema.BigInt,
  brand: Schema.String.pipe(Schema.brand("Id")),
  refined: Schema.String.check(Schema.isMinLength(3)),
  int: Schema.Int,
  struct: Schema.Struct({ x: Schema.String, y: Schema.optional(Schema.Number) }),
  nested: Schema.Struct({ in: Schema.Struct({ n: Schema.NumberFromString }) }),
  list: Schema.Array(Schema.String),
  tuple: Schema.Tuple([Schema.String, Schema.Number]),
  record: Schema.Record(Schema.String, Schema.Number),
  optionSelf: Schema.Option(Schema.String),
  optionNull: Schema.OptionFromNullOr(Schema.String),
  chunk: Schema.Chunk(Schema.String),
  hashMap: Schema.HashMap(Schema.String, Schema.Number),
  redacted: Schema.RedactedFromValue(Schema.String),
  redactedSelf: Schema.Redacted(Schema.String),
  urlText: Schema.URLFromString,
  urlSelf: Schema.URL,
  class: Thing,
  renamed: Schema.Struct({ x: Schema.String }).pipe(Schema.encodeKeys({ x: "y" })),
  transformed: Schema.NumberFromString,
  recursive: treeOf(Schema.String),
  anything: Schema.Unknown,
  throwing: Schema.String.pipe(Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (text: string) => text,
      encode: (): string => {
        throw new Error("no")
      }
    })
  )),

  described: Schema.String.annotate({ description }),
  describedRefined: Schema.String.check(Schema.isMinLength(3)).annotate({ description }),
  describedUnder: Schema.String.annotate({ description }).check(Schema.isMinLength(3)),
  describedOptional: Schema.optional(Schema.String).annotateKey({ description }),
  describedDate: Schema.DateFromString.annotate({ description }),
  deprecated: PostHogEvent.deprecated(Schema.String, "old"),
  deprecatedOptional: PostHogEvent.deprecated(Schema.optional(Schema.String), "old"),

  personal: secret,
  personalUsual: PostHogEvent.personal(Schema.String),
  personalDate: PostHogEvent.personal(Schema.DateFromString, "omit"),
  personalInOptional: Schema.optional(secret),
  personalOptional: PostHogEvent.personal(Schema.optional(Schema.String), "hash"),
  personalRefined: secret.check(Schema.isMinLength(3)),
  personalSeen: Schema.toType(PostHogEvent.personal(Schema.NumberFromString, "hash")),
  personalSeenClass: Schema.toType(PostHogEvent.personal(Thing, "hash")),
  personalNested: Schema.Struct({ in: Schema.Struct({ mail: secret }) }),
  personalList: Schema.Array(secret),
  personalRecord: Schema.Record(Schema.String, secret),
  personalClass: Known,
  personalRecursive: treeOf(secret),
  personalRenamed: Schema.Struct({ x: secret }).pipe(Schema.encodeKeys({ x: "y" })),
  personalBeside: Schema.Struct({
    mail: PostHogEvent.personal(Schema.optional(Schema.String), "hash"),
    n: Schema.Number.pipe(Schema.withDecodingDefaultType(Effect.succeed(1)))
  }),
  personalKey: Schema.HashMap(secret, Schema.Number),
  personalInText: Schema.fromJsonString(Schema.Struct({ mail: secret })),
  personalRedacted: Schema.Redacted(secret)
} satisfies { readonly [name: string]: AnyField }

export type Name = Exclude<keyof typeof schemas, "throwing">

const isEven = (n: number): boolean => n % 2 === 0

/** Rules for numbers, with the words that they have. */
export const rules = {
  positive: Schema.Number.check(Schema.isGreaterThan(0)),
  message: Schema.Number.check(Schema.makeFilter(isEven, { message: "must be even" })),
  messageOfValue: Schema.Number.check(Schema.makeFilter((n) => isEven(n) || { path: [n], issue: `${n} is odd` })),
  description: Schema.Number.check(Schema.makeFilter(isEven, { description: "an even number" })),
  identifier: Schema.Number.check(Schema.makeFilter(isEven, { identifier: "Even" })),
  unnamed: Schema.Number.check(Schema.makeFilter(isEven)),
  returned: Schema.Number.check(Schema.makeFilter((n) => isEven(n) || `${n} is odd`))
}

/** What is made of functions. */
export const checked: ReadonlyArray<readonly [string, AnyField]> = [
  ["minLength", Schema.String.check(Schema.isMinLength(2))],
  ["pattern", Schema.String.check(Schema.isPattern(/a/))],
  ["greaterThan", Schema.Number.check(Schema.isGreaterThan(1))],
  ["between", Schema.Number.check(Schema.isBetween({ minimum: 1, maximum: 2 }))],
  ["instanceOf", Schema.instanceOf(Map)],
  ["set", Schema.ReadonlySet(Schema.String)],
  ["result", Schema.Result(Schema.String, Schema.String)]
]
