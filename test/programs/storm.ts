/** A program in which everything goes wrong: 100,000 errors, each of a kind of its own, in a row and all at once. */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer, Logger } from "effect"
import { ErrorTracking, PostHog } from "effect-posthog"

const layer = ErrorTracking.layerLogger().pipe(
  // Everything else has its default.
  Layer.provideMerge(PostHog.layer({ apiKey: "phc_test", host: process.env.SINK!, sourceContext: false })),
  Layer.provide(FetchHttpClient.layer),
  // Below ours, which adds to what is there.
  Layer.provideMerge(Logger.remove(Logger.defaultLogger))
)

const failure = (index: number) => {
  const error = new Error(`failure ${index}`)
  error.name = `Kind${index}`
  error.stack = `${error.name}: ${error.message}\n    at f${index} (/srv/app/file${index}.js:${index}:1)`
  return error
}

const program = Effect.gen(function*() {
  for (let index = 0; index < 99_000; index++) yield* Effect.logError("failed", failure(index))
  yield* Effect.forEach(
    Array.from({ length: 1_000 }),
    (_, index) => Effect.ignore(ErrorTracking.captureErrors(Effect.fail(failure(99_000 + index)))),
    { concurrency: "unbounded" }
  )
  yield* Effect.ignore(PostHog.flush)
  process.stdout.write(`\n${JSON.stringify(yield* PostHog.stats)}\n`)
})

void Effect.runPromise(Effect.provide(program, layer))
