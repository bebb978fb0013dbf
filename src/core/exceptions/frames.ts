/**
 * Frames as PostHog wants them: order, paths, and which of them belong to the program.
 *
 * @since 0.1.0
 */
import { below, hasScheme, isAbsolute, relativeTo, slashes } from "./paths.js"
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
  /** Whether the program is one bundle, in which nothing else has a file, as a Worker is. Default: no. */
  readonly isBundle?: boolean | undefined
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

/** The longest stack that is looked at, in lines. */
const maxLines = 10_000

/** PostHog looks at so many frames; those nearest to the crash are kept. */
const maxFrames = 50

/** Code of runtimes and bundlers, for which there is no file. */
const isRuntime = (path: string): boolean =>
  /^(?:node|ext|bun|deno|native|internal|node-internal|cloudflare|cloudflare-internal|workerd):/.test(path) ||
  /^native$|^[\w-]+:\/+(?:[^/]*\/)?(?:webpack\/(?:bootstrap|runtime)|\[(?:turbopack|next)\])/.test(path)

/** Where each of the package managers keeps dependencies; the name of the package is what comes right after it. */
const dependencies: ReadonlyArray<RegExp> = [
  // npm, yarn, pnpm, also within the zips of Plug'n'Play and in the address of a bundled module. The last counts.
  /^(?:.*[\\/])?node_modules[\\/](.*)$/s,
  // Deno: `npm/<registry>/<name>/<version>/` in its cache.
  /^.*?[\\/]npm[\\/][^\\/]+[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/]\d+\.\d+\.\d+[^\\/]*[\\/]/s,
  // Bun: `install/cache/<name>@<version>`.
  /^.*?[\\/]install[\\/]cache[\\/](.*)$/s,
  // Modules by their names, and from where they are served.
  /^(?:npm|jsr):\/*(.*)$/s,
  /^https?:\/\/(?:jsr\.io|deno\.land|(?:[\w-]+\.)?esm\.sh|esm\.run|unpkg\.com|cdn\.jsdelivr\.net|cdn\.skypack\.dev)\/(?:npm\/|x\/|v\d+\/)?(.*)$/s,
  /^https?:\/\/.*\/((?:@[^/]+\/)?[^/@]+@v?\d[^/]*\/.*)$/s
]

const hasDependency = /node_modules|[\\/]npm[\\/]|[\\/]install[\\/]cache[\\/]|^(?:npm|jsr|https?):/

/** The package that a file is of, if it is of a dependency. */
const packageOf = (path: string): string | undefined => {
  if (!hasDependency.test(path)) return undefined
  for (const pattern of dependencies) {
    const rest = pattern.exec(path)?.[1]
    if (rest !== undefined) return /^(?:@[^\\/@]+[\\/])?[^\\/@]*/.exec(rest)![0].replace("\\", "/")
  }
  return undefined
}

/** Yarn's own files. */
const isYarn = (path: string): boolean => /[\\/](?:\.yarn[\\/]|\.pnp(?:\.loader)?\.[cm]?js$)/.test(path)

/** Whether a path is the program's own: not Node's or Deno's, not a dependency's. */
export const isOwn = (path: string, isBundle: boolean | undefined = false): boolean =>
  !isRuntime(path) && packageOf(path) === undefined && !isYarn(path) &&
  (isAbsolute(path) || path.startsWith(".") || hasScheme(path) || isBundle)

/** `dir.sub:file`, of what is below the last `node_modules` or the working directory. */
const toModule = (path: string, directory: string | undefined): string => {
  const unix = slashes(path)
  const file = unix.slice(unix.lastIndexOf("/") + 1).replace(/\.[cm]?js$/, "")
  const folder = unix.slice(0, Math.max(unix.lastIndexOf("/"), 0))
  const dependencies = folder.lastIndexOf("/node_modules/")
  const inner = dependencies !== -1
    ? folder.slice(dependencies + "/node_modules/".length)
    : directory === undefined
    ? ""
    : below(directory, path.slice(0, folder.length)) ?? ""
  return inner === "" ? file : `${inner.replaceAll("/", ".")}:${file}`
}

/** Modules of Effect and of this library, through which a failure passes without being theirs. */
export const isLibrary = (path: string): boolean =>
  /^(?:effect|effect-posthog|@effect\/.*)$/.test(packageOf(path) ?? "")

/** So many frames Effect has at most between a generator that it runs and its loop. */
const maxBetween = 3

const isInternal = ({ function: name, path }: StackLine): boolean =>
  name?.includes("effect_internal_function") === true || (path !== undefined && isLibrary(path))

/**
 * What runs a generator for code with `await` that was compiled for old engines, by TypeScript, esbuild, Babel and swc.
 */
const isAwaiter = ({ function: name }: StackLine): boolean =>
  name !== undefined &&
  /^(?:new Promise|fulfilled|rejected|step|_next|_throw|(?:\w+\.)?_*(?:awaiter|async|asyncGeneratorStep|async_to_generator))$/
    .test(name)

/**
 * Where Effect's run loop begins; what comes after it says nothing about the program. Generators are run by others,
 * too: by the program, and for its `await`s.
 */
const isRunLoop = (line: StackLine, index: number, lines: ReadonlyArray<StackLine>): boolean => {
  if (line.function?.includes("effect_internal_function") === true) return true
  if (line.function !== "Generator.next") return false
  const after = lines.slice(index + 1, index + 1 + maxBetween)
  return after.some(isInternal) || (!after.some(isAwaiter) && lines.slice(0, index).some(isInternal))
}

/** The lines of a stack above Effect's run loop. */
const linesAbove = (stack: string): ReadonlyArray<StackLine> => {
  const all = readStack(stack, maxLines)
  const end = all.findIndex(isRunLoop)
  return end === -1 ? all : all.slice(0, end)
}

/** The stack of an error with the spans around it, which come after what is above Effect's run loop. */
export const withSpans = (stack: string, spans: string | undefined): string =>
  spans === undefined ? stack : [...linesAbove(stack).map(({ text }) => text), spans].join("\n")

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
    in_app: path !== undefined && (settings.isInApp?.(path) ?? isOwn(path, settings.isBundle)),
    // A place in a source is no place in the chunk any more.
    ...(chunk === undefined || source?.path !== undefined ? undefined : { chunk_id: chunk }),
    ...(source?.contextLine === undefined ? undefined : {
      context_line: source.contextLine,
      pre_context: source.preContext ?? [],
      post_context: source.postContext ?? []
    })
  }
}

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
 * The frames of a stack in PostHog's order, entry point first. Empty when there are none. Frames of Effect and of this
 * library are left out, with everything below the run loop; `spans`, lines of a stack too, follow that.
 */
export const toFrames = (stack: string, settings: FrameSettings, spans?: string): ReadonlyArray<Frame> => {
  const all = spans === undefined ? linesAbove(stack) : [...linesAbove(stack), ...readStack(spans, maxLines)]
  const lines = all.filter(({ path }) => path === undefined || !isLibrary(path))
  const frames: Array<Frame> = []
  for (const line of withoutRepetitions(lines)) {
    const frame = toFrame(line, settings)
    if (frame !== undefined) frames.unshift(frame)
    if (frames.length === maxFrames) break
  }
  return frames
}
