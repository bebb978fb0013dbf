/**
 * A language model of `@effect/ai` whose calls are captured.
 */
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isList, read } from "../../../core/guard.js"
import { answerOf, PartsReader } from "../../../core/llm/effectAi/answer.js"
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

/**
 * A method that streams, with its calls captured. What concerns a call is in force while the model is asked for the
 * next parts, and not in between, where the consumer's code runs.
 */
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
  const pull = Effect.map(
    call.around(Stream.toPull(stream)),
    (pull) => pull.pipe(call.around, Effect.onExit((exit) => see(call, reader, exit)))
  )
  return Stream.fromPull(
    // Added first, so that it runs last: what was under way has been interrupted by then, and has said so.
    Effect.zipRight(Effect.addFinalizer(() => cutOff(call, reader)), pull)
  )
}

/** Looks at what one pull gave. */
const see = (
  call: AiCall,
  reader: PartsReader,
  exit: Exit.Exit<Chunk.Chunk<unknown>, Option.Option<unknown>>
): Effect.Effect<void> => {
  if (Exit.isSuccess(exit)) {
    for (const part of exit.value) if (reader.read(part)) call.token()
    return Effect.void
  }
  // What is no failure is the end.
  const cause = Cause.flatMap(exit.cause, Option.match({ onNone: () => Cause.empty, onSome: Cause.fail }))
  // The finalizer knows whether the consumer goes on.
  if (Cause.isInterruptedOnly(cause) && !Cause.isEmpty(cause)) return Effect.void
  const answer = reader.answer()
  const ending = endingOf(Cause.isEmpty(cause) ? Exit.void : Exit.failCause(cause), call, answer)
  // An error among the parts came after the provider had begun to answer.
  return call.finish(answer.failure === undefined ? ending : { httpStatus: 200, ...ending })
}

/** The consumer has seen enough, or was interrupted. */
const cutOff = (call: AiCall, reader: PartsReader): Effect.Effect<void> =>
  Effect.suspend(() => {
    const answer = reader.answer()
    return call.finish({ answer: { ...answer, stopReason: answer.stopReason ?? interrupted } })
  })
