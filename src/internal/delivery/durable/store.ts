/**
 * What an instance knows of its durable outbox: the tag under which it looks for one, and types. The code comes with
 * the layer that is provided, so that a program without one does not bundle it.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Diagnostics } from "../../diagnostics.js"
import type { Resolved } from "../../options.js"
import type { Books } from "../books.js"
import type { Gate } from "../gate.js"
import type { Route } from "../lane.js"
import type { Outbox } from "../outbox.js"
import type { OutboxStorageError } from "./errors.js"

/** An instance that opens the store. */
export interface Opening {
  readonly options: Resolved
  /** Plain: only for a digest that keeps the events of one project apart from those of another. */
  readonly apiKey: string
  readonly gate: Gate
  readonly books: Books
  readonly diagnostics: Diagnostics
  /** Of all events that have no other. */
  readonly route: Route
}

/** Name of the member of a service that holds its {@link Store}. */
export const TypeId = "~effect-posthog/DurableOutbox"

/** How the outbox of an instance is built around a store. */
export interface Store {
  readonly open: (opening: Opening) => Effect.Effect<Outbox, OutboxStorageError, Scope.Scope>
}

/**
 * A place that keeps events beyond the end of a process. Only the layers of `DurableOutbox` make one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly [TypeId]: Store
}

/**
 * Where instances keep their events. Optional: a `PostHog` layer that is not given one keeps them in memory. Provide it
 * to that layer: `PostHog.layer(options).pipe(Layer.provide(DurableOutbox.layerFile({ directory })))`.
 *
 * @since 0.1.0
 * @category tags
 */
export class DurableOutbox extends Context.Tag("effect-posthog/DurableOutbox")<DurableOutbox, Service>() {}
