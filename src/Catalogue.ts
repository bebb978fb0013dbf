/**
 * A tracking plan out of the events that a program declares: as data, as JSON Schema and as a page for people, compared
 * with an earlier version, and beside what tests have captured.
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Catalogue, PostHogEvent } from "effect-posthog"
 *
 * const OrderCompleted = PostHogEvent.make("order completed", { total: Schema.Number }, { owner: "payments" })
 *
 * const catalogue = Catalogue.make({ events: [OrderCompleted] })
 *
 * console.log(Catalogue.toMarkdown(Catalogue.toPlan(catalogue)))
 * ```
 *
 * PostHog on tracking plans: https://posthog.com/docs/product-analytics/schema-management
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { compare as compareNow } from "./core/catalogue/compare.js"
import type { Change } from "./core/catalogue/compareValue.js"
import { type JsonSchema, toJsonSchema as schemaOf } from "./core/catalogue/jsonSchema.js"
import { toMarkdown as pageOf } from "./core/catalogue/markdown.js"
import type { Plan } from "./core/catalogue/model.js"
import { type Action, sayAction } from "./core/catalogue/push.js"
import { readPlan } from "./core/catalogue/readPlan.js"
import * as Seen from "./core/catalogue/seen.js"
import { type Finding, sayFinding } from "./core/catalogue/verify.js"
import type { RemoteOptions } from "./internal/catalogue/api.js"
import type { PostHogApiError } from "./internal/catalogue/errors.js"
import type { PullOptions, PushOptions } from "./internal/catalogue/remote.js"
import * as Remote from "./internal/catalogue/remote.js"
import { membersOf } from "./internal/effect/schema.js"
import { type Any, type GroupType, isPostHogEvent, type Person } from "./PostHogEvent.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Change,
  /**
   * @since 0.1.0
   * @category models
   */
  JsonSchema,
  /**
   * @since 0.1.0
   * @category models
   */
  Plan
}

/**
 * Identifies values of this module.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId = "~effect-posthog/Catalogue"

/**
 * A catalogue cannot be made, or a plan cannot be read. `reason` says why:
 *
 * - `duplicate`: two events, or two group types, have one name; PostHog would take them for one
 * - `invalid_plan`: a text is no plan, or is one of another version; the message names the place
 *
 * @since 0.1.0
 * @category errors
 */
export class CatalogueError extends Data.TaggedError("CatalogueError")<{
  readonly reason: "duplicate" | "invalid_plan"
  readonly message: string
}> {}

/**
 * What a catalogue is made of.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The events: a list, or a module (`import * as Events from "#shop/events"`), of which those exports are taken that
   * are events.
   */
  readonly events: ReadonlyArray<Any> | { readonly [name: string]: unknown }
  readonly groups?: ReadonlyArray<GroupType<string>> | undefined
  readonly person?: Person | undefined
}

/**
 * The events of a program, with its group types and the properties of its persons.
 *
 * @since 0.1.0
 * @category models
 */
export interface Catalogue {
  readonly [TypeId]: typeof TypeId
  readonly events: ReadonlyArray<Any>
  readonly groups: ReadonlyArray<GroupType<string>>
  readonly person: Person | undefined
}

/** No two of one name. */
const distinct = <A>(values: ReadonlyArray<A>, nameOf: (value: A) => string, what: string): ReadonlyArray<A> => {
  // A module may export one under two names.
  const different = [...new Set(values)]
  const names = new Set<string>()
  for (const name of different.map(nameOf)) {
    if (names.has(name)) {
      const message = `two ${what} have the name ${JSON.stringify(name)}, and PostHog would take them for one: ` +
        "give one of them another name, or use the same declaration"
      throw new CatalogueError({ reason: "duplicate", message })
    }
    names.add(name)
  }
  return different
}

/**
 * Makes a catalogue. Throws a {@link CatalogueError} where two events have one name: that is a mistake of the program,
 * which its first start shows.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ events, groups = [], person }: Options): Catalogue => ({
  [TypeId]: TypeId,
  events: distinct(Object.values(events).filter(isPostHogEvent), ({ event }) => event, "events"),
  groups: distinct(groups, ({ type }) => type, "group types"),
  person
})

/**
 * Whether a value is a catalogue.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCatalogue = (value: unknown): value is Catalogue =>
  typeof value === "object" && value !== null && TypeId in value

/**
 * The catalogue as data, to be kept in a file as `JSON.stringify(plan, undefined, 2)`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toPlan = ({ events, groups, person }: Catalogue): Plan => ({
  version: 1,
  events: events.map((event) => event.describe()),
  groups: groups.map((group) => group.describe()),
  person: person?.describe() ?? []
})

/**
 * Reads a plan that was kept in a file. The text may be of anybody: it is bounded, and every member is checked.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromJson = (text: string): Effect.Effect<Plan, CatalogueError> =>
  Effect.suspend(() => {
    const plan = readPlan(text)
    return typeof plan === "string"
      ? Effect.fail(new CatalogueError({ reason: "invalid_plan", message: plan }))
      : Effect.succeed(plan)
  })

/**
 * JSON Schema (draft 2020-12) of the events as they are sent: `{ event, properties }`. The properties of each event are
 * a definition of their own, `#/$defs/event order completed`. Personal data is marked by `x-personal-data`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toJsonSchema = ({ events, groups, person }: Catalogue): JsonSchema =>
  schemaOf(
    events.map((event) => ({
      description: event.describe(),
      members: Object.entries(event.fields).flatMap(([name, field]) => membersOf(name, field))
    })),
    groups.map((group) => group.describe()),
    person?.describe() ?? []
  )

/**
 * A page in Markdown: every event with its owner, tags, groups and a table of its properties.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toMarkdown: (plan: Plan) => string = pageOf

/**
 * What changes from one plan to a later one, what each change breaks, and for whom.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Catalogue } from "effect-posthog"
 *
 * const breaks = (earlier: string, catalogue: Catalogue.Catalogue) =>
 *   Effect.map(Catalogue.fromJson(earlier), (plan) =>
 *     Catalogue.compare(plan, Catalogue.toPlan(catalogue)).filter(({ impact }) => impact === "breaking"))
 * ```
 *
 * @since 0.1.0
 * @category comparisons
 */
export const compare: (earlier: Plan, later: Plan) => ReadonlyArray<Change> = compareNow

/**
 * Events and properties that the plan declares, and that were never captured: what tests do not cover.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const unseen: (plan: Plan, captured: ReadonlyArray<Seen.Captured>) => Seen.Gaps = Seen.unseen

/**
 * Events and properties that were captured, and that the plan does not declare. Names that begin with `$` are
 * PostHog's.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const undeclared: (plan: Plan, captured: ReadonlyArray<Seen.Captured>) => Seen.Gaps = Seen.undeclared

/**
 * Why PostHog would drop events that were captured, if it enforced the plan: each reason once for each event and
 * property.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const refused: (plan: Plan, captured: ReadonlyArray<Seen.Captured>) => ReadonlyArray<Seen.Refused> = Seen.refused

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Captured,
  /**
   * @since 0.1.0
   * @category models
   */
  Gaps,
  /**
   * @since 0.1.0
   * @category models
   */
  Refused
} from "./core/catalogue/seen.js"

/**
 * Compares a plan with what PostHog has: events and properties that are missing there or of another type, and events
 * that PostHog would drop as they arrive. Reads only; the key needs the scope `event_definition:read`.
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Catalogue, PostHogClient } from "effect-posthog"
 *
 * const verify = (plan: Catalogue.Plan) =>
 *   Effect.gen(function*() {
 *     const findings = yield* Catalogue.verify(plan, { personalApiKey: Redacted.make("phx_..."), projectId: 12 })
 *     for (const finding of findings) yield* Effect.logWarning(Catalogue.sayFinding(finding))
 *   }).pipe(Effect.provide(PostHogClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category remote
 */
export const verify: (
  plan: Pick<Plan, "events">,
  options: RemoteOptions
) => Effect.Effect<ReadonlyArray<Finding>, PostHogApiError, HttpClient.HttpClient> = Remote.verify

/**
 * Creates in PostHog what is missing there: definitions of events, a group of properties for each event, the link
 * between the two. Deletes nothing and changes no type; says what it did, or with `dryRun` what it would do. What was
 * done stays done when it fails, and it can be run again. The key needs the scope `event_definition:write`.
 *
 * @since 0.1.0
 * @category remote
 */
export const push: (
  plan: Pick<Plan, "events">,
  options: PushOptions
) => Effect.Effect<ReadonlyArray<Action>, PostHogApiError, HttpClient.HttpClient> = Remote.push

/**
 * The source of a module that declares the events which PostHog has, as `PostHogEvent.make`. The key needs the scope
 * `event_definition:read`.
 *
 * @since 0.1.0
 * @category remote
 */
export const pull: (options: PullOptions) => Effect.Effect<string, PostHogApiError, HttpClient.HttpClient> = Remote.pull

/**
 * The source of a module that declares the feature flags which PostHog has, as `FeatureFlag.boolean` and
 * `FeatureFlag.variants`, with schemas that fit the payloads of today. The key needs the scope `feature_flag:read`.
 *
 * @since 0.1.0
 * @category remote
 */
export const pullFlags: (options: RemoteOptions) => Effect.Effect<string, PostHogApiError, HttpClient.HttpClient> =
  Remote.pullFlags

export {
  /**
   * An action of `push` in words. `isDone`: it was done, and is not only what would be done.
   *
   * @since 0.1.0
   * @category remote
   */
  sayAction,
  /**
   * A finding of `verify` in words, and what to do about it.
   *
   * @since 0.1.0
   * @category remote
   */
  sayFinding
}

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Action,
  /**
   * @since 0.1.0
   * @category models
   */
  Finding,
  /**
   * @since 0.1.0
   * @category models
   */
  PullOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  PushOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  RemoteOptions
}
