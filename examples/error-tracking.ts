/**
 * A program that fails in six ways, and what PostHog gets to see of it.
 *
 *   npx tsx examples/error-tracking.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Data, Effect, Layer, Logger } from "effect"
import { ErrorTracking, PostHog, PostHogClient } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"

class Declined extends Data.TaggedError("Declined")<{ readonly message: string; readonly order: string }> {}

const ways: Readonly<Record<string, Effect.Effect<unknown, unknown>>> = {
  "a typed failure in a span": Effect.fail(new Declined({ message: "card refused", order: "ord_1" })).pipe(
    Effect.withSpan("charge")
  ),
  "a defect": Effect.sync(() => {
    throw new TypeError("undefined is not a price")
  }),
  "a failure with a cause": Effect.fail(new Error("no receipt", { cause: new RangeError("page 0") })),
  // Each waits a little, so that both have begun when the first fails.
  "two at once": Effect.all([
    Effect.delay(Effect.fail(new Declined({ message: "again", order: "ord_2" })), "1 millis"),
    Effect.delay(Effect.die(new Error("boom")), "1 millis")
  ], {
    concurrency: 2
  }).pipe(Effect.uninterruptible),
  "a failure and a finalizer": Effect.fail(new Error("upload")).pipe(Effect.ensuring(Effect.die(new Error("cleanup")))),
  "a plain text": Effect.fail("disk full")
}

const program = Effect.gen(function*() {
  const host = yield* PostHogServer.url
  yield* Effect.forEach(Object.values(ways), (way) => Effect.exit(ErrorTracking.captureErrors(way))).pipe(
    PostHog.withDistinctId("ada"),
    Effect.provide(PostHog.layer({ apiKey: "phc_errors", host }))
  )
  for (const [index, { properties }] of (yield* PostHogServer.events).entries()) {
    yield* Console.log(`${Object.keys(ways)[index]}:`)
    for (const { mechanism, stacktrace, type, value } of properties.$exception_list) {
      const place = stacktrace?.frames.filter((frame: { in_app: boolean }) => frame.in_app).at(-1)
      const where = place === undefined ? "" : `  at ${place.filename}:${place.lineno}`
      yield* Console.log(`  ${"  ".repeat(mechanism.parent_id === undefined ? 0 : 1)}${type}: ${value}${where}`)
    }
  }
})

const Here = Layer.mergeAll(PostHogServer.layer(), PostHogClient.layer, Logger.remove(Logger.defaultLogger))

NodeRuntime.runMain(Effect.provide(program, Here))
