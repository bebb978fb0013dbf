/**
 * Frames as PostHog wants them: order, paths, and which of them belong to the program.
 *
 * @since 0.1.0
 */
import { readStack, type StackLine } from "./stack.js"

/** A frame on the wire. */
export interface Frame {
  readonly platform: "node:javascript"
  readonly filename?: string
  readonly function: string
  readonly module?: string
  readonly lineno?: number
  readonly colno?: number
  readonly in_app: boolean
  readonly chunk_id?: string
  readonly context_line?: string
  readonly pre_context?: ReadonlyArray<string>
  readonly post_context?: ReadonlyArray<string>
}

/** What frames are looked at with. */
export interface FrameSettings {
  /** Directory to which paths are made relative; `undefined`: they stay as they are. */
  readonly workingDirectory: string | undefined
  /** Overrules what is said about a path by itself; `undefined` leaves it at that. */
  readonly isInApp: ((path: string) => boolean | undefined) | undefined
  /** Ids by which PostHog finds the source map of a bundled file. */
  readonly chunkId: (path: string) => string | undefined
  /** Finds the source of a frame. */
  readonly findSource: ((path: string, line: number, column: number | undefined) => Source | undefined) | undefined
}

/** A place in a source file, and the lines around it. */
export interface Source {
  /** Where a source map says that the code came from; absent members stay as they are. */
  readonly path?: string
  readonly line?: number
  readonly column?: number
  readonly contextLine?: string
  readonly preContext?: ReadonlyArray<string>
  readonly postContext?: ReadonlyArray<string>
}

/** PostHog looks at so many frames; those nearest to the crash are kept. */
const maxFrames = 50

const isAbsolute = (path: string): boolean => path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path)
const hasScheme = (path: string): boolean => /^[A-Za-z][A-Za-z+.-]+:/.test(path)

/** Whether a path is the program's own: not Node's or Deno's, not a dependency's. */
export const isOwn = (path: string): boolean =>
  !/^(?:node|ext):/.test(path) && !/[\\/]node_modules[\\/]/.test(path) &&
  // The last are shares of Windows.
  (isAbsolute(path) || path.startsWith(".") || hasScheme(path) || path.startsWith("\\\\"))

const slashes = (path: string): string => path.replaceAll("\\", "/")

/** The path from one directory to a file, as `path.relative` gives it. */
const relativeTo = (directory: string, path: string): string => {
  const from = slashes(directory).split("/").filter(Boolean)
  const to = slashes(path).split("/").filter(Boolean)
  // Another drive cannot be reached.
  const isDrive = (part: string | undefined) => part !== undefined && /^[A-Za-z]:$/.test(part)
  if ((isDrive(from[0]) || isDrive(to[0])) && from[0] !== to[0]) return path
  let common = 0
  while (common < from.length && common < to.length - 1 && from[common] === to[common]) common++
  return [...from.slice(common).map(() => ".."), ...to.slice(common)].join("/")
}

/** `dir.sub:file`, of what is below the last `node_modules` or the working directory. */
const toModule = (path: string, directory: string | undefined): string => {
  const unix = slashes(path)
  const file = unix.slice(unix.lastIndexOf("/") + 1).replace(/\.[cm]?js$/, "")
  const folder = unix.slice(0, Math.max(unix.lastIndexOf("/"), 0))
  const dependencies = folder.lastIndexOf("/node_modules/")
  const root = directory === undefined ? undefined : slashes(directory).replace(/\/$/, "")
  const below = dependencies !== -1
    ? folder.slice(dependencies + "/node_modules/".length)
    : root !== undefined && folder.startsWith(`${root}/`)
    ? folder.slice(root.length + 1)
    : ""
  return below === "" ? file : `${below.replaceAll("/", ".")}:${file}`
}

/** Where Effect's run loop begins; what comes after it says nothing about the program. */
const isRunLoop = ({ function: name }: StackLine): boolean =>
  name !== undefined && (name.includes("effect_internal_function") || name === "Generator.next")

/** The lines of a stack above Effect's run loop. */
export const aboveRunLoop = (stack: string): string => {
  const loop = stack.search(/^.*(?:effect_internal_function|Generator\.next)/m)
  return loop === -1 ? stack : stack.slice(0, loop)
}

/** Modules of Effect and of this library, through which a failure passes without being theirs. */
export const isLibrary = (path: string): boolean =>
  /[\\/]node_modules[\\/](?:effect|@effect|effect-posthog)[\\/]/.test(path)

/** `undefined`: a source map says that it is the library's, which in a bundle is in the same file as the program. */
const toFrame = (stackLine: StackLine, settings: FrameSettings): Frame | undefined => {
  const { column: givenColumn, function: name, line: givenLine, path: givenPath } = stackLine
  const chunk = givenPath === undefined ? undefined : settings.chunkId(givenPath)
  const source = givenPath === undefined || givenLine === undefined
    ? undefined
    : settings.findSource?.(givenPath, givenLine, givenColumn)
  const { column = givenColumn, line: lineno = givenLine, path = givenPath } = source ?? {}
  if (source?.path !== undefined && isLibrary(source.path)) return undefined
  const directory = settings.workingDirectory
  return {
    platform: "node:javascript",
    ...(path === undefined ? undefined : {
      filename: directory !== undefined && isAbsolute(path) ? relativeTo(directory, path) : path,
      module: toModule(path, directory)
    }),
    function: name ?? "?",
    ...(lineno === undefined ? undefined : { lineno }),
    ...(column === undefined ? undefined : { colno: column }),
    in_app: path !== undefined && (settings.isInApp?.(path) ?? isOwn(path)),
    // A place in a source is no place in the chunk any more.
    ...(chunk === undefined || source?.path !== undefined ? undefined : { chunk_id: chunk }),
    ...(source?.contextLine === undefined ? undefined : {
      context_line: source.contextLine,
      pre_context: source.preContext ?? [],
      post_context: source.postContext ?? []
    })
  }
}

/** The longest stack that is looked at, in lines. */
const maxLines = 10_000

/** A repetition of so many frames at most is found; recursion that is longer is rare. */
const maxCycle = 10

/** Deep recursion says the same again and again; one copy groups better, and leaves room for what led to it. */
const withoutRepetitions = (lines: ReadonlyArray<StackLine>): ReadonlyArray<StackLine> => {
  const same = (a: StackLine, b: StackLine) => a.text === b.text
  const kept: Array<StackLine> = []
  for (let at = 0; at < lines.length;) {
    let cycle = 0
    for (let length = 1; length <= maxCycle && cycle === 0; length++) {
      if (kept.length < length || at + length > lines.length) break
      let equal = true
      for (let i = 0; i < length && equal; i++) equal = same(lines[at + i]!, kept[kept.length - length + i]!)
      if (equal) cycle = length
    }
    if (cycle === 0) kept.push(lines[at++]!)
    else at += cycle
  }
  return kept
}

/**
 * The frames of a stack in PostHog's order, entry point first. Empty when there are none. Frames of Effect and of this library are
 * left out, with everything below the run loop.
 */
export const toFrames = (stack: string, settings: FrameSettings): ReadonlyArray<Frame> => {
  const all = readStack(stack, maxLines)
  const end = all.findIndex(isRunLoop)
  // Spans come after the loop's frames only in stacks that Effect has cut already, so nothing of them is lost here.
  const lines = (end === -1 ? all : all.slice(0, end)).filter(({ path }) => path === undefined || !isLibrary(path))
  const frames: Array<Frame> = []
  for (const line of withoutRepetitions(lines)) {
    const frame = toFrame(line, settings)
    if (frame !== undefined) frames.unshift(frame)
    if (frames.length === maxFrames) break
  }
  return frames
}
