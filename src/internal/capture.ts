/**
 * The one door: every event of every kind is built, shown to the hooks, serialised and handed to the outbox here.
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { isTooLarge, Writer } from "../core/event/json.js"
import {
  type Groups,
  type Layer,
  makeLayer,
  type Properties,
  type PropertiesInput,
  readable
} from "../core/event/layers.js"
import type { EventOptions } from "../core/event/options.js"
import { type Call, type Form, makeComposer, type Surroundings } from "../core/event/properties.js"
import { readUuid, writeEvent } from "../core/event/wireEvent.js"
import { isInstance, isObject, isRecord } from "../core/guard.js"
import { describe } from "../core/thrown.js"
import type { DeliveryError, DropReason } from "../PostHogError.js"
import { applyHooks } from "./beforeSend.js"
import { stateAt } from "./context.js"
import { flagsLayer, type FlagsOnEvents, type Owner } from "./contextValues.js"
import { Declarations, type DeclaredEvent, isDeclared, type Judge, type Resolver } from "./declarations.js"
import type { Books } from "./delivery/books.js"
import type { OutboxStorageError } from "./delivery/durable/errors.js"
import type { Gate } from "./delivery/gate.js"
import { type Branch, limitsOf } from "./delivery/lane.js"
import type { Outbox } from "./delivery/outbox.js"
import { type Diagnostics, kinds } from "./diagnostics.js"
import { clockOf, type Origin, spanAt, tracerAt } from "./effect/fiber.js"
import { formOf } from "./form.js"
import { makeFinder } from "./misplaced.js"
import { monotonicMillis } from "./monotonic.js"
import type { Resolved } from "./options.js"
import { traceMembers } from "./trace.js"
import { libraryName, libraryVersion } from "./version.js"

/**
 * What can be said about one event besides its name and properties.
 *
 * @since 0.1.0
 * @category models
 */
export interface CaptureOptions {
  /** The user. Default: the context's; without either the event is personless. A blank id drops the event. */
  readonly distinctId?: string | undefined
  /** Group memberships, merged over those of the context. */
  readonly groups?: Groups | undefined
  /**
   * When it happened. Default: now. A text is RFC 3339, such as `2025-01-02T08:34:05+05:30`; without an offset it is
   * read as UTC. What is no time is replaced by now and reported.
   */
  readonly timestamp?: Date | DateTime.DateTime | string | undefined
  /**
   * Identifies the event: PostHog takes events with the same uuid, name, user and timestamp for one. Default: a new
   * UUID v7.
   */
  readonly uuid?: string | undefined
  /** Whether PostHog shall not locate the user by IP address. Default: the instance's `disableGeoip`. */
  readonly disableGeoip?: boolean | undefined
  /**
   * `false`: the event creates or updates no person profile. Default: decided by PostHog, `false` without a distinct
   * id.
   */
  readonly processPersonProfile?: boolean | undefined
  /**
   * How PostHog shall treat the event, by its own names: `process_person_profile`, `cookieless_mode`,
   * `disable_skew_correction`, `product_tour_id`, and what is new there. Sent as given, and above everything else that
   * says the same, the context's and the instance's `globalOptions` too; `null` is none. Names that are new need
   * capture v1, see `captureMode` and `aiCaptureMode`. Default none.
   */
  readonly options?: EventOptions | undefined
  /**
   * A snapshot from `FeatureFlags.evaluate`, whose flags the event carries as `$feature/<key>` and
   * `$active_feature_flags`, in the place of those of the context.
   */
  readonly flags?: FlagsOnEvents | undefined
}

/** What sets kinds of events apart. */
export interface Kind {
  /** Events that say who somebody is take neither properties nor groups nor the user from the context. */
  readonly withContext: boolean
  /** Whether the event carries the flags of the context. */
  readonly withFlags: boolean
  /** Whether the event makes no sense without a distinct id. */
  readonly needsId: boolean
  /** Whether the event names the span around it also where nobody records it. */
  readonly withAnySpan?: boolean
  /** The lane that such events go over, if it is not the one of all events. */
  readonly lane?: Branch | undefined
}

/** An event that means nothing special to PostHog. */
export const ordinary: Kind = { withContext: true, withFlags: true, needsId: false }

/**
 * A capture that nobody waits for, also where the overflow policy waits for room. Under the others there is nothing
 * left to do, and no fiber to make.
 */
export const aside = (captured: Effect.Effect<void>): Effect.Effect<void> =>
  captured === Effect.void ? captured : Effect.asVoid(Effect.forkDaemon(captured))

/** An event on its way in. */
export interface Input {
  readonly event: string
  readonly properties: Properties | undefined
  /** The distinct id when the kind of event prescribes it. */
  readonly subject: string | undefined
  readonly options: CaptureOptions | undefined
  readonly kind: Kind
  /** What the caller gave as properties, where the event's are made of it. */
  readonly given?: unknown
  /** The declaration of the event, which makes its properties out of what was given. */
  readonly declared?: DeclaredEvent | undefined
  /** Whether the event shall not have a property, wherever it comes from. */
  readonly omits?: ((name: string) => boolean) | undefined
  /** The distinct id when nobody says one; the event is personless then. */
  readonly personlessId?: string | undefined
}

/** What became of a call so far. */
export interface Taken {
  /** That of the event, as it will be sent; `undefined`: there is nothing to send, which is counted. */
  readonly uuid: string | undefined
  /** Waits for room in the queue, where the overflow policy says so. */
  readonly captured: Effect.Effect<void>
}

/** What became of a call that wants an event to outlive the process. */
export interface Kept {
  readonly why: "absent" | "refused" | undefined
  readonly captured: Effect.Effect<void, OutboxStorageError>
}

export type { Origin }

/** What `capture` and its kin are given, whose properties may be anything. */
export const ordinaryInput = (
  event: string | DeclaredEvent,
  properties: PropertiesInput | undefined,
  options: CaptureOptions | undefined
): Input =>
  isDeclared(event)
    ? {
      event: event.event,
      properties: undefined,
      subject: undefined,
      options,
      kind: ordinary,
      given: properties,
      declared: event
    }
    : { event: event as string, properties: readable(properties), subject: undefined, options, kind: ordinary }

/** Milliseconds for distances, see `monotonicMillis`. */
export const elapsedOf = (origin: Origin): number => monotonicMillis(clockOf(origin))

/** Milliseconds since the epoch. */
export const millisOf = (origin: Origin): number => clockOf(origin).unsafeCurrentTimeMillis()

export interface Capture {
  readonly capture: (origin: Origin, input: Input) => Effect.Effect<void>
  /** The same, for those who want to know the event's uuid at once. */
  readonly take: (origin: Origin, input: Input) => Taken
  /** Gives the uuid of the acknowledged event, `undefined` when nothing was to be sent. */
  readonly captureNow: (origin: Origin, input: Input) => Effect.Effect<string | undefined, DeliveryError>
  /**
   * As `capture`, until the event outlives the process; `why` says that it will not: there is nothing that would keep
   * it, or nothing to keep.
   */
  readonly captureDurable: (origin: Origin, input: Input) => Kept
  /** Counts and reports an event whose arguments are unusable. */
  readonly refuse: (origin: Origin, event: string, why: string) => Effect.Effect<void>
  /** For properties of a person or a group, which may have been declared. */
  readonly resolver: (event: string) => Resolver
  /** Counts and reports an event of which there were too many. */
  readonly holdBack: (origin: Origin, event: string) => void
  /**
   * Whether an event of this name would be ignored where it comes from: its context says so, or the instance is opted
   * out.
   */
  readonly isSilent: (origin: Origin, event: string) => boolean
}

/**
 * The time in milliseconds or as text; `NaN` for what is no time. A `DateTime` is known by its member: asking its
 * module would put all of it into every bundle.
 */
const timeOf = (timestamp: CaptureOptions["timestamp"]): number | string | undefined => {
  if (!isObject(timestamp)) return timestamp ?? undefined
  try {
    return isInstance(timestamp, Date) ? timestamp.getTime() : timestamp.epochMillis ?? Number.NaN
  } catch {
    return Number.NaN
  }
}

/** Room for an event before a hook had the chance to make it smaller: the largest body that PostHog takes. */
const maxUnhookedLength = 20 * 1024 * 1024

export const make = (
  options: Resolved,
  owner: Owner,
  outbox: Outbox,
  newUuid: (millis: number) => string,
  gate: Gate,
  books: Books,
  diagnostics: Diagnostics,
  judge: Judge | undefined
): Capture => {
  const compose = makeComposer({
    library: libraryName,
    libraryVersion,
    isServer: options.isServer,
    disableGeoip: options.disableGeoip
  }, newUuid)
  const { beforeSend } = options
  const { maxEventBytes } = limitsOf(options)
  const usualForm = formOf(options.captureMode)
  const limit = beforeSend.length === 0 ? maxEventBytes : maxUnhookedLength
  const look = makeFinder(diagnostics)
  let withoutContext: Surroundings | undefined

  /** What events that take nothing from the context are surrounded by. */
  const globals = (): Surroundings =>
    withoutContext ??= {
      distinctId: undefined,
      groups: undefined,
      options: owner.globalOptions,
      flags: undefined,
      layers: [makeLayer(owner.globalProperties)]
    }

  const formIn = (lane: Branch | undefined): Form | undefined => lane === undefined ? usualForm : lane.form

  const drop = (reason: DropReason, event: unknown, uuid: string, detail?: string, isSaid?: boolean): undefined => {
    books.refused(reason, () => [{ uuid, event: typeof event === "string" ? event.slice(0, 200) : "" }], detail, isSaid)
  }

  const declarations = new Declarations(options, books, diagnostics, judge)

  const isSilent = (origin: Origin, event: string): boolean =>
    gate.phase === "opted_out" || stateAt(origin).isSilent(owner, event)

  /** The text of the event, or `undefined` when there is nothing to send, which is counted. */
  const prepare = (origin: Origin, input: Input): string | undefined => {
    if (isSilent(origin, input.event)) {
      books.ignored()
      return undefined
    }
    let uuid = ""
    try {
      const { lane } = input.kind
      const writer = new Writer(lane === undefined ? limit : maxUnhookedLength)
      const { declared, event, kind, options: call, subject } = input
      if (declared === undefined) look(event, input.given ?? input.properties, call)
      const around = kind.withContext ? stateAt(origin).surroundings(owner, event) : globals()
      const made = declared && declarations.propertiesOf(declared, input.given, around.layers)
      if (typeof made === "string") return drop("invalid_event", event, "", made, true)
      const composed = compose(
        writer,
        {
          event,
          properties: made?.properties ?? input.properties,
          distinctId: subject ?? call?.distinctId,
          needsId: kind.needsId,
          groups: call?.groups,
          timestamp: timeOf(call?.timestamp),
          uuid: call?.uuid,
          disableGeoip: call?.disableGeoip,
          processPersonProfile: call?.processPersonProfile,
          options: call?.options ?? undefined,
          form: formIn(lane),
          isDraft: beforeSend.length > 0,
          flags: isObject(call?.flags) ? layerOf(writer, call.flags) : kind.withFlags ? undefined : null,
          trace: options.traceIds && kind.withContext
            ? traceMembers(spanAt(origin), tracerAt(origin), kind.withAnySpan === true)
            : "",
          omits: made?.omits ?? input.omits,
          personlessId: input.personlessId
        } satisfies Call,
        around,
        millisOf(origin)
      )
      if (composed._tag === "Invalid") return drop("invalid_event", event, "", composed.why)
      uuid = composed.uuid
      if (composed.personless) {
        diagnostics.emit(kinds.personlessEvent, () => ({ _tag: "PersonlessEvent", uuid, event }))
      }
      const text = beforeSend.length === 0 ? composed.text : afterHooks(composed.text, writer, lane)
      if (writer.repairs > 0 && text !== undefined) {
        books.repaired()
        const repairs = writer.notes ?? []
        diagnostics.emit(kinds.eventRepaired, () => ({ _tag: "EventRepaired", uuid, event, repairs }))
      }
      const why = text === undefined ? undefined : lane?.refuses(text)
      if (why !== undefined) return drop("too_large", event, uuid, why)
      const against = text === undefined ? undefined : declarations.refuses(text, declared)
      return against === undefined ? text : drop("invalid_event", event, uuid, against, true)
    } catch (error) {
      if (isTooLarge(error)) {
        const most = input.kind.lane === undefined ? maxEventBytes : maxUnhookedLength
        return drop("too_large", input.event, uuid, `larger than ${most} bytes`)
      }
      const { given, options, properties } = input
      return [properties, options, given].every(isReadable)
        ? drop("internal_error", input.event, uuid, describe(error))
        : drop("invalid_event", input.event, uuid, "an argument throws as it is read")
    }
  }

  /** The text after the hooks, or `undefined` when they drop the event, which is counted. */
  const afterHooks = (text: string, writer: Writer, lane: Branch | undefined): string | undefined => {
    const final = new Writer(lane === undefined ? maxEventBytes : maxUnhookedLength)
    const result = applyHooks(beforeSend, text, formIn(lane)?.write ?? writeEvent, final)
    if (typeof result !== "string") return drop(result.reason, result.event, result.uuid, result.detail)
    writer.addRepairs(final.repairs, final.notes)
    return result
  }

  return {
    capture: (origin, input) => {
      const text = prepare(origin, input)
      return text === undefined ? declarations.ended() : outbox.offer(text, input.kind.lane)
    },
    take: (origin, input) => {
      const text = prepare(origin, input)
      if (text === undefined) return { uuid: undefined, captured: declarations.ended() }
      const uuid = gate.phase === "open" ? readUuid(text) : undefined
      return { uuid, captured: outbox.offer(text, input.kind.lane) }
    },
    captureNow: (origin, input) => {
      const text = prepare(origin, input)
      return text === undefined
        ? Effect.as(declarations.ended(), undefined)
        : Effect.map(outbox.sendNow(text, input.kind.lane), (sent) => sent ? readUuid(text) : undefined)
    },
    captureDurable: (origin, input) => {
      const isWanted = !isSilent(origin, input.event)
      const text = prepare(origin, input)
      const { lane } = input.kind
      if (text === undefined) return { why: isWanted ? "refused" : undefined, captured: declarations.ended() }
      return outbox.storeNow === undefined
        ? { why: "absent", captured: outbox.offer(text, lane) }
        : { why: undefined, captured: outbox.storeNow(text, lane) }
    },
    resolver: (event) => declarations.resolver(event),
    isSilent,
    holdBack: (origin, event) => {
      if (isSilent(origin, event)) return books.ignored()
      drop("rate_limited", event, "")
    },
    refuse: (origin, event, why) => {
      if (isSilent(origin, event)) books.ignored()
      else drop("invalid_event", event, "", why)
      return Effect.void
    }
  }
}

/**
 * What a snapshot adds. One that throws as it is read adds nothing, and a repair is reported: the event is worth more
 * than its flags.
 */
const layerOf = (writer: Writer, flags: FlagsOnEvents): Layer | null => {
  try {
    return flagsLayer(flags)
  } catch (error) {
    writer.repair(isTooLarge(error) ? "too large" : "no readable snapshot", "flags")
    return null
  }
}

/** Whether all members of an object can be looked at: not those of a revoked Proxy, for instance. */
const isReadable = (value: unknown): boolean => {
  if (typeof value !== "function" && !isRecord(value)) return true
  try {
    for (const name of Object.keys(value)) void (value as { readonly [name: string]: unknown })[name]
    return true
  } catch {
    return false
  }
}
