/**
 * A program with an outbox on disk that is killed, or ends in the way its fifth argument says. Bundled and run by `support/kills.ts`, in
 * processes of their own. What it prints is written before it goes on: `A id` when `captureDurable` has returned for an event, `P id` when
 * `capture` has, `T` when a turn of the event loop is over since.
 */
import { Effect, Layer, Stream } from "effect"
import { DurableOutbox, PostHog, PostHogClient } from "effect-posthog"
import { writeSync } from "node:fs"

const [, , host, directory, sync, run, way] = process.argv as unknown as Array<string> & { readonly length: 7 }

const PostHogHere = PostHog.layer({
  apiKey: "phc_test",
  host: host!,
  flushInterval: "50 millis",
  retryPause: "100 millis",
  maxRetries: 2,
  maxBatchSize: 500,
  shutdownTimeout: "200 millis"
}).pipe(
  Layer.provide(DurableOutbox.layerFile({
    directory: directory!,
    sync: sync === "never" ? "never" : Number(sync),
    segmentBytes: 128 * 1024
  })),
  Layer.provide(PostHogClient.layer)
)

const say = (text: string): void => {
  writeSync(1, text)
}

const properties = (id: string) => ({
  id,
  total: 42.5,
  currency: "EUR",
  coupon: null,
  path: "/checkout/complete",
  padding: "x".repeat(150)
})

let made = 0

const capture = (id: string) => PostHog.capture("order completed", properties(id), { distinctId: "user" })

const durably = Effect.forever(Effect.gen(function*() {
  const ids = Array.from({ length: 1 + Math.floor(Math.random() * 20) }, () => `${run}-${made++}`)
  yield* Effect.forEach(
    ids,
    (id) =>
      Effect.zipRight(
        PostHog.captureDurable("order completed", properties(id), { distinctId: "user" }),
        Effect.sync(() => say(`A ${id}\n`))
      ),
    { concurrency: "unbounded" }
  )
  yield* Effect.sleep(Math.random() * 3)
}))

const plainly = Effect.forever(Effect.gen(function*() {
  for (let i = 0; i < 50; i++) {
    const id = `${run}-${made++}`
    yield* capture(id)
    say(`P ${id}\n`)
  }
  yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  say("T\n")
  yield* Effect.sleep(Math.random() * 20)
}))

const storm = Effect.all([durably, durably, durably, plainly], { concurrency: "unbounded" })

/** Tells what the disk says, and captures until the process is killed, whatever becomes of single events. */
const limited = Effect.gen(function*() {
  const diagnostics = Stream.runForEach(PostHog.diagnostics, (diagnostic) =>
    Effect.sync(() => {
      if (diagnostic._tag.startsWith("Storage")) say(`D ${JSON.stringify(diagnostic)}\n`)
    }))
  yield* Effect.forkScoped(diagnostics)
  yield* Effect.yieldNow()
  say("R\n")
  for (;;) {
    const id = `${run}-${made++}`
    const captured = PostHog.captureDurable("order completed", properties(id), { distinctId: "user" })
    yield* Effect.match(captured, { onSuccess: () => say(`A ${id}\n`), onFailure: () => {} })
    yield* Effect.sleep(1)
  }
})

const deliver = Effect.gen(function*() {
  yield* Effect.retry(PostHog.flush, { times: 200 })
  say(`S ${JSON.stringify(yield* PostHog.stats)}\n`)
})

/** Captures in the turn in which the process ends. */
const last = (end: () => void) =>
  Effect.gen(function*() {
    const service = yield* PostHog.PostHog
    const now = (): void => {
      for (let i = 0; i < 20; i++) {
        const id = `${run}-${made++}`
        Effect.runSync(Effect.provideService(capture(id), PostHog.PostHog, service))
        say(`P ${id}\n`)
      }
      end()
    }
    if (way === "term") process.once("SIGTERM", now)
    else setTimeout(now)
    say("R\n")
    return yield* Effect.never
  })

const ways: Readonly<Record<string, Effect.Effect<unknown, unknown, PostHog.PostHog>>> = {
  storm: Effect.zipRight(Effect.sync(() => say("R\n")), storm),
  limited: Effect.scoped(limited),
  deliver,
  idle: PostHog.captureDurable("order completed", properties(`${run}-idle`)).pipe(
    Effect.zipRight(Effect.sync(() => say(`A ${run}-idle\nR\n`))),
    Effect.zipRight(Effect.never)
  ),
  exit: last(() => process.exit(0)),
  term: last(() => process.exit(0)),
  throw: last(() => {
    throw new Error("expected")
  })
}

// The parent's end is the end.
const alive = setInterval(() => {}, 1_000)

void Effect.runPromise(Effect.ensuring(
  Effect.scoped(Effect.provide(ways[way!]!, PostHogHere)),
  Effect.sync(() => clearInterval(alive))
)).catch((error: unknown) => {
  writeSync(2, `${String(error)}\n`)
  process.exitCode = 3
})
