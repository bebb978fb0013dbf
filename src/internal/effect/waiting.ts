/**
 * What fibers wait for. Hides how a `Deferred` is made and completed outside of an effect, how a stream is made of a
 * pull, and how one waits for an effect that cannot be interrupted.
 */
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

export const makeDeferred = <A, E = never>(): Deferred.Deferred<A, E> => Deferred.unsafeMake(FiberId.none)

/** Completes a Deferred within the call, unless it is complete. */
export const completeNow = <A, E>(deferred: Deferred.Deferred<A, E>, result: Effect.Effect<A, E>): void =>
  Deferred.unsafeDone(deferred, result)

/** Whoever waits for it and is interrupted goes on at once, also while the effect does not end. */
export const disconnect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.disconnect

/** The stream of what `pull` gives, again and again, until it gives `undefined`. */
export const streamOf = <A, E, R>(
  pull: Effect.Effect<ReadonlyArray<A> | undefined, E, R>
): Stream.Stream<A, E, R> =>
  Stream.repeatEffectChunkOption(Effect.matchEffect(pull, {
    onSuccess: (some) => some === undefined ? Effect.fail(Option.none()) : Effect.succeed(Chunk.unsafeFromArray(some)),
    onFailure: (error) => Effect.fail(Option.some(error))
  }))
