/**
 * Events as values: a name with the schemas of its properties, so that a tracking plan is checked by the compiler.
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { PostHog, PostHogEvent, PostHogLive } from "effect-posthog"
 *
 * const OrderCompleted = PostHogEvent.make("order completed", { total: Schema.Number, at: Schema.DateFromSelf })
 *
 * const program = PostHog.capture(OrderCompleted, { total: 42, at: new Date() }, { distinctId: "user_123" })
 *
 * Effect.runPromise(program.pipe(Effect.provide(PostHogLive)))
 * ```
 *
 * PostHog on tracking plans: https://posthog.com/docs/product-analytics/schema-management
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type {
  EventDescription,
  GroupDescription,
  ObjectDescription,
  PropertyDescription,
  ValueDescription
} from "./core/catalogue/model.js"
import { type Declared, type DeclaredProperties, makeDeclared, type PersonalData } from "./core/event/declared.js"
import type { PropertiesInput } from "./core/event/layers.js"
import type { Name, Names } from "./core/event/names.js"
import type { CaptureOptions } from "./internal/capture.js"
import * as internal from "./internal/effect/schema.js"
import * as Fields from "./internal/events/fields.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Name,
  /**
   * @since 0.1.0
   * @category models
   */
  Names
} from "./core/event/names.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  EventDescription,
  /**
   * @since 0.1.0
   * @category models
   */
  GroupDescription,
  /**
   * @since 0.1.0
   * @category models
   */
  ObjectDescription,
  /**
   * @since 0.1.0
   * @category models
   */
  PersonalData,
  /**
   * @since 0.1.0
   * @category models
   */
  PropertyDescription,
  /**
   * @since 0.1.0
   * @category models
   */
  ValueDescription
}

/**
 * Identifies values of this module.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId = "~effect-posthog/PostHogEvent"

/**
 * What can be said about an event besides its name and properties.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<G extends string = string, D extends string | undefined = string | undefined> {
  /** What it means that the event happened. */
  readonly description?: string | undefined
  /** Who to ask about it. */
  readonly owner?: string | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  /** The only group types that the event can be about; `[]`: it is about no group. Default: any. */
  readonly groups?: ReadonlyArray<G | GroupType<G>> | undefined
  /** Why the event should not be captured any more, such as `use "order paid"`. Calls are marked by the compiler. */
  readonly deprecated?: D
}

/**
 * An event: its name, the type `A` of its properties, and the group types `G` that it can be about. Made with {@link
 * make}.
 *
 * @since 0.1.0
 * @category models
 */
export interface PostHogEvent<
  in out A,
  out G extends string = string,
  out D extends string | undefined = undefined
> extends Declared {
  readonly [TypeId]: (_: A) => A
  readonly event: string
  /** Why it should not be captured any more. */
  readonly deprecated: D
  readonly groups: ReadonlyArray<G> | undefined
  /** What it is in PostHog's terms. */
  readonly describe: () => EventDescription
  /** The schemas, by the names of the properties. */
  readonly fields: Fields.Fields
}

/**
 * Any event.
 *
 * @since 0.1.0
 * @category models
 */
export type Any = PostHogEvent<any, string, string | undefined> // oxlint-disable-line no-explicit-any

/**
 * The type of an event's properties.
 *
 * @since 0.1.0
 * @category models
 */
export type PropertiesOf<E extends Any> = E extends PostHogEvent<infer A, string, string | undefined> ? A : never

/**
 * What can be said about one capture of an event: only the groups that it can be about.
 *
 * @since 0.1.0
 * @category models
 */
export interface OptionsOf<G extends string> extends Omit<CaptureOptions, "groups"> {
  /** Group memberships, merged over those of the context. */
  readonly groups?: GroupsOf<G> | undefined
}

/** An object type without members would take any. */
type GroupsOf<G extends string> = [G] extends [never] ? { readonly [type: string]: undefined }
  : { readonly [Type in G]?: string | number | undefined }

/**
 * What is given to capture an event: its properties, unless all of them may be absent, and options.
 *
 * @since 0.1.0
 * @category models
 */
export type Arguments<A, G extends string> = {} extends A ? [properties?: Given<A>, options?: OptionsOf<G>]
  : [properties: A, options?: OptionsOf<G>]

/** The same for an event without properties. */
type Given<A> = keyof A extends never ? { readonly [name: string]: never } : A

/**
 * Captures an event, by a name or as it was declared, and gives `Result`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Capture<Result> {
  /** Captures an event as it was declared. */
  <A, G extends string>(event: PostHogEvent<A, G>, ...rest: Arguments<NoInfer<A>, G>): Result
  /**
   * Captures an event whose declaration says why it should not be captured any more.
   *
   * @deprecated its declaration says why
   */
  <A, G extends string>(event: PostHogEvent<A, G, string>, ...rest: Arguments<NoInfer<A>, G>): Result
  /** Captures an event by its name, with any properties. The last, because `Parameters` gives those of the last. */
  (event: string, properties?: PropertiesInput, options?: CaptureOptions): Result
}

/**
 * As {@link Capture}, of what was declared alone: no names, and nothing that should not be captured any more.
 *
 * @since 0.1.0
 * @category models
 */
export interface StrictCapture<Result> {
  /** Captures an event as it was declared. */
  <A, G extends string>(event: PostHogEvent<A, G>, ...rest: Arguments<NoInfer<A>, G>): Result
}

/**
 * Declares an event. A field is any schema that needs no service, `Schema.optional` for what may be absent; what is
 * sent is its encoded side.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <
  const N extends string,
  const F extends internal.Fields & Names,
  const G extends string = string,
  const D extends string | undefined = undefined
>(
  name: Name<N>,
  fields: F,
  options?: Options<G, D>
): PostHogEvent<{ readonly [K in keyof Schema.Struct.Type<F>]: Schema.Struct.Type<F>[K] }, G, D> => {
  const declaration = Fields.declare(fields)
  const { deprecated, description, groups, owner, tags } = options ?? {}
  const types = groups?.map((group) => typeof group === "string" ? group : group.type)
  return {
    [TypeId]: (properties) => properties,
    event: name,
    deprecated: deprecated as D,
    groups: types,
    fields,
    describe: () => ({
      name,
      ...present({ description, owner, tags, deprecated, groups: types }),
      properties: declaration.describe()
    }),
    prepare: declaration.prepare
  }
}

/** The members that are set. */
const present = <A extends object>(members: A): A =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as A

/**
 * Properties of a person or a group that were declared, to be given to `PostHog.identify` and its kin.
 *
 * @since 0.1.0
 * @category models
 */
export type { DeclaredProperties }

/**
 * A group type with the schemas of its groups' properties.
 *
 * @since 0.1.0
 * @category models
 */
export interface GroupType<out G extends string, in A = never> {
  readonly type: G
  /** Properties of one group: some of those that are declared. */
  readonly with: (properties: Partial<A>) => DeclaredProperties<{ readonly group: G }>
  readonly describe: () => GroupDescription
}

/**
 * Declares a group type: `PostHog.groupIdentify("company", "acme", Company.with({ plan: "pro" }))`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const group = <const G extends string, const F extends internal.Fields & Names>(
  type: Name<G>,
  fields: F,
  options?: Pick<Options, "description" | "owner">
): GroupType<G, { readonly [K in keyof Schema.Struct.Type<F>]: Schema.Struct.Type<F>[K] }> => {
  const declaration = Fields.declare(fields, true)
  return {
    type: type as G,
    with: (properties) => makeDeclared(declaration, properties),
    describe: () => ({ type, ...present({ ...options }), properties: declaration.describe() })
  }
}

/**
 * The properties of persons with their schemas.
 *
 * @since 0.1.0
 * @category models
 */
export interface Person<in A = never> {
  /** Properties of one person: some of those that are declared. */
  readonly with: (properties: Partial<A>) => DeclaredProperties<"person">
  readonly describe: () => ReadonlyArray<PropertyDescription>
}

/**
 * Declares properties of persons: `PostHog.identify("user_123", Person.with({ plan: "pro" }))`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const person = <const F extends internal.Fields & Names>(
  fields: F
): Person<{ readonly [K in keyof Schema.Struct.Type<F>]: Schema.Struct.Type<F>[K] }> => {
  const declaration = Fields.declare(fields, true)
  return {
    with: (properties) => makeDeclared(declaration, properties),
    describe: declaration.describe
  }
}

/**
 * Says that the values of a field are personal data, which is made unreadable before anything else is done with them:
 * as the option `personalData` of the instance says, or as is said here.
 *
 * ```ts
 * import { Schema } from "effect"
 * import { PostHogEvent } from "effect-posthog"
 *
 * const SignedUp = PostHogEvent.make("signed up", {
 *   plan: Schema.Literal("free", "pro"),
 *   email: PostHogEvent.personal(Schema.String, "hash")
 * })
 * ```
 *
 * @since 0.1.0
 * @category annotations
 */
export const personal = <S extends internal.Annotatable>(field: S, how?: PersonalData): S =>
  internal.personal(field, how ?? "usual")

/**
 * Says why a property should not be used any more, for the catalogue.
 *
 * @since 0.1.0
 * @category annotations
 */
export const deprecated = <S extends internal.Annotatable>(field: S, why: string): S => internal.deprecated(field, why)

/**
 * Whether a value is an event.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPostHogEvent = (value: unknown): value is Any =>
  typeof value === "object" && value !== null && TypeId in value
