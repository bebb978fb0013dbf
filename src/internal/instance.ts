/**
 * What the modules of this library know of an instance behind its service: enough to build flags, error tracking and
 * the rest on it without making the service, or a program that only captures, any larger.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { DeliveryError, Diagnostic } from "../PostHogError.js"
import type * as PostHogEvent from "../PostHogEvent.js"
import type { Capture } from "./capture.js"
import type { Owner } from "./contextValues.js"
import type { Letters } from "./delivery/durable/deadLetters.js"
import type { FlushReport } from "./delivery/flushes.js"
import type { Stats } from "./delivery/statistics.js"
import type { Diagnostics } from "./diagnostics.js"
import type { Origin } from "./effect/fiber.js"
import type { Http } from "./http/client.js"
import type { Resolved } from "./options.js"
import type { Slots } from "./slot.js"
import type { Unrun } from "./unrun.js"

/** Name of the member of a service that holds its {@link Instance}. */
export const TypeId = "~effect-posthog/PostHog"

/** An instance that does nothing has none of this. */
export interface Active {
  readonly options: Resolved
  readonly owner: Owner
  readonly diagnostics: Diagnostics
  /** Makes a UUID v7 for a time in milliseconds. */
  readonly newUuid: (millis: number) => string
  /** `undefined`: nothing is sent anywhere, as in tests. */
  readonly http: Http | undefined
  /** The fiber that made the instance, as it was then. */
  readonly origin: Origin
}

export interface Instance {
  /** The door through which every event goes. */
  readonly door: Capture
  readonly active: Active | undefined
  readonly state: () => "open" | "opted_out" | "closed" | "disabled"
  /** Events that were refused, where they are kept. */
  readonly letters: Letters | undefined
  /** What other modules keep for this instance. */
  readonly slots: Slots
  /** Called once, before the instance takes no more events. None of them may throw. */
  readonly closing: Set<() => void>
}

/**
 * One instance of PostHog: one project, one queue. Each member is what the function of the same name in `PostHog` is
 * for the instance of the surroundings. `PostHog` has more, such as `identify`; for a service in hand:
 * `PostHog.identify("user_123").pipe(Effect.provideService(PostHog.PostHog, service))`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** As `PostHog.capture`. */
  readonly capture: PostHogEvent.Capture<Effect.Effect<void>>
  /** As `PostHog.captureNow`. */
  readonly captureNow: PostHogEvent.Capture<Effect.Effect<Option.Option<string>, DeliveryError>>
  /** As `PostHog.flush`. */
  readonly flush: Effect.Effect<FlushReport, DeliveryError>
  /** As `PostHog.stats`. */
  readonly stats: Effect.Effect<Stats>
  /** As `PostHog.diagnostics`. */
  readonly diagnostics: Stream.Stream<Diagnostic>
  /** As `PostHog.optOut`. */
  readonly optOut: Effect.Effect<void>
  /** As `PostHog.optIn`. */
  readonly optIn: Effect.Effect<void>
  /** As `PostHog.isOptedOut`. */
  readonly isOptedOut: Unrun<boolean>
  /** As `PostHog.debug`. */
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
