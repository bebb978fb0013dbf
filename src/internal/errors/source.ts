/**
 * Lines of source files, where there is a file system. Reached without an import, so that bundles for other runtimes do not ask
 * for it.
 */
import type { Source } from "../../core/exceptions/frames.js"
import { Lru } from "../../core/lru.js"

interface FileSystem {
  readonly statSync: (path: string) => { readonly size: number; readonly isFile: () => boolean }
  readonly readFileSync: (path: string, encoding: "utf8") => string
}

/** `node:module`'s reader of source maps. */
interface SourceMap {
  readonly findEntry: (line: number, column: number) => {
    readonly originalSource?: string
    readonly originalLine?: number
    readonly originalColumn?: number
  }
}

interface Payload {
  readonly sources: ReadonlyArray<string>
  readonly sourcesContent?: ReadonlyArray<string | null>
}

interface Modules {
  readonly SourceMap?: new(payload: Payload) => SourceMap
}

/** A source map beside a file, and where its sources are. */
interface Mapping {
  readonly map: SourceMap
  readonly payload: Payload
  readonly base: string
}

interface Host {
  readonly process?: {
    readonly cwd?: () => string
    readonly sourceMapsEnabled?: boolean
    readonly getBuiltinModule?: (id: string) => unknown
  } | undefined
}

const host = (globalThis as Host).process

const builtin = <A>(id: string): A | undefined => {
  try {
    return host?.getBuiltinModule?.(id) as A | undefined
  } catch {
    return undefined
  }
}

/** The directory in which the program was started, where there are directories. */
export const workingDirectory = (() => {
  try {
    return host?.cwd?.()
  } catch {
    return undefined
  }
})()

/** Larger files are generated ones. */
const maxFileBytes = 2 * 1024 * 1024
/** Lines and columns beyond these are of generated code (PostHog's protocol, section 8.4). */
const maxLine = 10_000
const maxColumn = 1_000
const maxLineLength = 200
/** Files whose lines are kept, and files that are read for one exception. */
const maxCachedFiles = 50
const maxReadsPerException = 10

const isReadable = (path: string): boolean =>
  (path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path)) && !path.endsWith(".min.js")

const mappingPattern = /^\/\/[#@] sourceMappingURL=(\S+)\s*$/

/** Finds sources for the frames of one exception after the other. */
export class SourceReader {
  private readonly files = new Lru<string, ReadonlyArray<string> | "none">(maxCachedFiles)
  private readonly mappings = new Lru<string, Mapping | "none">(maxCachedFiles)
  private reads = 0

  constructor(private readonly contextLines: number) {}

  /** To be called before each exception. */
  begin(): void {
    this.reads = 0
  }

  /** Whether files were left unread for this exception. */
  get isExhausted(): boolean {
    return this.reads >= maxReadsPerException
  }

  find(path: string, line: number, column: number | undefined): Source | undefined {
    if (line > maxLine || (column ?? 0) > maxColumn) return undefined
    const lines = this.lines(path)
    if (lines === undefined) return undefined
    const mapped = this.tryMap(path, lines, line, column)
    if (mapped !== undefined) return { ...mapped.place, ...this.around(mapped.lines, mapped.place.line) }
    return this.around(lines, line)
  }

  private around(lines: ReadonlyArray<string> | undefined, line: number): Source {
    const text = lines?.[line - 1]
    if (lines === undefined || text === undefined) return {}
    const cut = (line: string) => line.slice(0, maxLineLength)
    return {
      contextLine: cut(text),
      preContext: lines.slice(Math.max(line - 1 - this.contextLines, 0), line - 1).map(cut),
      postContext: lines.slice(line, line + this.contextLines).map(cut)
    }
  }

  /** A source map is a file like any other, and may say anything. */
  private tryMap(path: string, lines: ReadonlyArray<string>, line: number, column: number | undefined) {
    try {
      return this.map(path, lines, line, column)
    } catch {
      return undefined
    }
  }

  /** Where the source map beside a compiled file leads. With `--enable-source-maps` stacks have been mapped already. */
  private map(path: string, lines: ReadonlyArray<string>, line: number, column: number | undefined) {
    if (host?.sourceMapsEnabled === true || column === undefined) return undefined
    const mapping = this.mapping(path, lines)
    if (mapping === undefined) return undefined
    const { originalColumn, originalLine, originalSource } = mapping.map.findEntry(line - 1, column - 1)
    if (originalSource === undefined || originalLine === undefined) return undefined
    const place = {
      path: new URL(originalSource, mapping.base).pathname,
      line: originalLine + 1,
      column: (originalColumn ?? 0) + 1
    }
    const content = mapping.payload.sourcesContent?.[mapping.payload.sources.indexOf(originalSource)]
    return {
      place: { ...place, path: decodeURI(place.path).replace(/^\/([A-Za-z]:)/, "$1") },
      lines: typeof content === "string" ? content.split(/\r?\n/) : this.lines(place.path)
    }
  }

  private mapping(path: string, lines: ReadonlyArray<string>): Mapping | undefined {
    const known = this.mappings.get(path)
    if (known !== undefined) return known === "none" ? undefined : known
    const mapping = this.loadMapping(path, lines)
    this.mappings.set(path, mapping ?? "none")
    return mapping
  }

  private loadMapping(path: string, lines: ReadonlyArray<string>): Mapping | undefined {
    try {
      const { SourceMap } = builtin<Modules>("node:module") ?? {}
      const reference = lines.slice(-3).map((line) => mappingPattern.exec(line)?.[1]).find((url) => url !== undefined)
      if (SourceMap === undefined || reference === undefined) return undefined
      const url = new URL(reference, `file://${encodeURI(path.startsWith("/") ? path : `/${path}`)}`)
      const text = url.protocol === "file:"
        ? this.readFile(decodeURI(url.pathname))?.join("\n")
        : atob(reference.slice(reference.indexOf(",") + 1))
      if (text === undefined) return undefined
      const payload = JSON.parse(text) as Payload
      const base = url.protocol === "file:" ? url.href : new URL(".", `file://${encodeURI(path)}`).href
      return { map: new SourceMap(payload), payload, base }
    } catch {
      return undefined
    }
  }

  private lines(path: string): ReadonlyArray<string> | undefined {
    const known = this.files.get(path)
    if (known !== undefined) return known === "none" ? undefined : known
    if (!isReadable(path) || this.reads >= maxReadsPerException) return undefined
    this.reads++
    const lines = this.readFile(path)
    this.files.set(path, lines ?? "none")
    return lines
  }

  private readFile(path: string): ReadonlyArray<string> | undefined {
    const fs = builtin<FileSystem>("node:fs")
    try {
      const stat = fs?.statSync(path)
      if (fs === undefined || stat === undefined || !stat.isFile() || stat.size > maxFileBytes) return undefined
      return fs.readFileSync(path, "utf8").split(/\r?\n/)
    } catch {
      return undefined
    }
  }
}
