/**
 * Effect's log, read and written. Hides the shape of a log entry and of log levels, and how a logger is added.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectLogger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { fiberName, type Origin, referenceAt, snapshotOf } from "./fiber.js"

export type Logger = EffectLogger.Logger<unknown, void>

/** One call of `Effect.log`. Methods, because most entries are looked at no further than to their level. */
export class Entry {
  readonly parts: ReadonlyArray<unknown>

  constructor(private readonly given: EffectLogger.Options<unknown>) {
    const { message } = given
    this.parts = Array.isArray(message) ? message as ReadonlyArray<unknown> : [message]
  }

  get cause(): Cause.Cause<unknown> {
    return this.given.cause
  }

  /** `error`, for instance. */
  level(): string {
    return this.given.logLevel.toLowerCase()
  }

  isBelow(level: LogLevel.LogLevel): boolean {
    return LogLevel.isLessThan(this.given.logLevel, level)
  }

  /** Whether a logger gets this entry too. */
  goesTo(logger: Logger): boolean {
    return referenceAt(this.given.fiber, EffectLogger.CurrentLoggers).has(logger)
  }

  /** Whether Effect says with it that a fiber which nobody observes has failed: it never does. */
  isFiberFailure(): boolean {
    return false
  }

  annotation(name: string): unknown {
    const annotations = referenceAt(this.given.fiber, References.CurrentLogAnnotations)
    return Object.hasOwn(annotations, name) ? annotations[name] : undefined
  }

  /** All annotations, and log spans as `<label>_ms`. */
  metadata(): Record<string, unknown> {
    const { date, fiber } = this.given
    const spans = referenceAt(fiber, References.CurrentLogSpans)
    return Object.fromEntries([
      ...Object.entries(referenceAt(fiber, References.CurrentLogAnnotations)),
      ...spans.map(([label, begin]) => [`${label}_ms`, date.getTime() - begin])
    ])
  }

  /** As it is now: who logs goes on. */
  origin(): Origin {
    return snapshotOf(this.given.fiber)
  }

  fiberName(): string {
    return fiberName(this.given.fiber)
  }
}

export const make = (log: (entry: Entry) => void): Logger => EffectLogger.make((given) => log(new Entry(given)))

/** Adds a logger to those of the program, for what the layer is provided to. */
export const layer = <E, R>(logger: Effect.Effect<Logger, E, R>): Layer.Layer<never, E, Exclude<R, Scope.Scope>> =>
  EffectLogger.layer([logger], { mergeWithExisting: true })

/** Options that concern what Effect logs by itself: there are none, because it logs nothing about fibers that fail. */
export type OwnOptions = object

/** Whether entries that say that a fiber has failed are wanted. */
export const wantsFiberFailures = (_: OwnOptions): boolean => false

export const layerFiberFailures: Layer.Layer<never> = Layer.empty

export const defaultLevel: LogLevel.LogLevel = "Error"

/** A level by Effect's own names, in any case, and by `warning`. */
export const levelNamed = (text: string): LogLevel.LogLevel | undefined => {
  const name = text.toLowerCase()
  return name === "warning" ? "Warn" : LogLevel.values.find((level) => level.toLowerCase() === name)
}

export const levelNames = (): ReadonlyArray<string> => LogLevel.values

/** Logs a text. `seen`: also under the usual minimum of Info. */
export const say = (level: "Debug" | "Info" | "Warning", text: string, seen: boolean): Effect.Effect<void> => {
  const said = Effect.logWithLevel(level === "Warning" ? "Warn" : level)(text)
  return seen ? Effect.provideService(said, References.MinimumLogLevel, "Debug") : said
}
