/**
 * What models, streams and tools of `effect/ai` are made of. Hides how a tracer is asked for a span, how a stream is
 * pulled, what a handler of a tool gives, and whether a model goes on while tools run.
 */
import * as Model from "effect/ai/Model"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { read } from "../../core/guard.js"

/** A tracer that does as another one, and tells of the spans that it makes. Nobody else can tell the two apart. */
export const telling = (
  tracer: Tracer.Tracer,
  made: (name: string, span: Tracer.Span) => void
): Tracer.Tracer =>
  Tracer.make({
    span: (options) => {
      const span = tracer.span(options)
      made(options.name, span)
      return span
    },
    context: tracer.context === undefined ? undefined : (primitive, fiber) => tracer.context!(primitive, fiber)
  })

type Around = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** What is done with the parts of a stream, and when it ends. */
export interface Watch<A> {
  readonly parts: (parts: Iterable<A>) => void
  /** The stream itself has ended, or failed. */
  readonly ended: (exit: Exit.Exit<void, unknown>) => Effect.Effect<void>
  /** The consumer has ended it, or whoever has interrupted that. Also called after `ended`. */
  readonly closed: Effect.Effect<void>
}

/**
 * A stream that is watched. `around` is in force while the stream is asked for its next parts, and not in between,
 * where the consumer's code runs.
 */
export const watchStream = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  around: Around,
  watch: Watch<A>
): Stream.Stream<A, E, R> => {
  const pull = Effect.map(around(Stream.toPull(stream)), (pull) =>
    pull.pipe(
      around,
      Effect.onExit((exit) => {
        if (Exit.isSuccess(exit)) {
          watch.parts(exit.value)
          return Effect.void
        }
        // What is no failure is the end.
        const end = Pull.filterDone(exit.cause)
        if (Result.isSuccess(end)) return watch.ended(Exit.void)
        // Of an interruption `closed` knows more: whether the consumer goes on.
        return Cause.hasInterruptsOnly(end.failure) ? Effect.void : watch.ended(Exit.failCause(end.failure))
      })
    ))
  // Added first, so that it runs last: what was under way has been interrupted by then, and has said so.
  return Stream.scoped(Stream.fromPull(Effect.andThen(Effect.addFinalizer(() => watch.closed), pull)))
}

/**
 * Runs a handler of a tool in a region, and tells how it ended: with the result that goes to the model. A handler gives
 * a stream, whose last result is the one; those before it say how far it is.
 */
export const watchHandled = (
  handled: Effect.Effect<unknown, unknown, unknown>,
  region: Around,
  ended: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
): Effect.Effect<unknown, unknown, unknown> =>
  Effect.suspend(() => {
    let last: unknown
    let isDone = false
    const once = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
      if (isDone) return Effect.void
      isDone = true
      return ended(Exit.isSuccess(exit) ? Exit.succeed(last) : exit)
    }
    const seen = (results: unknown): unknown =>
      Stream.isStream(results)
        ? results.pipe(
          Stream.map((result: unknown) => {
            if (read(result, "preliminary") !== true) last = result
            return result
          }),
          Stream.onExit(once)
        )
        : results
    return region(handled).pipe(
      Effect.onExit((exit) => Exit.isSuccess(exit) && Stream.isStream(exit.value) ? Effect.void : once(exit)),
      Effect.map(seen)
    )
  })

/** Whether a stream of a model goes on while tools run. If not, it waits for them. */
export const goesOnBesideTools = true

/** The model for which a layer was made, where `effect/ai` knows it. */
export const modelNameIn = (context: Context.Context<never>): string | undefined =>
  Context.getOrUndefined(context, Model.ModelName)
