/**
 * Feature flags as values: a key with its type, so that what a program does with a flag is checked by the compiler.
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FeatureFlag, FeatureFlags } from "effect-posthog"
 *
 * const Checkout = FeatureFlag.variants("checkout", ["control", "fast"], { owner: "payments" }).payload(
 *   Schema.Struct({ color: Schema.String })
 * )
 *
 * const checkout = FeatureFlags.match(Checkout, {
 *   control: Effect.log("the checkout that everybody knows"),
 *   fast: Effect.log("the fast one"),
 *   false: Effect.log("not part of the experiment")
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { FlagValue } from "./core/flags/response.js"

/**
 * Identifies values of type {@link FeatureFlag}.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId = "~effect-posthog/FeatureFlag"

/**
 * What can be said about a flag besides its key.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<A extends FlagValue> {
  /** The value while PostHog's is not known. Default `false`. */
  readonly default?: A | undefined
  /** What the flag is for. */
  readonly description?: string | undefined
  /** Who to ask about it. */
  readonly owner?: string | undefined
  /** When the flag should be gone from the program; `FeatureFlags.verify` tells when that time has come. */
  readonly expires?: Date | undefined
  /** Whether reading the flag sends `$feature_flag_called`. Default: the instance's `sendFeatureFlagEvents`. */
  readonly sendFeatureFlagEvents?: boolean | undefined
}

/**
 * A flag: its key, the type `A` of its values and the type `P` of its payload. Made with {@link boolean} or {@link
 * variants}.
 *
 * @since 0.1.0
 * @category models
 */
export interface FeatureFlag<out A extends FlagValue, out P = unknown> {
  readonly [TypeId]: typeof TypeId
  readonly key: string
  /** The variants that the program knows; `undefined` for a flag that is on or off. */
  readonly variants: ReadonlyArray<string> | undefined
  readonly default: A
  readonly description: string | undefined
  readonly owner: string | undefined
  readonly expires: Date | undefined
  readonly sendFeatureFlagEvents: boolean | undefined
  /** Decodes a payload; `undefined` when the flag has no schema. */
  readonly decodePayload: ((payload: unknown) => Effect.Effect<P, ParseResult.ParseError>) | undefined
  /** The same flag with a schema for its payload, which is decoded when it is read. */
  readonly payload: <P2, I>(schema: Schema.Schema<P2, I>) => FeatureFlag<A, P2>
}

/**
 * Any flag.
 *
 * @since 0.1.0
 * @category models
 */
export type Any = FeatureFlag<FlagValue>

/**
 * The type of a flag's values: `boolean`, or its variants and `false`.
 *
 * @since 0.1.0
 * @category models
 */
export type Value<F extends Any> = F extends FeatureFlag<infer A> ? A : never

/**
 * The type of a flag's payload.
 *
 * @since 0.1.0
 * @category models
 */
export type Payload<F extends Any> = F extends FeatureFlag<FlagValue, infer P> ? P : never

const make = <A extends FlagValue, P>(
  key: string,
  variants: ReadonlyArray<string> | undefined,
  options: Options<A>,
  decodePayload: FeatureFlag<A, P>["decodePayload"]
): FeatureFlag<A, P> => ({
  [TypeId]: TypeId,
  key,
  variants,
  // `false` is a value of every flag.
  default: options.default ?? false as A,
  description: options.description,
  owner: options.owner,
  expires: options.expires,
  sendFeatureFlagEvents: options.sendFeatureFlagEvents,
  decodePayload,
  payload: (schema) => make(key, variants, options, Schema.decodeUnknown(schema))
})

/**
 * A flag that is on or off.
 *
 * @since 0.1.0
 * @category constructors
 */
export const boolean = (key: string, options?: Options<boolean>): FeatureFlag<boolean> =>
  make(key, undefined, options ?? {}, undefined)

/**
 * A flag with variants. Its values are the variants, and `false` for users for whom the flag is off.
 *
 * @since 0.1.0
 * @category constructors
 */
export const variants = <const V extends string>(
  key: string,
  variants: ReadonlyArray<V>,
  options?: Options<NoInfer<V> | false>
): FeatureFlag<V | false> => make<V | false, unknown>(key, variants, options ?? {}, undefined)

/**
 * Whether a value is a {@link FeatureFlag}.
 *
 * @since 0.1.0
 * @category guards
 */
export const isFeatureFlag = (value: unknown): value is Any =>
  typeof value === "object" && value !== null && TypeId in value
