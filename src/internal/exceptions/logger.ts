/**
 * The logger that captures log messages of level error, and those with a cause, as exceptions.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Properties } from "../../core/event/layers.js"
import { behind, coerce, isError, template } from "../../core/exceptions/coerce.js"
import { toLevel } from "../../core/exceptions/level.js"
import { maxText, redactText } from "../../core/secrets.js"
import { packageAnnotation } from "../diagnostics.js"
import { isEmpty, thrownBy } from "../effect/cause.js"
import { spanAt } from "../effect/fiber.js"
import * as Log from "../effect/log.js"
import type { Instance } from "../instance.js"
import { slot } from "../slot.js"
import { gathered, limited } from "./fields.js"
import type { LoggerOptions } from "./loggerOptions.js"
import * as Reporters from "./reporters.js"
import { withoutResponses } from "./responses.js"
import { send } from "./tracker.js"

/** Log annotation by which messages are left out. */
export const skipAnnotation = "posthog.capture"

/** An object is written out up to this length and cut afterwards. */
const maxWritten = 100_000

/** Most parts of a message, and most errors behind one. */
const maxParts = 100
const maxCauses = 3

/** An error in words, with what stands behind it. */
const errorText = (error: unknown, depth = 0): string => {
  const { type, value } = coerce(error)
  const said = value === "" || value.startsWith(type) ? value || type : `${type}: ${value}`
  const next = depth < maxCauses ? behind(error) : []
  return next.slice(0, maxCauses).reduce(
    (text, { source, thrown }) => `${text} [${source}: ${errorText(thrown, depth + 1)}]`.slice(0, 2 * maxText),
    said
  )
}

/** A part of a message, as people read it; what else it has than texts is written as in events. */
const text = (part: unknown): string => {
  if (typeof part === "string") return part.slice(0, 2 * maxText)
  if (isError(part)) return errorText(part)
  if (Cause.isCause(part)) return thrownBy(part).map((error) => errorText(error)).join("; ")
  const [written] = gathered("", [part], maxWritten) as ReadonlyArray<unknown>
  return typeof written === "string" ? written : JSON.stringify(written) ?? "undefined"
}

/** All parts of a message as one text, without what must not be told. */
const messageOf = (parts: ReadonlyArray<unknown>): string => {
  let said = ""
  for (const part of parts.slice(0, maxParts)) {
    if (said.length > 2 * maxText) break
    said += `${said === "" ? "" : " "}${text(part)}`
  }
  return redactText(said)
}

/**
 * A message without an error. Its type and its frames group by where it was logged, not by what was filled in: PostHog
 * looks at the message where there is no frame.
 */
class LogMessage extends Error {
  constructor(level: string, message: string, span: string | undefined) {
    super(message)
    const place = span ?? template(message)
    this.name = `Logger ${level} (${place})`
    // Its own stack would show the logger. Spans give frames by themselves.
    this.stack = span === undefined ? `\n    at ${place.replace(/[\\/():\s]+/g, " ")}` : ""
  }
}

const metadataOf = (entry: Log.Entry, metadata: "none" | "all" | ReadonlyArray<string>): Properties => {
  if (metadata === "none") return {}
  const all = entry.metadata()
  return metadata === "all"
    ? all
    : Object.fromEntries(Object.entries(all).filter(([name]) => metadata.includes(name)))
}

type Loggers = Array<Log.Logger>

const loggersSlot = /* #__PURE__ */ slot<Loggers>("ErrorTracking/loggers")

/** The loggers of an instance, in the order in which they were added. */
const loggersOf = (instance: Instance): Loggers => loggersSlot.getOrMake(instance, () => [])

/**
 * Whether a logger of the same instance that was added later gets the message too. That one captures it: a
 * `layerLogger` over `PostHogLive` has the options that the program means for this place.
 */
const isFollowed = (loggers: Loggers, logger: Log.Logger, entry: Log.Entry): boolean =>
  loggers.length > 1 && loggers.slice(loggers.indexOf(logger) + 1).some((later) => entry.goesTo(later))

/** From then on the logger does nothing: where a layer has set it, it may outlive its scope. */
export const removeLogger = (instance: Instance, logger: Log.Logger): void => {
  const loggers = loggersOf(instance)
  loggers.splice(loggers.indexOf(logger), 1)
}

export const makeLogger = (instance: Instance, options: LoggerOptions): Log.Logger => {
  const { captureLevel = Log.defaultLevel, metadata = "none" } = options
  const loggers = loggersOf(instance)
  const log = (entry: Log.Entry): void => {
    if (isFollowed(loggers, logger, entry)) return
    const { parts } = entry
    if (!loggers.includes(logger) || instance.state() !== "open" || instance.active?.options.errorTracking !== true) {
      return
    }
    // What the logger of an HTTP server says about a request for something that is not there.
    const cause = withoutResponses(entry.cause)
    const hasCause = !isEmpty(cause)
    if (!hasCause && !isEmpty(entry.cause)) return
    if (!hasCause && entry.isBelow(captureLevel)) return
    if (entry.annotation("package") === packageAnnotation || entry.annotation(skipAnnotation) === false) return
    const isFiberFailure = entry.isFiberFailure()
    if (isFiberFailure && !Log.wantsFiberFailures(options)) return
    const origin = entry.origin()
    const level = entry.level()
    const span = spanAt(origin)
    const error = hasCause ? undefined : parts.find(isError)
    const said = messageOf(parts.filter((part) => part !== error))
    const given = hasCause
      ? cause
      : error ?? new LogMessage(level, said, span?._tag === "Span" ? span.name : undefined)
    const own = given instanceof LogMessage || isFiberFailure || said === "" ? undefined : { log_message: said }
    const captured = send(instance, origin, {
      given,
      reporter: isFiberFailure ? Reporters.fiber : given instanceof LogMessage ? Reporters.message : Reporters.logger,
      level: toLevel(level) ?? "error",
      // First in line for the room that there is, and last to be overwritten.
      properties: limited({ ...own, ...metadataOf(entry, metadata), ...own }),
      fiberId: entry.fiberName()
    })
    // Waits only under the overflow policy that waits.
    if (captured !== Effect.void) Effect.runFork(captured)
  }
  const logger = Log.make((entry) => {
    try {
      log(entry)
    } catch {
      // A logger that throws kills the fiber that logs.
    }
  })
  loggers.push(logger)
  return logger
}
