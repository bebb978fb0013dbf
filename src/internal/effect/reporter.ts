/**
 * Effect's reporters of errors, which servers of HTTP and RPC tell what a handler fails with. Hides that Effect 3 has
 * none: here nobody is told anything.
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Fiber } from "./fiber.js"

/** Told of a failure, in the fiber that reports it. Must not throw. */
export type Reporter = (cause: Cause.Cause<unknown>, fiber: Fiber) => void

/** A layer that also adds a reporter to those of the program. */
export const withReporter = <A, E, R, E2, R2>(
  layer: Layer.Layer<A, E, R>,
  _make: () => Effect.Effect<Reporter, E2, R2>
): Layer.Layer<A, E | E2, R | Exclude<R2, Scope.Scope>> => layer

/** Whether an error says that it is not to be reported. */
export const isIgnored = (_: unknown): boolean => false

/** The level that an error gives itself. */
export const severityOf = (_: unknown): string | undefined => undefined

/** What an error says about itself to reporters. */
export const attributesOf = (_: unknown): object | undefined => undefined
