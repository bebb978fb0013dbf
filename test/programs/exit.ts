/**
 * A program that captures a few events and ends in the way its first argument says. Run by exit.test.ts in a process of its own, with the host and,
 * where the host does not answer, the budget for closing. Otherwise that is so long that no machine is too busy to send something.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Effect, Layer, Logger, LogLevel, ManagedRuntime } from "effect"
import { LocalEvaluation, PostHog } from "effect-posthog"

type Budget = "2 seconds" | "10 seconds"

const [, , way, host, shutdownTimeout = "10 minutes"] = process.argv as [string, string, string, string?, Budget?]

const PostHogHere = PostHog.layer({
  apiKey: "phc_test",
  secretKey: "phs_test",
  enabled: host !== undefined,
  shutdownTimeout,
  // So long that a process which waits for one of them does not end within its test.
  flushInterval: "1 hour",
  requestTimeout: "1 hour",
  ...(host === undefined ? undefined : { host })
}).pipe(Layer.provide(FetchHttpClient.layer))

const capture = Effect.gen(function*() {
  for (let i = 0; i < 5; i++) yield* PostHog.capture(`event ${i}`, {}, { distinctId: "u" })
})

/** Says that the events are captured, and waits for the signal that the parent sends then. */
const waitForSignal = Effect.zipRight(Effect.sync(() => process.stdout.write("ready\n")), Effect.never)

const quiet = Logger.minimumLogLevel(LogLevel.None)

const main = (program: Effect.Effect<unknown, unknown, PostHog.PostHog>) =>
  NodeRuntime.runMain(Effect.provide(program, PostHogHere).pipe(Effect.provide(quiet)), { disablePrettyLogger: true })

switch (way) {
  case "success":
    main(capture)
    break
  case "failure":
    main(Effect.zipRight(capture, Effect.fail("expected failure")))
    break
  case "defect":
    main(Effect.zipRight(capture, Effect.die(new Error("expected defect"))))
    break
  case "interruption":
    main(Effect.zipRight(capture, Effect.interrupt))
    break
  case "signal":
    main(Effect.zipRight(capture, waitForSignal))
    break
  case "signal during a flush":
    main(Effect.zipRight(capture, Effect.zipRight(Effect.fork(Effect.ignore(PostHog.flush)), waitForSignal)))
    break
  case "process.exit": {
    // As a program does that has an exit code of its own: dispose first, then leave.
    const runtime = ManagedRuntime.make(PostHogHere)
    await runtime.runPromise(capture)
    await runtime.dispose()
    process.exit(7)
    break
  }
  case "idle": {
    // Nothing is queued, and nobody disposes of the runtime: the process ends by itself.
    const runtime = ManagedRuntime.make(PostHogHere)
    await runtime.runPromise(PostHog.stats)
    break
  }
  case "idle after sending": {
    const runtime = ManagedRuntime.make(PostHogHere)
    await runtime.runPromise(Effect.zipRight(capture, PostHog.flush))
    break
  }
  case "polling": {
    // Definitions are loaded, the next load is an hour away, and nobody disposes of the runtime.
    const runtime = ManagedRuntime.make(
      LocalEvaluation.layer({ pollingInterval: "1 hour" }).pipe(Layer.provideMerge(PostHogHere))
    )
    await runtime.runPromise(LocalEvaluation.awaitReady())
    const { nextLoadAt } = await runtime.runPromise(LocalEvaluation.status)
    console.log(nextLoadAt === undefined ? "no poller" : "polling")
    break
  }
  default:
    throw new Error(`unknown way to end: ${way}`)
}
