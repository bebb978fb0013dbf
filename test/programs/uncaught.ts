/** A program with something that nobody catches, in the way that its argument says. */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer } from "effect"
import { ErrorTracking, PostHog } from "effect-posthog"

const how = process.argv[2]
const error = new RangeError("nobody caught this")

const layer = ErrorTracking.layerProcess().pipe(
  Layer.provideMerge(PostHog.layer({ apiKey: "phc_test", host: process.env.SINK! })),
  Layer.provide(FetchHttpClient.layer)
)

if (how === "listen") {
  process.on("uncaughtException", () => {
    setTimeout(() => {
      console.log("went on")
      finish()
    }, 50)
  })
}
let finish = () => {}
const done = new Promise<void>((resolve) => {
  finish = resolve
})

void Effect.runPromise(
  Effect.gen(function*() {
    setImmediate(() => {
      if (how === "reject") void Promise.reject(error)
      else throw error
    })
    yield* Effect.promise(() => done)
  }).pipe(Effect.provide(layer))
)
