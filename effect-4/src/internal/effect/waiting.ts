/**
 * What fibers wait for. Hides how a `Deferred` is made and completed outside of an effect, how a stream is made of a
 * pull, and how one waits for an effect that cannot be interrupted.
 */
import * as Array from "effect/Array"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

export const makeDeferred = <A, E = never>(): Deferred.Deferred<A, E> => Deferred.makeUnsafe()

/**
 * Completes a Deferred within the call, unless it is complete. Whoever waits for it goes on within the call, too: what
 * it may look at is to be in order before.
 */
export const completeNow = <A, E>(deferred: Deferred.Deferred<A, E>, result: Effect.Effect<A, E>): void => {
  Deferred.doneUnsafe(deferred, result)
}

/** Whoever waits for it and is interrupted goes on at once, also while the effect does not end. */
export const disconnect = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      // Not `startImmediately`: an interruption that comes within this turn must find that nothing has begun.
      Effect.forkDetach(restore(self)),
      (fiber) => Effect.onInterrupt(restore(Fiber.join(fiber)), () => Effect.sync(() => fiber.interruptUnsafe()))
    )
  )

/** The stream of what `pull` gives, again and again, until it gives `undefined`. */
export const streamOf = <A, E, R>(
  pull: Effect.Effect<ReadonlyArray<A> | undefined, E, R>
): Stream.Stream<A, E, R> => {
  const next: Pull.Pull<Array.NonEmptyReadonlyArray<A>, E, void, R> = Effect.flatMap(pull, (some) =>
    some === undefined
      ? Cause.done()
      : Array.isReadonlyArrayNonEmpty(some)
      ? Effect.succeed(some)
      // A stream of Effect knows no empty chunks.
      : next)
  return Stream.fromPull(Effect.succeed(next))
}
