/**
 * Where the instances of a fleet, or one serverless function after the other, share flag definitions: one of them asks
 * PostHog, all have them, and a cold start during an outage runs on the last good ones.
 *
 * ```ts
 * import { KeyValueStore } from "@effect/platform"
 * import { Layer } from "effect"
 * import { FlagDefinitionStore, LocalEvaluation, PostHog, PostHogClient } from "effect-posthog"
 *
 * const PostHogHere = LocalEvaluation.layer().pipe(
 *   Layer.provide(FlagDefinitionStore.layerKeyValueStore.pipe(Layer.provide(KeyValueStore.layerMemory))),
 *   Layer.provideMerge(PostHog.layer({ apiKey: "phc_…", secretKey: "phs_…" })),
 *   Layer.provide(PostHogClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { describe } from "./core/thrown.js"
import { read } from "./internal/effect/store.js"
import type { RedisCommand } from "./internal/redisCommand.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  RedisCommand
} from "./internal/redisCommand.js"

/**
 * A store could not do what it was asked to. Nobody but the poller sees it, who does without the store then and tells
 * it as the diagnostic `DefinitionStoreFailed`.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlagDefinitionStoreError extends Data.TaggedError("FlagDefinitionStoreError")<{
  readonly operation: "get" | "put" | "lease" | "release"
  readonly cause: unknown
}> {
  /** What happened. */
  override get message(): string {
    return `The store of flag definitions failed (${this.operation}): ${describe(this.cause)}`
  }
}

/**
 * Definitions as they are stored.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  /** Another one after each put. */
  readonly revision: string
  /** The definitions as JSON, as PostHog answers them, with some members added. */
  readonly document: string
}

/**
 * What a store has to do. `name` says which project's definitions are meant; several projects can share a store. Every
 * call is given a time limit by the poller, and may fail.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** What is stored. */
  readonly get: (name: string) => Effect.Effect<Option.Option<Entry>, FlagDefinitionStoreError>
  /**
   * Stores an entry in the place of the one with the revision `expected` (`undefined`: of none). `false` when there is
   * another one by now, which stays.
   */
  readonly put: (
    name: string,
    entry: Entry,
    expected: string | undefined
  ) => Effect.Effect<boolean, FlagDefinitionStoreError>
  /**
   * Makes `holder` the one who asks PostHog for the duration from now on; renews it for who it is already. `false` when
   * it is somebody else.
   */
  readonly lease: (
    name: string,
    holder: string,
    duration: Duration.Duration
  ) => Effect.Effect<boolean, FlagDefinitionStoreError>
  /** Ends the lease if it is `holder`'s. */
  readonly release: (name: string, holder: string) => Effect.Effect<void, FlagDefinitionStoreError>
}

/**
 * The store that pollers share definitions through. Optional: a `LocalEvaluation` layer that is not given one keeps its
 * definitions to itself.
 *
 * @since 0.1.0
 * @category tags
 */
export class FlagDefinitionStore
  extends Context.Tag("effect-posthog/FlagDefinitionStore")<FlagDefinitionStore, Service>()
{}

const failing = (operation: FlagDefinitionStoreError["operation"]) => (cause: unknown): FlagDefinitionStoreError =>
  new FlagDefinitionStoreError({ operation, cause })

/** A revision is no JSON and has no line break; what comes after it is left as it is. */
const join = ({ document, revision }: Entry): string => `${revision}\n${document}`

const split = (text: string): Entry => {
  const end = text.indexOf("\n")
  return { revision: text.slice(0, Math.max(end, 0)), document: text.slice(end + 1) }
}

/**
 * In any `KeyValueStore` of `@effect/platform`: in memory, in files, or whatever else implements it. Such a store has
 * no transactions: two processes that come at the very same moment may both ask PostHog, and the later answer stays.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore: Layer.Layer<FlagDefinitionStore, never, KeyValueStore.KeyValueStore> = /* #__PURE__ */
  Layer.effect(
    FlagDefinitionStore,
    /* #__PURE__ */ Effect.map(KeyValueStore.KeyValueStore, (store) => {
      // Within this process nothing comes between looking and writing.
      const alone = Effect.unsafeMakeSemaphore(1).withPermits(1)
      const get = (name: string) =>
        Effect.map(read(store, name), (text) => text === undefined ? undefined : split(text))
      const leaseKey = (name: string) => `${name}/lease`
      const holderAt = (name: string, now: number) =>
        Effect.map(read(store, leaseKey(name)), (text = "") => {
          const { document: until, revision: holder } = split(text)
          return Number(until) > now ? holder : undefined
        })
      return {
        get: (name) => Effect.mapBoth(get(name), { onSuccess: Option.fromNullable, onFailure: failing("get") }),
        put: (name, entry, expected) =>
          Effect.flatMap(get(name), (stored) =>
            stored?.revision === expected
              ? Effect.as(store.set(name, join(entry)), true)
              : Effect.succeed(false)).pipe(alone, Effect.mapError(failing("put"))),
        lease: (name, holder, duration) =>
          Effect.flatMap(
            Clock.currentTimeMillis,
            (now) =>
              Effect.flatMap(holderAt(name, now), (current) =>
                current === undefined || current === holder
                  ? Effect.as(store.set(leaseKey(name), `${holder}\n${now + Duration.toMillis(duration)}`), true)
                  : Effect.succeed(false))
          ).pipe(alone, Effect.mapError(failing("lease"))),
        release: (name, holder) =>
          Effect.flatMap(
            holderAt(name, 0),
            (current) => current === holder ? store.remove(leaseKey(name)) : Effect.void
          ).pipe(alone, Effect.mapError(failing("release")))
      }
    })
  )

/**
 * In the memory of this process, for several instances of one project in it, and for tests.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<FlagDefinitionStore> = /* #__PURE__ */ Layer.provide(
  layerKeyValueStore,
  /* #__PURE__ */ Layer.fresh(KeyValueStore.layerMemory)
)

/** Whoever holds the lease already has it longer. */
const leaseScript = `local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1`

const releaseScript = `if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end
return 1`

const putScript = `if (redis.call("HGET", KEYS[1], "revision") or "") ~= ARGV[1] then return 0 end
redis.call("HSET", KEYS[1], "revision", ARGV[2], "document", ARGV[3])
return 1`

/**
 * In Redis 4 or later, or what speaks like it (Valkey, for instance), through the client that the program has already.
 * Connecting, and closing the connection, stays with the program.
 *
 * ```ts
 * import { createClient } from "@redis/client"
 * import { FlagDefinitionStore } from "effect-posthog"
 *
 * const client = createClient({ url: "redis://localhost:6379" })
 * client.on("error", () => {})
 *
 * const Store = FlagDefinitionStore.layerRedis({ command: (parts) => client.sendCommand(parts) })
 * ```
 *
 * With `ioredis` it is `command: ([name, ...rest]) => client.call(name, ...rest)`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRedis = (options: {
  readonly command: RedisCommand
  /** Begin of all keys. Default `effect-posthog:`. */
  readonly prefix?: string | undefined
}): Layer.Layer<FlagDefinitionStore> => {
  const { command, prefix = "effect-posthog:" } = options
  // A hash tag, so that a cluster keeps both keys of a name together.
  const key = (name: string): string => `${prefix}{${name}}`
  const ask = (operation: FlagDefinitionStoreError["operation"], ...parts: Parameters<RedisCommand>[0]) =>
    Effect.tryPromise({ try: async () => await command(parts), catch: failing(operation) })
  const isOne = Effect.map((reply: unknown) => Number(reply) === 1)
  return Layer.succeed(FlagDefinitionStore, {
    get: (name) =>
      Effect.map(ask("get", "HMGET", key(name), "revision", "document"), (reply) => {
        const [revision, document] = Array.isArray(reply) ? reply as Array<unknown> : []
        return revision == null || document == null
          ? Option.none()
          : Option.some({ revision: String(revision), document: String(document) })
      }),
    put: (name, { document, revision }, expected) =>
      isOne(ask("put", "EVAL", putScript, "1", key(name), expected ?? "", revision, document)),
    lease: (name, holder, duration) =>
      isOne(
        ask(
          "lease",
          "EVAL",
          leaseScript,
          "1",
          `${key(name)}:lease`,
          holder,
          String(Math.ceil(Duration.toMillis(duration)))
        )
      ),
    release: (name, holder) => Effect.asVoid(ask("release", "EVAL", releaseScript, "1", `${key(name)}:lease`, holder))
  })
}
