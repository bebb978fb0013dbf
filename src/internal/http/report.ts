/**
 * What is captured about a request: what its handler failed with, and that it was answered.
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import { aside, ordinary } from "../capture.js"
import { type State, withState } from "../context.js"
import { clockOf, fiberName, type Origin, withFiber } from "../effect/fiber.js"
import { middleware } from "../exceptions/reporters.js"
import { send } from "../exceptions/tracker.js"
import { instanceOf, type Service } from "../instance.js"
import { monotonicMillis } from "../monotonic.js"

/** The response does not wait for what is captured, and where it comes from is the handler. */
export const captureError = (
  service: Service,
  stateOf: () => State | undefined,
  cause: Cause.Cause<unknown>,
  status: number | undefined
): Effect.Effect<void> =>
  withFiber((fiber) =>
    aside(
      send(instanceOf(service), withState(fiber, stateOf()), {
        reporter: middleware,
        given: cause,
        level: "error",
        properties: { $response_status_code: status },
        fiberId: fiberName(fiber)
      })
    )
  )

/**
 * Milliseconds of a clock that cannot be set back: how long something takes is no matter of the time of day. Whole, as
 * before.
 */
export const elapsedOf = (origin: Origin): number => Math.floor(monotonicMillis(clockOf(origin)))

export const captureEnd = (
  service: Service,
  stateOf: () => State | undefined,
  event: string,
  status: number | undefined,
  begin: number
): Effect.Effect<void> =>
  withFiber((fiber) => {
    const properties = { $response_status_code: status, duration_ms: Math.max(elapsedOf(fiber) - begin, 0) }
    const { door } = instanceOf(service)
    return aside(
      door.capture(withState(fiber, stateOf()), {
        event,
        properties,
        subject: undefined,
        options: undefined,
        kind: ordinary
      })
    )
  })
