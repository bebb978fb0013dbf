/**
 * Effect's reporters of errors, which servers of HTTP and RPC tell what a handler fails with. Hides how one is added,
 * and how errors say what becomes of them.
 *
 * `ErrorReporter.make` is not used: it gives a copy of the error, and takes a failure that says nothing for one of
 * level Info.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as ErrorReporter from "effect/ErrorReporter"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { isObject, read } from "../../core/guard.js"
import type { Fiber } from "./fiber.js"

/** Told of a failure, in the fiber that reports it. Must not throw. */
export type Reporter = (cause: Cause.Cause<unknown>, fiber: Fiber) => void

/** A layer that also adds a reporter to those of the program, for what the layer is provided to. */
export const withReporter = <A, E, R, E2, R2>(
  layer: Layer.Layer<A, E, R>,
  make: () => Effect.Effect<Reporter, E2, R2>
): Layer.Layer<A, E | E2, R | Exclude<R2, Scope.Scope>> =>
  Layer.merge(
    layer,
    ErrorReporter.layer(
      [
        Effect.map(make(), (report): ErrorReporter.ErrorReporter => ({
          [ErrorReporter.TypeId]: ErrorReporter.TypeId,
          report: ({ cause, fiber }) => report(cause, fiber)
        }))
      ],
      { mergeWithExisting: true }
    )
  )

/** Whether an error says that it is not to be reported. Responses that are failures say so, too. */
export const isIgnored = (error: unknown): boolean => isObject(error) && read(error, ErrorReporter.ignore) === true

/** The level that an error gives itself. */
export const severityOf = (error: unknown): string | undefined => {
  const severity = isObject(error) ? read(error, ErrorReporter.severity) : undefined
  return typeof severity === "string" ? severity : undefined
}

/** What an error says about itself to reporters. */
export const attributesOf = (error: unknown): object | undefined => {
  const attributes = isObject(error) ? read(error, ErrorReporter.attributes) : undefined
  return isObject(attributes) ? attributes : undefined
}
