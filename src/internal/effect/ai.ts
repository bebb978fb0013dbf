/**
 * What models, streams and tools of `@effect/ai` are made of. Hides how a tracer is asked for a span, how a stream is
 * pulled, what a handler of a tool gives, and whether a model goes on while tools run.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"

/** A tracer that does as another one, and tells of the spans that it makes. Nobody else can tell the two apart. */
export const telling = (
  tracer: Tracer.Tracer,
  made: (name: string, span: Tracer.Span) => void
): Tracer.Tracer =>
  Tracer.make({
    span: (...args) => {
      const span = tracer.span(...args)
      made(args[0], span)
      return span
    },
    context: (f, fiber) => tracer.context(f, fiber)
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
        const cause = Cause.flatMap(exit.cause, Option.match({ onNone: () => Cause.empty, onSome: Cause.fail }))
        if (Cause.isEmpty(cause)) return watch.ended(Exit.void)
        // Of an interruption `closed` knows more: whether the consumer goes on.
        return Cause.isInterruptedOnly(cause) ? Effect.void : watch.ended(Exit.failCause(cause))
      })
    ))
  // Added first, so that it runs last: what was under way has been interrupted by then, and has said so.
  return Stream.fromPull(Effect.zipRight(Effect.addFinalizer(() => watch.closed), pull))
}

/** Runs a handler of a tool in a region, and tells how it ended: with the result that goes to the model. */
export const watchHandled = (
  handled: Effect.Effect<unknown, unknown, unknown>,
  region: Around,
  ended: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
): Effect.Effect<unknown, unknown, unknown> => Effect.onExit(region(handled), ended)

/** Whether a stream of a model goes on while tools run. If not, it waits for them. */
export const goesOnBesideTools = false

/** The model for which a layer was made, where `@effect/ai` knows it. */
export const modelNameIn = (_: Context.Context<never>): string | undefined => undefined
