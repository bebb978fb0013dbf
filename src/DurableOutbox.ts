/**
 * Events that survive the process: what `capture` took is kept until PostHog has acknowledged it, also when the program
 * is killed or PostHog cannot be reached for hours.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fleet from "./internal/delivery/durable/fleet.js"
import * as RedisOptions_ from "./internal/delivery/durable/fleetOptions.js"
import { DurableOutbox, TypeId } from "./internal/delivery/durable/store.js"
import type { ConfigurationError } from "./PostHogError.js"

export {
  /**
   * @since 0.1.0
   * @category tags
   */
  DurableOutbox
} from "./internal/delivery/durable/store.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Service
} from "./internal/delivery/durable/store.js"

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  OutboxStorageError
} from "./internal/delivery/durable/errors.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  RedisOptions
} from "./internal/delivery/durable/fleetOptions.js"

/**
 * Keeps the events of a fleet in Redis 6.2 or later, or what speaks like it (Valkey, for instance): what one process
 * has captured any other can send. A plain event is safe once its batch is in Redis, `flushInterval` after it was
 * captured at the latest; one of `captureDurable` when that has succeeded. What a process had taken that is gone is
 * taken over by another. While Redis is away events wait in memory, as without this layer.
 *
 * ```ts
 * import { createClient } from "@redis/client"
 * import { Layer } from "effect"
 * import { DurableOutbox, PostHog, PostHogClient } from "effect-posthog"
 *
 * const client = createClient({ url: "redis://localhost:6379", disableOfflineQueue: true })
 * client.on("error", () => {})
 *
 * const PostHogHere = PostHog.layer({ apiKey: "phc_…" }).pipe(
 *   Layer.provide(DurableOutbox.layerRedis({ send: (parts) => client.sendCommand(parts) })),
 *   Layer.provide(PostHogClient.layer)
 * )
 * ```
 *
 * Connecting, and closing the connection after the layer's scope, stays with the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRedis = (options: RedisOptions_.RedisOptions): Layer.Layer<DurableOutbox, ConfigurationError> =>
  Layer.effect(
    DurableOutbox,
    Effect.map(RedisOptions_.settingsOf(options), (settings) => ({ [TypeId]: { open: Fleet.open(settings) } }))
  )
