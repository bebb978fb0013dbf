/**
 * An effect that must not be taken for its value.
 */
import type * as Effect from "effect/Effect"

/**
 * An effect that gives a value when it is run: `yield* flags.isEnabled("beta")`. Taken for the value itself, as in
 * `if (flags.isEnabled("beta"))`, it would always be true, so that the compiler refuses it as a condition (TS2801).
 *
 * @since 0.1.0
 * @category models
 */
export interface Unrun<out A, out E = never, out R = never> extends Effect.Effect<A, E, R> {
  /**
   * Not there. By it the compiler knows that `if (…)` is a mistake, as it does for promises that nobody awaits; and it
   * says the truth about `await`, which gives the effect.
   *
   * @deprecated write `yield*`, or run the effect
   */
  readonly then: (onfulfilled: (value: Effect.Effect<A, E, R>) => unknown) => unknown
}

/** The effect as one; nothing is added to it. */
export const unrun = <A, E, R>(effect: Effect.Effect<A, E, R>): Unrun<A, E, R> => effect as Unrun<A, E, R>
