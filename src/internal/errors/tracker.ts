/**
 * What an instance keeps for error tracking, and the way from a failure to an `$exception` event.
 */
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { freeze, type Written } from "../../core/event/json.js"
import { merge, type Properties, type PropertiesInput, unreadable } from "../../core/event/properties.js"
import { TokenBuckets } from "../../core/exceptions/bucket.js"
import { coerce, template } from "../../core/exceptions/coerce.js"
import { type Frame, type FrameSettings, isLibrary, isOwn, toFrames, withSpans } from "../../core/exceptions/frames.js"
import { type Boundary, type Failure, toList } from "../../core/exceptions/list.js"
import { redactFrame } from "../../core/exceptions/redactFrame.js"
import { readStack } from "../../core/exceptions/stack.js"
import { Lru } from "../../core/lru.js"
import { type CaptureOptions, elapsedOf, type Kind, type Origin } from "../capture.js"
import { currentState } from "../context.js"
import { type Active, extension, type Instance } from "../instance.js"
import { stackOfSpans, thrownIn, toFailure } from "./failure.js"
import { fieldsOf } from "./fields.js"
import { ProgramFiles, workingDirectory } from "./readable.js"
import { SourceReader } from "./source.js"

/** One thing to report. */
export interface Report {
  /** A Cause or anything that was thrown. */
  readonly given: unknown
  readonly level: string
  readonly boundary: Boundary
  /** The hook that reports, such as `effect.logger`. */
  readonly source?: string | undefined
  readonly fingerprint?: string | undefined
  /** Properties of the caller. */
  readonly properties?: PropertiesInput | undefined
  readonly options?: CaptureOptions | undefined
  /** A stack for what has none. */
  readonly fallback?: string | undefined
  readonly fiberId?: string | undefined
  /** Whether too many of the same are held back. */
  readonly isLimited: boolean
  /** Whether it is asked for by hand, or by whoever has claimed it: then a claim is no reason to leave it to somebody else. */
  readonly ignoresClaims?: boolean | undefined
}

export interface Tracker {
  /** Never fails. */
  readonly report: (origin: Origin, report: Report) => Effect.Effect<void>
  /**
   * Takes it upon the caller to report something, or not: no integration will, only who captures it by hand. `false`: it is claimed or reported.
   */
  readonly claim: (origin: Origin, given: unknown) => boolean
}

const kind: Kind = { withContext: true, withFlags: true, needsId: false, withAnySpan: true }

/** What only PostHog, or only this library, may say (specification of PostHog's SDKs, exception metadata). */
const reserved = new Set([
  "$exception_list",
  "$exception_level",
  "$exception_source",
  "$debug_images",
  "$exception_types",
  "$exception_values",
  "$exception_sources",
  "$exception_functions",
  "$exception_handled",
  "$exception_fingerprint_version",
  "$exception_fingerprint_record",
  "$exception_issue_id",
  "$exception_release",
  "$cymbal_errors"
])

/** Those that context and global properties may not have either; the others are replaced by ours. */
const neverSent = (name: string): boolean => name.startsWith("$exception_") && neverSentNames.has(name)
const neverSentNames = new Set(
  [...reserved].filter((name) => !["$exception_list", "$exception_level", "$exception_source"].includes(name))
)

/** The same kind of exception may come so often at once, and once more in this time (posthog-node's values). */
const burst = 10
const refillMillis = 10_000
/** Kinds of exceptions that are told apart. */
const maxKinds = 1_000

/** Stacks whose frames are kept, and the longest of them. */
const maxStacks = 200
const maxStackLength = 20_000

/** So long the frames of one exception may become before source lines are left out of the rest, which is not worth the event. */
const maxSourceLength = 300_000

/** For so long an error that was reported is the same event when it comes again, on its way up a chain of calls. */
const repeatMillis = 30_000

/** What cannot be read is marked, as in other events. */
const unreserved = (properties: PropertiesInput | undefined): Properties => {
  let given = unreadable
  try {
    given = merge(properties, undefined)
  } catch {
    // A Proxy that does not even say its names.
  }
  return Object.fromEntries(Object.entries(given).filter(([name]) => !reserved.has(name)))
}

/** Longer keys of kinds are cut, so that a thousand of them weigh little. */
const maxKindLength = 500

/** The beginning of a text as one of its own: a part of a text keeps all of it in memory. */
const copy = (text: string): string => Array.from(text.slice(0, maxKindLength)).join("")

/**
 * What tells kinds of exceptions apart before anything costly is done: types, and where in the program the first was made. Node and drivers of
 * databases make all of theirs in one place.
 */
const kindOf = (failure: Failure): readonly [kind: string, first: string] => {
  const thrown = thrownIn(failure)
  const first = coerce(thrown[0])
  const places = readStack(first.stack ?? "", 20).filter(({ path }) => path !== undefined && !isLibrary(path))
  const place = places.find(({ path }) => isOwn(path!, isWorker())) ?? places[0]
  const types = thrown.slice(0, 10).map((value) => coerce(value).type)
  const kind = (place === undefined ? template(first.value) : `${place.path}:${place.line}`) +
    [...new Set(types)].sort().join()
  return [copy(kind), copy(first.value)]
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

/** A function of the program's that may throw. */
const guarded = (isInApp: (path: string) => boolean | undefined) => (path: string): boolean | undefined => {
  try {
    return isInApp(path)
  } catch {
    return undefined
  }
}

interface Injected {
  readonly _posthogChunkIds?: Readonly<Record<string, string>>
  readonly _debugIds?: Readonly<Record<string, string>>
  readonly _posthogReleaseId?: unknown
}

/** Ids that PostHog's bundler plugins put into a bundle: by path. */
const makeChunkIds = () => {
  let known = -1
  let paths = new Map<string, string>()
  return (path: string): string | undefined => {
    const { _debugIds, _posthogChunkIds } = globalThis as Injected
    if (_posthogChunkIds === undefined && _debugIds === undefined) return undefined
    const ids = Object.entries({ ..._debugIds, ..._posthogChunkIds })
    if (ids.length !== known) {
      known = ids.length
      paths = new Map(ids.flatMap(([stack, id]) => {
        const place = readStack(stack, 10).find(({ path }) => path !== undefined)
        return place === undefined ? [] : [[place.path!, id] as const]
      }))
    }
    return paths.get(path)
  }
}

/** Whether this is Cloudflare's runtime. */
const isWorker = (): boolean =>
  (globalThis as { readonly navigator?: { readonly userAgent?: string } }).navigator?.userAgent ===
    "Cloudflare-Workers" ||
  "WebSocketPair" in globalThis

export const trackerOf = (instance: Instance, active: Active): Tracker =>
  extension(instance, "ErrorTracking", () => make(active, () => instance.state() === "open"))

/** When something was reported or claimed, and about whom. */
interface Mark {
  readonly at: number
  readonly who: string | undefined
}

const make = ({ diagnostics, door, options, owner }: Active, isOpen: () => boolean): Tracker => {
  const reported = new WeakMap<object, Mark>()
  const claimed = new WeakMap<object, Mark>()
  const buckets = new TokenBuckets(burst, refillMillis, maxKinds)
  const reader = options.sourceContext
    ? new SourceReader(options.contextLines, new ProgramFiles(options.sourceRoots))
    : undefined
  const settings: FrameSettings = {
    workingDirectory,
    isBundle: isWorker(),
    isInApp: options.isInApp === undefined ? undefined : guarded(options.isInApp),
    chunkId: makeChunkIds(),
    findSource: reader === undefined ? undefined : (path, line, column) => reader.find(path, line, column)
  }
  // Written already: the same stacks come again and again, and their source lines are long.
  const known = new Lru<string, Written>(maxStacks)

  /** Reads the stacks of one exception. */
  const makeFramesOf = () => {
    let length = 0
    return (stack: string, mayRead: boolean, spans?: string): ReadonlyArray<Frame> | undefined => {
      const isOver = length > maxSourceLength
      // A stack that somebody wrote may be the same text as one of the runtime.
      const key = `${mayRead ? "" : "\0"}${stack}${spans === undefined ? "" : `\0${spans}`}`
      let written = isOver ? undefined : known.get(key)
      if (written === undefined) {
        const frames = toFrames(stack, isOver || !mayRead ? { ...settings, findSource: undefined } : settings, spans)
        if (frames.length === 0) return undefined
        written = freeze("$exception_list", frames.map(redactFrame), Number.POSITIVE_INFINITY) as Written
        if (!isOver && key.length <= maxStackLength && reader?.isExhausted !== true) known.set(key, written)
      }
      length += written.text.length
      return written as unknown as ReadonlyArray<Frame>
    }
  }
  const release = options.releaseId ?? (globalThis as Injected)._posthogReleaseId

  const objectsIn = (given: unknown, failure: Failure): ReadonlyArray<unknown> =>
    [given, ...thrownIn(failure)].filter((value) => typeof value === "object" && value !== null)

  const mark = (marks: WeakMap<object, Mark>, given: unknown, failure: Failure, mark: Mark): void => {
    for (const value of objectsIn(given, failure)) marks.set(value as object, mark)
  }

  const markOf = (origin: Origin, options?: CaptureOptions): Mark => ({
    at: elapsedOf(origin),
    who: options?.distinctId ?? origin.getFiberRef(currentState).surroundings(owner, "$exception").distinctId
  })

  /** Whether all that was thrown has been marked before. */
  const isMarked = (marks: WeakMap<object, Mark>, given: unknown, failure: Failure, { at, who }: Mark): boolean => {
    const objects = objectsIn(given, failure)
    const isNew = (value: object) => {
      const before = marks.get(value)
      // Programs keep errors in constants, with which the requests of several users fail.
      return before === undefined || at - before.at > repeatMillis ||
        (who !== undefined && before.who !== undefined && who !== before.who)
    }
    // A Cause that is reported again brings the failures it had; in a new one a failure without identity is a new one.
    const thrown = thrownIn(failure)
    return !isNew((objects[0] ?? {}) as object) ||
      thrown.every((value) => typeof value === "object" && value !== null && !isNew(value))
  }

  /** As `TokenBuckets.take`. The same error of another user is another one: how many are affected is worth knowing. */
  const take = (failure: Failure, fingerprint: string | undefined, { at, who }: Mark) => {
    const [kind, first] = kindOf(failure)
    return buckets.take(fingerprint ?? kind, `${who ?? ""}\n${first}`, at)
  }

  const report: Tracker["report"] = (origin, report) => {
    const failure = toFailure(report.given)
    if (failure === undefined) return Effect.void
    const now = markOf(origin, report.options)
    if (isMarked(reported, report.given, failure, now)) return Effect.void
    if (report.ignoresClaims !== true && isMarked(claimed, report.given, failure, now)) return Effect.void
    // Whoever is opted out is told nothing, and asked again later it is news.
    if (!isOpen() || door.isSilent(origin, "$exception")) {
      return door.capture(origin, { event: "$exception", properties: {}, subject: undefined, options: undefined, kind })
    }
    const given = unreserved(report.properties)
    const fingerprint = [report.fingerprint, given.$exception_fingerprint].find(isText)
    const heldBack = report.isLimited && options.exceptionRateLimit ? take(failure, fingerprint, now) : 0
    if (heldBack === undefined) {
      door.holdBack(origin, "$exception")
      return Effect.void
    }
    mark(reported, report.given, failure, now)
    reader?.begin()
    const fallback = () => withSpans(report.fallback ?? "", stackOfSpans(origin.currentSpan))
    const { fields, list } = toList(failure, report.boundary, fallback, makeFramesOf())
    return door.capture(origin, {
      event: "$exception",
      properties: {
        ...fieldsOf(fields),
        ...given,
        $exception_list: list,
        $exception_level: report.level,
        $exception_type: list[0]!.type,
        $exception_message: list[0]!.value,
        $exception_source: report.source,
        $exception_fingerprint: fingerprint,
        ...(isText(release) ? { $release_id: release } : undefined),
        ...(report.fiberId === undefined ? undefined : { fiber_id: report.fiberId }),
        ...(heldBack === 0 ? undefined : { exceptions_held_back: heldBack })
      },
      subject: undefined,
      options: report.options,
      kind,
      omits: neverSent
    })
  }

  return {
    claim: (origin, given) => {
      try {
        const failure = toFailure(given)
        if (failure === undefined) return false
        const now = markOf(origin)
        if (isMarked(reported, given, failure, now) || isMarked(claimed, given, failure, now)) return false
        mark(claimed, given, failure, now)
        return true
      } catch {
        return true
      }
    },
    report: (origin, given) => {
      try {
        return report(origin, given)
      } catch (error) {
        diagnostics.emit("ExceptionLost", () => ({ _tag: "ExceptionLost", detail: String(coerce(error).value) }))
        return door.refuse(origin, "$exception", "it could not be read")
      }
    }
  }
}

/** As `FiberId.threadName`, which sorts sets to name a single fiber. */
export const fiberName = (fiberId: FiberId.FiberId): string =>
  fiberId._tag === "Runtime" ? `#${fiberId.id}` : FiberId.threadName(fiberId)

/** Sends a report, if there is somebody to send it. */
export const send = (instance: Instance, origin: Origin, report: Report): Effect.Effect<void> =>
  instance.active === undefined ? Effect.void : trackerOf(instance, instance.active).report(origin, report)

/** As `Tracker.claim`; where nobody reports anything there is nothing to claim. */
export const claim = (instance: Instance, origin: Origin, given: unknown): boolean =>
  instance.active !== undefined && trackerOf(instance, instance.active).claim(origin, given)
