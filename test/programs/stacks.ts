/**
 * Captures what a stack says that is given in JSON, as an error and as the plain value, and prints what would be sent.
 */
import { Effect } from "effect"
import { ErrorTracking, PostHogTest } from "effect-posthog"

interface Given {
  readonly stack: string
  readonly sourceRoots?: ReadonlyArray<string>
}

const { sourceRoots, stack } = JSON.parse(process.argv[2]!) as Given

const program = Effect.gen(function*() {
  yield* ErrorTracking.capture(Object.assign(new Error("given"), { stack }))
  yield* ErrorTracking.capture(JSON.parse(JSON.stringify({ message: "given", stack })))
  const exceptions = yield* PostHogTest.exceptions
  console.log(JSON.stringify(exceptions.map(({ list }) => list[0]!.stacktrace?.frames)))
})

Effect.runPromise(Effect.provide(program, PostHogTest.layer({ sourceRoots })))
