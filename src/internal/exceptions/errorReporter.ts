/**
 * What Effect's reporters of errors are told, as exceptions. Only Effect 4 has such reporters.
 */
import * as Effect from "effect/Effect"
import { type Properties, setMember } from "../../core/event/layers.js"
import { toLevel } from "../../core/exceptions/level.js"
import { filterCause, isInterruption, thrownBy } from "../effect/cause.js"
import { fiberName } from "../effect/fiber.js"
import { attributesOf, isIgnored, type Reporter, severityOf } from "../effect/reporter.js"
import type { Instance } from "../instance.js"
import { limited } from "./fields.js"
import * as Reporters from "./reporters.js"
import { withoutResponses } from "./responses.js"
import { send } from "./tracker.js"

/** More failures of a Cause are not asked for what they say about themselves. */
const maxAsked = 50

/** What the errors say about themselves, of each name the first. What cannot be read is left out. */
const attributesIn = (thrown: ReadonlyArray<unknown>): Properties => {
  const all: Record<string, unknown> = {}
  for (const error of thrown) {
    try {
      for (const [name, value] of Object.entries(attributesOf(error) ?? {})) {
        if (!Object.hasOwn(all, name)) setMember(all, name, value)
      }
    } catch {
      // A getter that throws, or a revoked Proxy.
    }
  }
  return limited(all)
}

export const makeErrorReporter = (instance: Instance): Reporter => (cause, fiber) => {
  try {
    if (instance.state() !== "open" || instance.active?.options.errorTracking !== true) return
    const kept = withoutResponses(filterCause(cause, isIgnored))
    // Also when nothing is left.
    if (isInterruption(kept)) return
    const thrown = thrownBy(kept).slice(0, maxAsked)
    const captured = send(instance, fiber, {
      given: kept,
      reporter: Reporters.errorReporter,
      level: thrown.map((error) => toLevel(severityOf(error))).find((level) => level !== undefined) ?? "error",
      properties: attributesIn(thrown),
      fiberId: fiberName(fiber)
    })
    // Waits only under the overflow policy that waits.
    if (captured !== Effect.void) Effect.runFork(captured)
  } catch {
    // A reporter that throws kills the fiber that reports.
  }
}
