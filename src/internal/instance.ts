/**
 * What the modules of this library know of an instance behind its service: enough to build flags, error tracking and
 * the rest on it without making the service, or a program that only captures, any larger.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { PropertiesInput } from "../core/event/properties.js"
import type { DeliveryError, Diagnostic } from "../PostHogError.js"
import type { Capture, CaptureOptions } from "./capture.js"
import type { Owner } from "./contextValues.js"
import type { FlushReport } from "./delivery/flushes.js"
import type { Stats } from "./delivery/statistics.js"
import type { Diagnostics } from "./diagnostics.js"
import type { Http } from "./http/client.js"
import type { Resolved } from "./options.js"
import type { Unrun } from "./unrun.js"

/** Name of the member of a service that holds its {@link Instance}. */
export const TypeId = "~effect-posthog/PostHog"

/** An instance that does nothing has none of this. */
export interface Active {
  readonly options: Resolved
  readonly owner: Owner
  /** The door through which every event goes. */
  readonly door: Capture
  readonly diagnostics: Diagnostics
  /** `undefined`: nothing is sent anywhere, as in tests. */
  readonly http: Http | undefined
}

export interface Instance {
  readonly active: Active | undefined
  readonly state: () => "open" | "opted_out" | "closed" | "disabled"
  /** What other modules keep for this instance, by a key of theirs. */
  readonly extensions: Map<string, unknown>
}

/**
 * Options of the events that are about a person.
 *
 * @since 0.1.0
 * @category models
 */
export interface PersonOptions extends CaptureOptions {
  /** Properties that are only set when the person does not have them yet. */
  readonly setOnce?: PropertiesInput | undefined
}

/**
 * Options of `identify`.
 *
 * @since 0.1.0
 * @category models
 */
export interface IdentifyOptions extends Omit<PersonOptions, "distinctId"> {
  /** An id under which the same person was seen before they were known; the two are merged. */
  readonly anonDistinctId?: string | undefined
}

/**
 * One instance of PostHog: one project, one queue.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Captures an event. Never fails, dies or waits (unless the instance's `overflow` says so): events that cannot be
   * sent are counted in `stats` and reported in `diagnostics`.
   */
  readonly capture: (event: string, properties?: PropertiesInput, options?: CaptureOptions) => Effect.Effect<void>
  /**
   * Sends one event past the queue and waits until PostHog acknowledged it, for instance before a serverless function
   * freezes. Gives the event's uuid; none when there was nothing to send, because the instance is disabled or opted out
   * or the event was dropped before sending.
   */
  readonly captureNow: (
    event: string,
    properties?: PropertiesInput,
    options?: CaptureOptions
  ) => Effect.Effect<Option.Option<string>, DeliveryError>
  /** Sets properties of a person, and makes the id a known one (`$identify`). */
  readonly identify: (distinctId: string, set?: PropertiesInput, options?: IdentifyOptions) => Effect.Effect<void>
  /** Sets properties of the person of the context, or of `options.distinctId` (`$set`). Nothing to set: no event. */
  readonly setPersonProperties: (set: PropertiesInput, options?: PersonOptions) => Effect.Effect<void>
  /** Removes properties of a person (`$set` with `$unset`). */
  readonly unsetPersonProperties: (names: ReadonlyArray<string>, options?: CaptureOptions) => Effect.Effect<void>
  /** Makes two ids one person: `distinctId`, which PostHog knows already, and `alias` (`$create_alias`). */
  readonly alias: (
    ids: { readonly distinctId: string; readonly alias: string },
    options?: Omit<CaptureOptions, "distinctId">
  ) => Effect.Effect<void>
  /** Sets properties of a group (`$groupidentify`). Without a distinct id the event is about `$<type>_<key>`. */
  readonly groupIdentify: (
    groupType: string,
    groupKey: string | number,
    properties?: PropertiesInput,
    options?: CaptureOptions
  ) => Effect.Effect<void>
  /** Captures `$pageview`. Host and path are taken from the address. */
  readonly pageView: (url?: string | URL, properties?: PropertiesInput, options?: CaptureOptions) => Effect.Effect<void>
  /** Captures `$screen`. */
  readonly screen: (name: string, properties?: PropertiesInput, options?: CaptureOptions) => Effect.Effect<void>
  /**
   * Sends what is queued and waits until each event is settled, retries included. Fails when events were dropped or,
   * after the last retry, are still queued.
   */
  readonly flush: Effect.Effect<FlushReport, DeliveryError>
  /** What became of the events so far. */
  readonly stats: Effect.Effect<Stats>
  /**
   * What happens from now on: events dropped, repaired and delivered, requests, retries. Ends when the instance closes.
   * A subscriber that falls more than 4,096 diagnostics behind misses the oldest.
   */
  readonly diagnostics: Stream.Stream<Diagnostic>
  /**
   * Takes, keeps and sends nothing from now on. Queued events are dropped; a request that is under way is not repeated.
   */
  readonly optOut: Effect.Effect<void>
  /** Takes events again. */
  readonly optIn: Effect.Effect<void>
  /** Whether nothing is taken: opted out, disabled or closed. */
  readonly isOptedOut: Unrun<boolean>
  /** Logs every diagnostic at debug level from now on; `false`: no longer. */
  readonly debug: (enabled?: boolean) => Effect.Effect<void>
  /**
   * For the other modules of this library, which need more than is said here. Only `make` and its kin can provide it.
   */
  readonly [TypeId]: Instance
}

/** Why an instance that was found not to be open asks nothing. */
export const notOpen = (state: ReturnType<Instance["state"]>): "opted_out" | "closed" | "disabled" =>
  state === "open" ? "disabled" : state

export const instanceOf = (service: Service): Instance => service[TypeId]

/** What a module keeps for an instance; made when it is first asked for. */
export const extension = <A>(instance: Instance, key: string, make: () => A): A => {
  if (!instance.extensions.has(key)) instance.extensions.set(key, make())
  return instance.extensions.get(key) as A
}
