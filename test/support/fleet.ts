/**
 * Instances of a fleet on one Redis, and what is in it.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Effect, Exit, Layer, Scope } from "effect"
import { DurableOutbox, PostHog, type PostHogConfig } from "effect-posthog"
import { apiKey } from "./posthog.js"
import * as Redis from "./redis.js"
import * as Sink from "./sink.js"

export type Send = DurableOutbox.RedisOptions["send"]

/** The part of a client that is used. */
export interface Client {
  readonly sendCommand: (parts: Array<string>) => Promise<unknown>
}

export const sendBy = (client: Client): Send => (parts) => client.sendCommand(parts)

/** Times that let a test go on, and no retries that take minutes. */
export const quick = { claimAfter: "400 millis", pollInterval: "20 millis", timeout: "2 seconds" } as const

export const onRedis = (
  send: Send,
  sink: Pick<Sink.Sink, "url">,
  redis: Partial<DurableOutbox.RedisOptions> = {},
  options: PostHogConfig.Options = {}
) =>
  PostHog.layer({ apiKey, host: sink.url, flushInterval: "20 millis", ...options }).pipe(
    Layer.provide(DurableOutbox.layerRedis({ send, ...quick, ...redis })),
    Layer.provide(FetchHttpClient.layer),
    Layer.orDie
  )

/** Waits until something holds. */
export const until = <E, R>(what: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.flatMap(what, (holds) => holds ? Effect.void : Effect.zipRight(Effect.sleep(10), until(what)))

/** What is in Redis, by the last part of a key's name. */
export const lengths = (client: Client): Effect.Effect<Readonly<Record<string, number>>> =>
  Effect.promise(async () => {
    const keys = await client.sendCommand(["KEYS", "*"]) as ReadonlyArray<string>
    const streams = keys.filter((key) => !key.endsWith(":sizes"))
    return Object.fromEntries(
      await Promise.all(streams.map(async (key) => [
        key.slice(key.indexOf("}:") + 2),
        Number(await client.sendCommand(["XLEN", key]))
      ]))
    )
  })

/** An instance that lives until it is closed. */
export const start = (layer: Layer.Layer<PostHog.PostHog>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    const close = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => close)
    const run = <A, E>(self: Effect.Effect<A, E, PostHog.PostHog>): Effect.Effect<A, E> => Effect.provide(self, context)
    return { run, close }
  })

/** A Redis, started with these arguments, and a sink. */
export const world = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const redis = yield* Redis.startWith(...args)
    const client = yield* Redis.connect(redis)
    const sink = yield* Sink.make()
    const ask = (...parts: [string, ...Array<string>]): Effect.Effect<unknown> =>
      Effect.promise(() => client.sendCommand(parts))
    return { redis, client, sink, ask, send: sendBy(client) }
  })

/** Name of the stream of usual events. */
export const streamOf = (ask: (...parts: [string, ...Array<string>]) => Effect.Effect<unknown>) =>
  Effect.map(ask("KEYS", "*:events"), (keys) => (keys as ReadonlyArray<string>)[0]!)

/** Whether a command is a script of which this is a part. */
export const runs = (parts: ReadonlyArray<string>, text: string): boolean =>
  parts[0] === "EVAL" && parts[1]!.includes(text)
