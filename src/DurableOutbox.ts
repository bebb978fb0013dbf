/**
 * Events that survive the process: what `capture` took is kept on disk until PostHog has acknowledged it, also when the
 * program is killed or PostHog cannot be reached for hours.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { DurableOutbox, PostHog, PostHogClient } from "effect-posthog"
 *
 * const PostHogHere = PostHog.layer({ apiKey: "phc_…" }).pipe(
 *   Layer.provide(DurableOutbox.layerFile({ directory: "/var/lib/shop/posthog" })),
 *   Layer.provide(PostHogClient.layer)
 * )
 *
 * Effect.runPromise(
 *   PostHog.captureDurable("order completed", { total: 42 }, { distinctId: "user_123" }).pipe(
 *     Effect.provide(PostHogHere)
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { DeadLetter, Filter, Letters } from "./internal/delivery/durable/deadLetters.js"
import { nodeDisk } from "./internal/delivery/durable/disk.js"
import { OutboxStorageError } from "./internal/delivery/durable/errors.js"
import * as FileOptions_ from "./internal/delivery/durable/fileOptions.js"
import { checkDirectory, make } from "./internal/delivery/durable/fileStore.js"
import * as Fleet from "./internal/delivery/durable/fleet.js"
import * as RedisOptions_ from "./internal/delivery/durable/fleetOptions.js"
import { DurableOutbox, TypeId } from "./internal/delivery/durable/store.js"
import { serviceOf, withFiber } from "./internal/effect/fiber.js"
import { instanceOf } from "./internal/instance.js"
import { PostHog } from "./PostHog.js"
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

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  FileOptions
} from "./internal/delivery/durable/fileOptions.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  DeadLetter
} from "./internal/delivery/durable/deadLetters.js"

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

/**
 * Keeps the events of instances on a disk of this machine, on Node, Bun and Deno. What `capture` took survives the end
 * of the process, however that comes, and a power cut after `sync` at the latest; what a process leaves is sent by the
 * next one, or within a minute by another that shares the directory. While nothing can be written, events are kept in
 * memory as without this layer.
 *
 * Fails when the directory cannot be used, and where there is no file system. Who prefers memory then says so:
 * `Layer.catchAll(() => Layer.empty)`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFile = (
  options: FileOptions_.FileOptions
): Layer.Layer<DurableOutbox, ConfigurationError | OutboxStorageError> =>
  Layer.effect(
    DurableOutbox,
    Effect.flatMap(FileOptions_.settingsOf(options), (settings) => {
      const fs = nodeDisk()
      return fs === undefined
        ? Effect.fail(
          new OutboxStorageError({ reason: "unsupported", operation: "open", detail: "there is no node:fs" })
        )
        : Effect.map(
          checkDirectory(fs, settings.directory),
          (directory) => ({ [TypeId]: make(fs, { ...settings, directory }) })
        )
    })
  )

/**
 * As {@link layerFile}, with options from Effect's Config, such as {@link config}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<FileOptions_.FileOptions>
): Layer.Layer<DurableOutbox, ConfigurationError | OutboxStorageError | ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layerFile))

/**
 * Options from the environment: `POSTHOG_OUTBOX_DIRECTORY`, `POSTHOG_OUTBOX_SYNC`, which is a duration or `never`, and
 * `POSTHOG_OUTBOX_MAX_BYTES`.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<FileOptions_.FileOptions> = FileOptions_.config

const everything: Filter = () => true

const withLetters = <A>(
  absent: A,
  f: (letters: Letters) => Effect.Effect<A, OutboxStorageError>
): Effect.Effect<A, OutboxStorageError, PostHog> =>
  withFiber((fiber) => {
    const letters = instanceOf(serviceOf(fiber, PostHog)).letters
    return letters === undefined ? Effect.succeed(absent) : f(letters)
  })

/**
 * The events that PostHog refused for good, oldest first, with what it said: of this process and of all others that had
 * the same directory or Redis, host and key. None where no durable outbox keeps them. Fails when not all of them can be
 * read.
 *
 * @since 0.1.0
 * @category dead letters
 */
export const deadLetters = (
  filter: (letter: DeadLetter) => boolean = everything
): Stream.Stream<DeadLetter, OutboxStorageError, PostHog> =>
  Stream.unwrap(
    Effect.map(withLetters<ReadonlyArray<DeadLetter>>([], (letters) => letters.list(filter)), Stream.fromIterable)
  )

/**
 * Captures dead letters again, with the uuid and the timestamp that they had, and forgets them. Gives how many. Those
 * of LLM analytics are captured again once the instance has sent another event of that kind. Fails when the store does
 * not work; some may have been captured again then, and the next time they are with the same uuid.
 *
 * @since 0.1.0
 * @category dead letters
 */
export const replay = (
  filter: (letter: DeadLetter) => boolean = everything
): Effect.Effect<number, OutboxStorageError, PostHog> => withLetters(0, (letters) => letters.replay(filter))

/**
 * Forgets dead letters. Gives how many. Fails when the store does not work; some may be forgotten then.
 *
 * @since 0.1.0
 * @category dead letters
 */
export const discard = (
  filter: (letter: DeadLetter) => boolean = everything
): Effect.Effect<number, OutboxStorageError, PostHog> => withLetters(0, (letters) => letters.discard(filter))
