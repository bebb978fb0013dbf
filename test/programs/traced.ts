/** Another process that goes on with a trace: with the carrier in its first argument. Prints the carrier for what comes after. */
import { Console, Effect } from "effect"
import { ErrorTracking, LlmAnalytics, PostHog, PostHogLive } from "effect-posthog"

const work = Effect.gen(function*() {
  yield* LlmAnalytics.generation({ model: "gpt-5-mini", provider: "openai", input: "the prompt", output: "the answer" })
  yield* ErrorTracking.capture(new Error("the tool broke"))
  return yield* PostHog.toCarrier
}).pipe(LlmAnalytics.withSpan("in another process"))

const program = Effect.flatMap(work, (carrier) => Console.log(JSON.stringify(carrier))).pipe(
  PostHog.withCarrier(JSON.parse(process.argv[2]!))
)

Effect.runPromise(program.pipe(Effect.provide(PostHogLive)))
