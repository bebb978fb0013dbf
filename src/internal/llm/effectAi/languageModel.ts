/**
 * A language model of `@effect/ai` whose calls are captured.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { isList, read } from "../../../core/guard.js"
import { answerOf, PartsReader } from "../../../core/llm/effectAi/answer.js"
import { goesOnBesideTools, watchStream } from "../../effect/ai.js"
import { withFiber } from "../../effect/fiber.js"
import { type AiCall, begin, endingOf, interrupted, type ModelOptions } from "./call.js"
import type { Source } from "./source.js"
import { watchToolkit } from "./toolkit.js"

/** The options that the model is given in the place of the program's. */
const watched = (source: Source, call: AiCall): ModelOptions =>
  call.options.toolkit === undefined
    ? call.options
    : { ...call.options, toolkit: watchToolkit(call, source.options, call.options.toolkit) }

type Plain = (options: never) => Effect.Effect<unknown, unknown, unknown>
type Streamed = (options: never) => Stream.Stream<unknown, unknown, unknown>

/**
 * A method that gives the answer at once, with its calls captured. Its type stays what it is: options and results are
 * those of the model, and only looked at.
 */
export function plain<F extends Plain>(source: Source, method: "generateText" | "generateObject", inner: F): F
export function plain(source: Source, method: "generateText" | "generateObject", inner: Plain) {
  return (options: ModelOptions) =>
    withFiber<unknown, unknown, unknown>((fiber) => {
      const call = begin(source, fiber, method, options)
      if (call === undefined) return inner(options as never)
      return Effect.suspend(() => inner(watched(source, call) as never)).pipe(
        call.around,
        Effect.onExit((exit) => {
          const parts = Exit.isSuccess(exit) ? read(exit.value, "content") : undefined
          return call.finish(endingOf(exit, call, isList(parts) ? answerOf(parts, call.said, call.whole) : {}))
        })
      )
    })
}

/** A method that streams, with its calls captured. */
export function streamed<F extends Streamed>(source: Source, inner: F): F
export function streamed(source: Source, inner: Streamed) {
  return (options: ModelOptions) =>
    Stream.unwrap(withFiber<Stream.Stream<unknown, unknown, unknown>>((fiber) => {
      const call = begin(source, fiber, "streamText", options)
      return Effect.succeed(
        call === undefined
          ? inner(options as never)
          : observed(call, Stream.suspend(() => inner(watched(source, call) as never)))
      )
    }))
}

const observed = <A, E, R>(call: AiCall, stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> => {
  const reader = new PartsReader(() => call.said, call.limit, call.whole)
  return watchStream(stream, call.around, {
    parts: (parts) => {
      for (const part of parts) {
        if (reader.read(part)) call.token()
        if (goesOnBesideTools && isProviders(part)) call.goesOn()
      }
    },
    ended: (exit) => {
      const answer = reader.answer()
      const ending = endingOf(exit, call, answer)
      // An error among the parts came after the provider had begun to answer.
      return call.finish(answer.failure === undefined ? ending : { httpStatus: 200, ...ending })
    },
    // The consumer has seen enough, or was interrupted.
    closed: Effect.suspend(() => {
      const answer = reader.answer()
      return call.finish({ answer: { ...answer, stopReason: answer.stopReason ?? interrupted } })
    })
  })
}

/** Whether a part is the provider's, and comes when it says it: the last one is held back until the tools are done. */
const isProviders = (part: unknown): boolean => {
  const type = read(part, "type")
  return type !== "finish" && type !== "tool-approval-request" &&
    (type !== "tool-result" || read(part, "providerExecuted") === true)
}
