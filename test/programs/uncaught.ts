/**
 * A program with something that nobody catches, in the way that its first argument says; the second one says for how long its end is held up, if
 * not so long that no machine is too busy to send something. A request alone may take an hour.
 */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer } from "effect"
import { ErrorTracking, PostHog } from "effect-posthog"

const [, , how, timeout = "10 minutes"] = process.argv as [string, string, string, ("2 seconds" | undefined)?]
const host = process.env.SINK!
const hour = { requestTimeout: "1 hour", shutdownTimeout: "1 hour" } as const
const error = new RangeError("nobody caught this")

const layer = ErrorTracking.layerProcess({ timeout }).pipe(
  Layer.provideMerge(PostHog.layer({ apiKey: "phc_test", host, ...hour })),
  Layer.provide(FetchHttpClient.layer)
)

class Second extends PostHog.Instance<Second>()("Second") {}

/** A second instance that observes the same process. */
const second = ErrorTracking.layerProcess({ timeout }).pipe(
  Layer.provide(Layer.effect(PostHog.PostHog, Second)),
  Layer.provide(PostHog.layerInstance(Second, { apiKey: "phc_second", host, ...hour })),
  Layer.provide(FetchHttpClient.layer)
)

let finish = () => {}
const done = new Promise<void>((resolve) => {
  finish = resolve
})
const goOn = () => {
  setImmediate(() => {
    console.log("went on")
    finish()
  })
}
if (how === "listen") process.on("uncaughtException", goOn)
if (how === "listenForRejections") process.on("unhandledRejection", goOn)
// Node was told to let rejections pass, and shows a warning.
if (how === "tolerate") process.on("warning", goOn)

void Effect.runPromise(
  Effect.gen(function*() {
    if (how === "stopListening") {
      // Whoever stops listening leaves Node with its own decision again.
      process.on("unhandledRejection", goOn)
      process.off("unhandledRejection", goOn)
    }
    setImmediate(() => {
      if (how === "andMore") setImmediate(() => void Promise.reject(new TypeError("nor this")))
      if (how === "throw" || how === "listen" || how === "andMore") throw error
      void Promise.reject(error)
    })
    yield* Effect.promise(() => done)
  }).pipe(Effect.provide(how === "twice" ? Layer.merge(layer, second) : layer))
)
