/**
 * One schema of each kind. `effect-4/test/support/schemas.ts` has the same for Effect 4.
 */
import { PostHogEvent } from "effect-posthog"
import * as Schema from "effect/Schema"
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

const treeOf = (name: Schema.Schema<string>): Schema.Schema<Tree> => {
  const tree: Schema.Schema<Tree> = Schema.Struct({
    name,
    parts: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => tree))
  })
  return tree
}

const secret = PostHogEvent.personal(Schema.String, "hash")

const description = "said"

export const schemas = {
  string: Schema.String,
  number: Schema.Number,
  boolean: Schema.Boolean,
  literals: Schema.Literal("x", "y"),
  enums: Schema.Enums(Kind),
  template: Schema.TemplateLiteral("id-", Schema.Number),
  union: Schema.Union(Schema.String, Schema.Number),
  optional: Schema.optional(Schema.String),
  exact: Schema.optionalWith(Schema.String, { exact: true }),
  defaulted: Schema.optionalWith(Schema.String, { default: () => "d" }),
  nullable: Schema.NullOr(Schema.String),
  dateText: Schema.Date,
  dateNumber: Schema.DateFromNumber,
  utcText: Schema.DateTimeUtc,
  utcSelf: Schema.DateTimeUtcFromSelf,
  zonedText: Schema.DateTimeZoned,
  zonedSelf: Schema.DateTimeZonedFromSelf,
  durationMillis: Schema.DurationFromMillis,
  durationSelf: Schema.DurationFromSelf,
  decimalText: Schema.BigDecimal,
  decimalSelf: Schema.BigDecimalFromSelf,
  bigintText: Schema.BigInt,
  bigintSelf: Schema.BigIntFromSelf,
  brand: Schema.String.pipe(Schema.brand("Id")),
  refined: Schema.String.pipe(Schema.minLength(3)),
  int: Schema.Int,
  struct: Schema.Struct({ x: Schema.String, y: Schema.optional(Schema.Number) }),
  nested: Schema.Struct({ in: Schema.Struct({ n: Schema.NumberFromString }) }),
  list: Schema.Array(Schema.String),
  tuple: Schema.Tuple(Schema.String, Schema.Number),
  record: Schema.Record({ key: Schema.String, value: Schema.Number }),
  optionSelf: Schema.OptionFromSelf(Schema.String),
  optionNull: Schema.OptionFromNullOr(Schema.String),
  chunk: Schema.ChunkFromSelf(Schema.String),
  hashMap: Schema.HashMapFromSelf({ key: Schema.String, value: Schema.Number }),
  redacted: Schema.Redacted(Schema.String),
  redactedSelf: Schema.RedactedFromSelf(Schema.String),
  urlText: Schema.URL,
  urlSelf: Schema.URLFromSelf,
  class: Thing,
  renamed: Schema.Struct({ x: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("y")) }),
  transformed: Schema.NumberFromString,
  recursive: treeOf(Schema.String),
  anything: Schema.Unknown,
  throwing: Schema.transform(Schema.String, Schema.String, {
    decode: (text) => text,
    encode: () => {
      throw new Error("no")
    }
  }),

  described: Schema.String.annotations({ description }),
  describedRefined: Schema.String.pipe(Schema.minLength(3)).annotations({ description }),
  describedUnder: Schema.String.annotations({ description }).pipe(Schema.minLength(3)),
  describedOptional: Schema.optional(Schema.String).annotations({ description }),
  describedDate: Schema.Date.annotations({ description }),
  deprecated: PostHogEvent.deprecated(Schema.String, "old"),
  deprecatedOptional: PostHogEvent.deprecated(Schema.optional(Schema.String), "old"),

  personal: secret,
  personalUsual: PostHogEvent.personal(Schema.String),
  personalDate: PostHogEvent.personal(Schema.Date, "omit"),
  personalInOptional: Schema.optional(secret),
  personalOptional: PostHogEvent.personal(Schema.optional(Schema.String), "hash"),
  personalRefined: secret.pipe(Schema.minLength(3)),
  personalSeen: Schema.typeSchema(PostHogEvent.personal(Schema.NumberFromString, "hash")),
  personalSeenClass: Schema.typeSchema(PostHogEvent.personal(Thing, "hash")),
  personalNested: Schema.Struct({ in: Schema.Struct({ mail: secret }) }),
  personalList: Schema.Array(secret),
  personalRecord: Schema.Record({ key: Schema.String, value: secret }),
  personalClass: Known,
  personalRecursive: treeOf(secret),
  personalRenamed: Schema.Struct({ x: Schema.propertySignature(secret).pipe(Schema.fromKey("y")) }),
  personalBeside: Schema.Struct({
    mail: PostHogEvent.personal(Schema.optional(Schema.String), "hash"),
    n: Schema.optionalWith(Schema.Number, { default: () => 1 })
  }),
  personalKey: Schema.HashMapFromSelf({ key: secret, value: Schema.Number }),
  personalInText: Schema.parseJson(Schema.Struct({ mail: secret })),
  personalRedacted: Schema.RedactedFromSelf(secret)
} satisfies { readonly [name: string]: AnyField }

export type Name = Exclude<keyof typeof schemas, "throwing">

const text = (filter: (schema: typeof Schema.String) => AnyField): AnyField => filter(Schema.String)

const number = (filter: (schema: typeof Schema.Number) => AnyField): AnyField => filter(Schema.Number)

const isEven = (n: number): boolean => n % 2 === 0

/** Rules for numbers, with the words that they have. */
export const rules = {
  positive: Schema.Number.pipe(Schema.positive()),
  message: Schema.Number.pipe(Schema.filter(isEven, { message: () => "must be even" })),
  messageOfValue: Schema.Number.pipe(Schema.filter(isEven, { message: ({ actual }) => `${String(actual)} is odd` })),
  description: Schema.Number.pipe(Schema.filter(isEven, { description: "an even number" })),
  identifier: Schema.Number.pipe(Schema.filter(isEven, { identifier: "Even" })),
  unnamed: Schema.Number.pipe(Schema.filter(isEven)),
  returned: Schema.Number.pipe(Schema.filter((n) => isEven(n) || `${n} is odd`))
}

/** What is made of functions, each of which has something to say of its own. */
export const checked: ReadonlyArray<readonly [string, AnyField]> = [
  ...[
    Schema.minLength(2),
    Schema.maxLength(2),
    Schema.length(2),
    Schema.length({ min: 1, max: 2 }),
    Schema.pattern(/a/),
    Schema.startsWith("a"),
    Schema.endsWith("a"),
    Schema.includes("a")
  ].map((filter, index) => [`text ${index}`, text(filter)] as const),
  ...[
    Schema.greaterThan(1),
    Schema.greaterThan(0),
    Schema.greaterThanOrEqualTo(0),
    Schema.lessThan(1),
    Schema.lessThanOrEqualTo(0),
    Schema.between(1, 2),
    Schema.multipleOf(2),
    Schema.nonNaN()
  ].map((filter, index) => [`number ${index}`, number(filter)] as const),
  ["minItems", Schema.Array(Schema.String).pipe(Schema.minItems(2))],
  ["maxItems", Schema.Array(Schema.String).pipe(Schema.maxItems(2))],
  ["itemsCount", Schema.Array(Schema.String).pipe(Schema.itemsCount(2))],
  ["lessThanDate", Schema.DateFromSelf.pipe(Schema.lessThanDate(new Date(0)))],
  ["betweenDate", Schema.DateFromSelf.pipe(Schema.betweenDate(new Date(0), new Date(1)))],
  ["instanceOf", Schema.instanceOf(Map)],
  ["option", Schema.Option(Schema.String)],
  ["either", Schema.Either({ left: Schema.String, right: Schema.String })],
  ["eitherFromSelf", Schema.EitherFromSelf({ left: Schema.String, right: Schema.String })],
  ["chunk", Schema.Chunk(Schema.String)],
  ["data", Schema.Data(Schema.Struct({ x: Schema.String }))],
  ["hashSet", Schema.HashSet(Schema.String)],
  ["map", Schema.Map({ key: Schema.String, value: Schema.Number })],
  ["mapFromRecord", Schema.MapFromRecord({ key: Schema.String, value: Schema.Number })],
  ["set", Schema.Set(Schema.String)],
  ["list", Schema.List(Schema.String)],
  ["sortedSet", Schema.SortedSetFromSelf(Schema.String, () => 0, () => 0)],
  ["split", Schema.split(",")]
]
