/**
 * Somebody sets the time of day, forth and back by days, while events wait for everything they can wait for: nothing that is due depends on it.
 */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { PostHog } from "effect-posthog"
import { layerLogger, withSeed } from "../support/effect.js"
import { type Answer, FakeClient } from "../support/fakeClient.js"
import { onFake } from "../support/posthog.js"
import { random } from "../support/random.js"
import { settled, VirtualTime } from "../support/virtualTime.js"

const day = 24 * 3_600_000

const script: ReadonlyArray<Answer> = [
  "refused",
  { status: 503 },
  { status: 429, headers: { "retry-after": "7" } },
  "hang",
  // The retries are used up: a pause, a small request that fails, another pause.
  { status: 503 },
  "refused",
  { status: 200, delay: 2_000 },
  { status: 200, delay: 500 }
]

/** What happens, and when, if the clock is set by `jump` in each second. */
const scenario = async (jump: () => number) => {
  const time = new VirtualTime()
  const client = new FakeClient()
  client.next(...script)
  const scope = await Effect.runPromise(Scope.make())
  const options = {
    flushAt: 20,
    flushInterval: "5 seconds",
    maxRetries: 3,
    requestTimeout: "4 seconds",
    retryPause: "20 seconds",
    shutdownTimeout: "10 seconds",
    compression: false
  } as const
  const service = await Effect.runPromise(
    Layer.buildWithScope(onFake(client, options), scope).pipe(
      Effect.map(Context.get(PostHog.PostHog)),
      Effect.provide(layerLogger(() => {})),
      withSeed("clock"),
      time.on
    )
  )
  const happened: Array<readonly [number, ReadonlyArray<unknown>]> = []
  let requests = 0
  const look = () => {
    for (; requests < client.requests.length; requests++) {
      happened.push([Math.round(time.now), client.requests[requests]!.events.map(({ properties }) => properties.i)])
    }
  }
  /** To the millisecond, because the time of the client is that of the day. */
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds * 20; i++) {
      if (i % 20 === 0) time.setBy(jump())
      await time.advance(50)
      look()
    }
  }
  for (let i = 0; i < 30; i++) {
    Effect.runFork(service.capture("event", { i }, { distinctId: "u" }).pipe(time.on))
    await pass(i % 3)
  }
  await pass(150)
  for (let i = 30; i < 40; i++) Effect.runFork(service.capture("event", { i }, { distinctId: "u" }).pipe(time.on))
  client.next({ status: 503 })
  const closing = Effect.runPromise(Scope.close(scope, Exit.void).pipe(time.on))
  await pass(10)
  await closing
  await settled()
  assert.strictEqual(time.sleeping, 0)
  return { happened, stats: await Effect.runPromise(service.stats) }
}

it("the same requests are made at the same moments, whatever the time of day is said to be", async () => {
  const undisturbed = await scenario(() => 0)
  assert.deepInclude(undisturbed.stats, { accepted: 40, delivered: 40, queued: 0, inFlight: 0, dropped: {} })
  for (const seed of [1, 2, 3]) {
    const { below } = random(seed)
    // Back only: a clock that is ahead may mean that the process stood still, see `Elapsed`.
    assert.deepStrictEqual(await scenario(() => -below(3 * day)), undisturbed)
    const { delivered, dropped } = (await scenario(() => below(6 * day) - 3 * day)).stats
    assert.deepStrictEqual({ delivered, dropped }, { delivered: 40, dropped: {} })
  }
}, 120_000)
