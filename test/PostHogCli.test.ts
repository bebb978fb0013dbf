/**
 * The preset for command line tools.
 */
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Fiber, Layer, TestClock } from "effect"
import { PostHog, PostHogCli, type PostHogError } from "effect-posthog"
import { read } from "../src/internal/effect/store.js"
import { run } from "./support/child.js"
import { isRunning, notPermitted, noValue } from "./support/effect.js"
import { FakeClient } from "./support/fakeClient.js"
import { limitMillis } from "./support/limit.js"
import { apiKey, captureMany, names, range, settle, stats } from "./support/posthog.js"
import * as Sink from "./support/sink.js"

const onCli = <R = never>(client: FakeClient, options: PostHogCli.Options<R> = {}) =>
  PostHogCli.layer({ apiKey, ...options }).pipe(Layer.provide(client.layer), Layer.orDie)

const withVariables = (variables: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

describe("PostHogCli.layer", () => {
  it.effect("events do not say that they come from a server, unless told to", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* captureMany(1).pipe(Effect.provide(onCli(client)))
      yield* captureMany(1).pipe(Effect.provide(onCli(client, { isServer: true })))
      assert.deepStrictEqual(client.accepted.map(({ properties }) => properties.$is_server), [undefined, true])
    }))

  it.effect("undefined options are as good as none", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* captureMany(1).pipe(Effect.provide(onCli(client, { isServer: undefined, consent: undefined })))
      assert.deepStrictEqual(client.accepted.map(({ properties }) => properties.$is_server), [undefined])
    }))

  for (const value of ["1", "true", "yes", "please"]) {
    it.effect(`DO_NOT_TRACK=${value}: nothing is taken, asked or sent, whatever the program says later`, () =>
      Effect.gen(function*() {
        const client = new FakeClient()
        let asked = false
        const consent = Effect.sync(() => asked = true)
        yield* Effect.gen(function*() {
          yield* captureMany(3)
          assert.isTrue(yield* PostHog.isOptedOut)
          yield* PostHog.optIn
          yield* captureMany(3)
          yield* PostHog.captureNow("now")
          yield* PostHog.flush
          assert.deepInclude(yield* stats, { accepted: 0, queued: 0, ignored: 7 })
        }).pipe(Effect.provide(onCli(client, { consent })), withVariables({ DO_NOT_TRACK: value }))
        assert.isFalse(asked)
        assert.strictEqual(client.requests.length, 0)
      }))
  }

  for (const value of ["", "0", "false", " False "]) {
    it.effect(`DO_NOT_TRACK="${value}" refuses nothing`, () =>
      Effect.gen(function*() {
        const client = new FakeClient()
        yield* captureMany(3).pipe(Effect.provide(onCli(client)), withVariables({ DO_NOT_TRACK: value }))
        assert.deepStrictEqual(names(client.accepted), range(3))
      }))
  }

  it.effect("no is no, and so is a question that fails or dies", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      for (const consent of [Effect.succeed(false), Effect.fail("no file"), Effect.die(new Error("broken"))]) {
        yield* Effect.gen(function*() {
          yield* captureMany(2)
          yield* PostHog.flush
          assert.deepInclude(yield* stats, { accepted: 0, queued: 0, ignored: 2 })
        }).pipe(Effect.provide(onCli(client, { consent })))
      }
      assert.strictEqual(client.requests.length, 0)
    }))

  it.effect("nothing is taken before the answer, which is asked for once", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      const answer = yield* Deferred.make<boolean>()
      let asked = 0
      const consent = Effect.zipRight(Effect.sync(() => asked++), Deferred.await(answer))
      const command = yield* Effect.fork(Effect.provide(captureMany(2), onCli(client, { consent })))
      yield* settle
      assert.strictEqual(asked, 1)
      assert.isTrue(isRunning(command))
      yield* Deferred.succeed(answer, true)
      yield* Fiber.join(command)
      assert.strictEqual(asked, 1)
      assert.deepStrictEqual(names(client.accepted), range(2))
    }))

  it.effect("a user who agrees later is counted from then on", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        yield* PostHog.optIn
        yield* captureMany(1, 1)
      }).pipe(Effect.provide(onCli(client, { consent: Effect.succeed(false) })))
      assert.deepStrictEqual(names(client.accepted), ["event 1"])
    }))

  it.effect("opting out empties the queue", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        yield* captureMany(5)
        yield* PostHog.optOut
        assert.deepInclude(yield* stats, { queued: 0, dropped: { opted_out: 5 } })
      }).pipe(Effect.provide(onCli(client)))
      assert.strictEqual(client.requests.length, 0)
    }))

  it.effect("a consent that is no Effect is a ConfigurationError", () =>
    Effect.gen(function*() {
      const layer = PostHogCli.layer({ apiKey, consent: true as never }).pipe(Layer.provide(new FakeClient().layer))
      const error = yield* Effect.flip(Layer.build(layer)).pipe(Effect.scoped)
      assert.deepInclude(error as PostHogError.ConfigurationError, { reason: "invalid_option", option: "consent" })
    }))
})

describe("the end of a command", () => {
  for (const [shutdownTimeout, millis] of [[undefined, 500], ["2 seconds", 2_000]] as const) {
    it.effect(`takes ${millis} ms at the most, given ${shutdownTimeout ?? "nothing"}`, () =>
      Effect.gen(function*() {
        const client = new FakeClient(() => "hang")
        const command = yield* Effect.fork(Effect.provide(captureMany(2), onCli(client, { shutdownTimeout })))
        yield* settle
        yield* TestClock.adjust(millis - 1)
        assert.isTrue(isRunning(command))
        yield* TestClock.adjust(1)
        yield* settle
        assert.isFalse(isRunning(command))
        assert.isAbove(client.requests.length, 0)
      }))
  }
})

describe("PostHogCli.withAnonymousId", () => {
  const store = KeyValueStore.layerMemory

  it.effect("a user is the same over all runs, and a random one", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      for (let i = 0; i < 2; i++) {
        yield* PostHog.capture("run").pipe(PostHogCli.withAnonymousId(), Effect.provide(onCli(client)))
      }
      yield* PostHog.capture("run").pipe(PostHogCli.withAnonymousId("other"), Effect.provide(onCli(client)))
      const [a, b, c] = client.accepted.map(({ distinct_id }) => distinct_id)
      assert.match(a!, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      assert.strictEqual(a, b)
      assert.notStrictEqual(a, c)
      const kept = yield* Effect.flatMap(KeyValueStore.KeyValueStore, (store) => read(store, "posthog-anonymous-id"))
      assert.strictEqual(kept, a)
    }).pipe(Effect.provide(store)))

  it.effect("nothing is kept of a user who has not agreed", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* PostHog.capture("run").pipe(
        PostHogCli.withAnonymousId(),
        Effect.provide(onCli(client, { consent: Effect.succeed(false) }))
      )
      assert.strictEqual(yield* Effect.flatMap(KeyValueStore.KeyValueStore, (store) => store.size), 0)
    }).pipe(Effect.provide(store)))

  it.effect("a store that does not work keeps no command from running", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      const broken = notPermitted()
      for (const get of [Effect.fail(broken), Effect.die(broken), noValue]) {
        yield* PostHog.capture("run").pipe(
          PostHogCli.withAnonymousId(),
          Effect.provide(onCli(client)),
          Effect.provideService(
            KeyValueStore.KeyValueStore,
            { get: () => get, set: () => Effect.fail(broken) } as never
          )
        )
      }
      assert.strictEqual(new Set(client.accepted.map(({ distinct_id }) => distinct_id)).size, 3)
    }))
})

describe("a command", () => {
  const command = (host: string, env: Readonly<Record<string, string>> = {}, ...args: ReadonlyArray<string>) =>
    Effect.promise(() => run("test/programs/cli.ts", { args: [host, ...args], env }))

  it.scopedLive("sends its events before it ends", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      // The usual half second may be short for the first request of a process on a machine that is busy.
      const { code, stderr, stdout } = yield* command(sink.url, {}, String(limitMillis))
      assert.deepStrictEqual([code, stdout, stderr], [0, "done\n", ""])
      assert.strictEqual(sink.accepted.length, 5)
    }), limitMillis)

  it.scopedLive("makes no request where DO_NOT_TRACK is set, and says nothing about it", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const { code, stderr, stdout } = yield* command(sink.url, { DO_NOT_TRACK: "1" })
      assert.deepStrictEqual([code, stdout, stderr], [0, "done\n", ""])
      assert.strictEqual(sink.requests.length, 0)
    }), limitMillis)

  it.scopedLive("is not kept from ending by a PostHog that never answers", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.hang })
      // That it has ended says that the budget of half a second has ended it: the request alone would have waited for an hour.
      const { code, stderr } = yield* command(sink.url)
      assert.deepStrictEqual([code, stderr], [0, ""])
    }), limitMillis)
})
