/**
 * The frames of exceptions as events have them: read from a stack, with lines of source, without secrets, and kept for
 * the next time.
 */
import { freeze, type Written } from "../../core/event/json.js"
import { type FrameSettings, toFrames } from "../../core/exceptions/frames.js"
import { redactFrame } from "../../core/exceptions/redactFrame.js"
import { readStack } from "../../core/exceptions/stack.js"
import { Lru } from "../../core/lru.js"
import { isWorker, workingDirectory } from "../node.js"
import type { Resolved } from "../options.js"
import { ProgramFiles } from "./readable.js"
import { SourceReader } from "./source.js"

/** Stacks whose frames are kept, and the longest of them. */
const maxStacks = 200
const maxStackLength = 20_000

/**
 * When the frames of one exception are longer, the rest of them has no source lines, so that the event stays small
 * enough.
 */
const maxSourceLength = 300_000

/** A function of the program that may throw. */
const guarded = (isInApp: (path: string) => boolean | undefined) => (path: string): boolean | undefined => {
  try {
    return isInApp(path)
  } catch {
    return undefined
  }
}

/** What PostHog's bundler plugins put into a program. */
interface Injected {
  readonly _posthogChunkIds?: Readonly<Record<string, string>>
  readonly _debugIds?: Readonly<Record<string, string>>
  readonly _posthogReleaseId?: unknown
}

/** The release for which PostHog has source maps, if a bundler plugin says so. */
export const injectedReleaseId = (): unknown => (globalThis as Injected)._posthogReleaseId

/** Finds the id of a chunk by the path of its file. */
const makeChunkIds = () => {
  let known = -1
  let paths = new Map<string, string>()
  return (path: string): string | undefined => {
    const { _debugIds, _posthogChunkIds } = globalThis as Injected
    if (_posthogChunkIds === undefined && _debugIds === undefined) return undefined
    const ids = Object.entries({ ..._debugIds, ..._posthogChunkIds })
    // Chunks that are loaded later add theirs.
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

/** Reads the stacks of one exception. A stack that somebody wrote (`mayRead` is `false`) leads to no file. */
export type FramesOf = (stack: string, mayRead: boolean, spans?: string) => Written | undefined

/** Gives a {@link FramesOf} for each exception. */
export const makeFrameReader = (
  options: Pick<Resolved, "contextLines" | "isInApp" | "sourceContext" | "sourceRoots">
): () => FramesOf => {
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
  const withoutSource: FrameSettings = { ...settings, findSource: undefined }
  // Written already: the same stacks come again and again, and their source lines are long.
  const known = new Lru<string, Written>(maxStacks)
  return () => {
    reader?.begin()
    let length = 0
    return (stack, mayRead, spans) => {
      const isOver = length > maxSourceLength
      // A stack that somebody wrote may be the same text as one of the runtime.
      const key = `${mayRead ? "" : "\0"}${stack}${spans === undefined ? "" : `\0${spans}`}`
      let written = isOver ? undefined : known.get(key)
      if (written === undefined) {
        const frames = toFrames(stack, isOver || !mayRead ? withoutSource : settings, spans)
        if (frames.length === 0) return undefined
        written = freeze("$exception_list", frames.map(redactFrame), Number.POSITIVE_INFINITY) as Written
        if (!isOver && key.length <= maxStackLength && reader?.isExhausted !== true) known.set(key, written)
      }
      length += written.text.length
      return written
    }
  }
}
