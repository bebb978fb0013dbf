/**
 * A tracking plan and PostHog: comparing them, bringing the plan there, and writing declarations from what is there.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import { type Defined, indexed, readDefinition, readGroup, readLink } from "../../core/catalogue/defined.js"
import { eventSource } from "../../core/catalogue/eventSource.js"
import { flagSource, readFlag } from "../../core/catalogue/flagSource.js"
import type { EventDescription, Plan } from "../../core/catalogue/model.js"
import { type Action, extended, sayAction, type Steps, stepsFor } from "../../core/catalogue/push.js"
import { type Finding, verify as compare } from "../../core/catalogue/verify.js"
import { type Api, type RemoteOptions, withApi } from "./api.js"
import type { PostHogApiError } from "./errors.js"

export type { PostHogApiError }

type Asked<A> = Effect.Effect<A, PostHogApiError, HttpClient.HttpClient>

const events = "event_definitions"
const groups = "schema_property_groups"
const links = "event_schemas"

const readAll = (api: Api): Effect.Effect<Defined, PostHogApiError> =>
  Effect.gen(function*() {
    return {
      definitions: yield* api.list(events, readDefinition),
      groups: yield* api.list(groups, readGroup),
      links: yield* api.list(links, readLink)
    }
  })

export const verify = (plan: Pick<Plan, "events">, options: RemoteOptions): Asked<ReadonlyArray<Finding>> =>
  withApi(options, (api) => Effect.map(readAll(api), (defined) => compare(plan, defined)))

/** What the program does with an action is its own affair. */
const hear = (onAction: (action: Action) => void, action: Action): void => {
  try {
    onAction(action)
  } catch {
    // It was done all the same.
  }
}

/** Does what one event needs. `note` hears of each thing after it was done. */
const doSteps = (
  api: Api,
  event: EventDescription,
  { definition, details, group, notes }: Steps,
  note: (action: Action) => void
): Effect.Effect<void, PostHogApiError> =>
  Effect.gen(function*() {
    const { name } = event
    let id = definition?.id
    if (id === undefined) {
      id = (yield* api.write(events, undefined, { name, ...details }, readDefinition)).id
      note({ _tag: "CreatedEvent", event: name })
    } else if (Object.keys(details).length > 0) {
      yield* api.write(events, id, details, readDefinition)
      note({ _tag: "DescribedEvent", event: name })
    }
    if (group !== undefined) {
      const { isLinked, properties, there } = group
      const added = properties.map((property) => property.name)
      let groupId = there?.id
      if (groupId === undefined) {
        const body = { name: group.name, description: `Properties of the event ${name}`.slice(0, 400), properties }
        groupId = (yield* api.write(groups, undefined, body, readGroup)).id
        note({ _tag: "CreatedGroup", event: name, group: group.name, properties: added })
      } else if (properties.length > 0) {
        // Read once more: the list that is sent takes the place of the one that is there, and somebody may have added
        // to that since.
        const now = yield* api.get(groups, groupId, readGroup)
        yield* api.write(groups, groupId, { properties: extended(now, properties) }, readGroup)
        note({ _tag: "ExtendedGroup", event: name, group: group.name, properties: added })
      }
      if (!isLinked) {
        yield* api.write(links, undefined, { event_definition: id, property_group_id: groupId }, readLink)
        note({ _tag: "LinkedGroup", event: name, group: group.name })
      }
    }
    for (const action of notes) note(action)
  })

/** What would be done for one event. */
const planned = (
  { name }: EventDescription,
  { definition, details, group, notes }: Steps
): ReadonlyArray<Action> => [
  ...(definition === undefined
    ? [{ _tag: "CreatedEvent", event: name } as const]
    : Object.keys(details).length > 0
    ? [{ _tag: "DescribedEvent", event: name } as const]
    : []),
  ...(group === undefined || group.there !== undefined && group.properties.length === 0 ? [] : [
    {
      _tag: group.there === undefined ? "CreatedGroup" : "ExtendedGroup",
      event: name,
      group: group.name,
      properties: group.properties.map((property) => property.name)
    } as const
  ]),
  ...(group === undefined || group.isLinked ? [] : [
    { _tag: "LinkedGroup", event: name, group: group.name } as const
  ]),
  ...notes
]

/**
 * Options of `Catalogue.push`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PushOptions extends RemoteOptions {
  /** Whether it only says what would be done. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Called with each action when it was done, so that it is known also where a later one fails. */
  readonly onAction?: ((action: Action) => void) | undefined
}

export const push = (
  plan: Pick<Plan, "events">,
  { dryRun = false, onAction, ...options }: PushOptions
): Asked<ReadonlyArray<Action>> =>
  withApi(options, (api) =>
    Effect.gen(function*() {
      const defined = indexed(yield* readAll(api))
      const actions: Array<Action> = []
      for (const event of plan.events) {
        const steps = stepsFor(event, defined)
        if (dryRun) actions.push(...planned(event, steps))
        else {
          yield* doSteps(api, event, steps, (action) => {
            actions.push(action)
            if (onAction === undefined) api.tell(sayAction(action, true))
            else hear(onAction, action)
          })
        }
      }
      return actions
    }))

/**
 * Options of `Catalogue.pull`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PullOptions extends RemoteOptions {
  /** The only events. Default: all but PostHog's own, whose names begin with `$`. */
  readonly events?: ReadonlyArray<string> | undefined
}

export const pull = (options: PullOptions): Asked<string> =>
  withApi(options, (api) => Effect.map(readAll(api), (defined) => eventSource(defined, options)))

export const pullFlags = (options: RemoteOptions): Asked<string> =>
  withApi(options, (api) => Effect.map(api.list("feature_flags", readFlag), flagSource))
