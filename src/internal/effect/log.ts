/**
 * Effect's log, read and written. Hides the shape of a log entry and of log levels, and how a logger is added.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Layer from "effect/Layer"
import * as List from "effect/List"
import * as EffectLogger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { nameOf, type Origin, originOf } from "./fiber.js"

export type Logger = EffectLogger.Logger<unknown, void>

/** What Effect logs about a fiber that ends with a failure. */
const unhandledMessage = "Fiber terminated with an unhandled error"

/** One call of `Effect.log`. Methods, because most entries are looked at no further than to their level. */
export class Entry {
  readonly parts: ReadonlyArray<unknown>

  constructor(private readonly given: EffectLogger.Logger.Options<unknown>) {
    const { message } = given
    this.parts = Array.isArray(message) ? message as ReadonlyArray<unknown> : [message]
  }

  get cause(): Cause.Cause<unknown> {
    return this.given.cause
  }

  /** `error`, for instance. */
  level(): string {
    return this.given.logLevel.label.toLowerCase()
  }

  isBelow(level: LogLevel.LogLevel): boolean {
    return LogLevel.lessThan(this.given.logLevel, level)
  }

  /** Whether a logger gets this entry too. */
  goesTo(logger: Logger): boolean {
    return HashSet.has(FiberRefs.getOrDefault(this.given.context, FiberRef.currentLoggers), logger)
  }

  /** Whether Effect says with it that a fiber which nobody observes has failed. */
  isFiberFailure(): boolean {
    return this.parts[0] === unhandledMessage
  }

  annotation(name: string): unknown {
    return Option.getOrUndefined(HashMap.get(this.given.annotations, name))
  }

  /** All annotations, and log spans as `<label>_ms`. */
  metadata(): Record<string, unknown> {
    const { annotations, date, spans } = this.given
    const all: Record<string, unknown> = Object.fromEntries(annotations)
    for (const span of List.toArray(spans)) all[`${span.label}_ms`] = date.getTime() - span.startTime
    return all
  }

  origin(): Origin {
    const { context } = this.given
    return originOf(context, FiberRefs.getOrDefault(context, FiberRef.currentContext))
  }

  fiberName(): string {
    return nameOf(this.given.fiberId)
  }
}

export const make = (log: (entry: Entry) => void): Logger => EffectLogger.make((given) => log(new Entry(given)))

/** Adds a logger to those of the program, and removes it with the scope of the layer. */
export const layer = <E, R>(logger: Effect.Effect<Logger, E, R>): Layer.Layer<never, E, Exclude<R, Scope.Scope>> =>
  EffectLogger.addScoped(logger)

/** Options that concern what Effect logs by itself. */
export interface OwnOptions {
  /**
   * Also captures failures of fibers that nobody observes. Effect logs those at debug level, so this raises that level
   * to error. Effect cannot tell an abandoned fiber from one whose failure is handled after `Fiber.join`, so `handled`
   * is left out of the event. Default `false`.
   */
  readonly unhandledFiberFailures?: boolean | undefined
}

/** Whether entries that say that a fiber has failed are wanted. */
export const wantsFiberFailures = (options: OwnOptions): boolean => options.unhandledFiberFailures === true

/** Effect logs the failure of an unobserved fiber at debug level; here it becomes an error. */
export const layerFiberFailures: Layer.Layer<never> = /* #__PURE__ */ Layer.setUnhandledErrorLogLevel(
  /* #__PURE__ */ Option.some(LogLevel.Error)
)

export const defaultLevel: LogLevel.LogLevel = LogLevel.Error

/** A level by Effect's own names, in any case, and by `warn`. */
export const levelNamed = (text: string): LogLevel.LogLevel | undefined => {
  const name = text.toLowerCase()
  return LogLevel.allLevels.find(({ _tag, label }) => [_tag.toLowerCase(), label.toLowerCase()].includes(name))
}

export const levelNames = (): ReadonlyArray<string> => LogLevel.allLevels.map(({ _tag }) => _tag)

/** Logs a text. `seen`: also under the usual minimum of Info. */
export const say = (level: "Debug" | "Info" | "Warning", text: string, seen: boolean): Effect.Effect<void> => {
  const said = Effect.logWithLevel(LogLevel.fromLiteral(level), text)
  return seen ? EffectLogger.withMinimumLogLevel(said, LogLevel.Debug) : said
}
