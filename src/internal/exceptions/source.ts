/**
 * Lines of source files of the program, where there is a file system.
 */
import type { Source } from "../../core/exceptions/frames.js"
import { Lru } from "../../core/lru.js"
import { builtin, hostProcess, workingDirectory } from "../node.js"
import type { ProgramFiles } from "./readable.js"
import {
  dataIn,
  mapPathsOf,
  type MappedSource,
  parseMap,
  type Payload,
  referenceIn,
  sourcePath,
  sourcesOf
} from "./sourceMap.js"

/** `node:module`'s reader of source maps. */
interface SourceMap {
  readonly findEntry: (line: number, column: number) => {
    readonly originalSource?: string
    readonly originalLine?: number
    readonly originalColumn?: number
  }
}

interface Modules {
  readonly SourceMap?: new(payload: Payload) => SourceMap
}

/** A source map of a file, and where its sources are. */
interface Mapping {
  readonly map: SourceMap
  readonly sources: ReadonlyMap<string, MappedSource>
  /** The file that it is in. */
  readonly path: string
}

/** A file that was read. Of a large one there are no lines. */
interface File {
  readonly lines: ReadonlyArray<string> | undefined
  readonly mapping: Mapping | undefined
}

/** Larger files are generated ones: there is nothing to show of them. */
const maxSourceLength = 2 * 1024 * 1024
/**
 * A program that is bundled with Effect has a map of about 7 MB. Reading that takes 80 ms, once, and keeps 30 MB, so
 * that there is a limit for all of them too.
 */
const maxMapLength = 8 * 1024 * 1024
const maxMapsLength = 2 * maxMapLength
/** Places in a map take many times the memory of their text. */
const maxMappingsLength = maxMapLength / 2
/** Lines and columns beyond these are of generated code (PostHog's protocol, section 8.4). */
const maxLine = 10_000
const maxColumn = 1_000
const maxLineLength = 200
/** Files whose lines are kept, and files that are read for one exception. */
const maxCachedFiles = 50
const maxReadsPerException = 10

const linesOf = (text: string): ReadonlyArray<string> => text.split(/\r?\n/)

/** Finds sources for the frames of one exception after the other. */
export class SourceReader {
  private readonly files = new Lru<string, File>(maxCachedFiles)
  private mapsLength = 0
  private reads = 0

  constructor(private readonly contextLines: number, private readonly disk: ProgramFiles) {}

  /** To be called before each exception. */
  begin(): void {
    this.reads = 0
  }

  /** Whether files were left unread for this exception. */
  get isExhausted(): boolean {
    return this.reads >= maxReadsPerException
  }

  find(path: string, line: number, column: number | undefined): Source | undefined {
    const file = this.file(path)
    if (file?.mapping !== undefined && column !== undefined) {
      const mapped = this.tryMap(file.mapping, line, column)
      if (mapped !== undefined) return { ...mapped.place, ...this.around(mapped.lines, mapped.place.line) }
    }
    return file?.lines === undefined || line > maxLine || (column ?? 0) > maxColumn
      ? undefined
      : this.around(file.lines, line)
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

  /** Where a source map leads. It is a file like any other, and may say anything. */
  private tryMap({ map, path: mapFile, sources }: Mapping, line: number, column: number) {
    try {
      const { originalColumn, originalLine, originalSource } = map.findEntry(line - 1, column - 1)
      if (typeof originalSource !== "string" || originalLine === undefined) return undefined
      const { content, root } = sources.get(originalSource) ?? { content: undefined, root: "" }
      const path = sourcePath(originalSource, root, mapFile, workingDirectory)
      return {
        place: { path, line: originalLine + 1, column: (originalColumn ?? 0) + 1 },
        lines: content === undefined ? this.file(path)?.lines : linesOf(content)
      }
    } catch {
      return undefined
    }
  }

  private file(path: string): File | undefined {
    const known = this.files.get(path)
    if (known !== undefined) return known
    if (path.endsWith(".min.js") || this.reads >= maxReadsPerException) return undefined
    this.reads++
    const text = this.disk.read(path, "source", maxMapLength)
    const mapping = text === undefined ? undefined : this.load(path, text)
    const file = { mapping, lines: text === undefined || text.length > maxSourceLength ? undefined : linesOf(text) }
    this.files.set(path, file)
    return file
  }

  /** The source map of a file. With `--enable-source-maps` stacks have been mapped already. */
  private load(path: string, text: string): Mapping | undefined {
    try {
      const { SourceMap } = builtin<Modules>("node:module") ?? {}
      const reference = referenceIn(text)
      if (hostProcess()?.sourceMapsEnabled === true || SourceMap === undefined || reference === undefined) {
        return undefined
      }
      const left = Math.min(maxMapLength, maxMapsLength - this.mapsLength)
      const found = reference.length > left ? undefined : this.mapOf(path, reference, left)
      const payload = found === undefined ? undefined : parseMap(found.text)
      if (found === undefined || payload === undefined) return undefined
      this.mapsLength += found.text.length
      if (typeof payload.mappings === "string" && payload.mappings.length > maxMappingsLength) return undefined
      return { map: new SourceMap(payload), sources: sourcesOf(payload), path: found.path }
    } catch {
      return undefined
    }
  }
  /** The text of a map, which is in the file itself or in one beside it. */
  private mapOf(path: string, reference: string, maxLength: number) {
    const data = dataIn(reference)
    if (data !== undefined) return { text: data, path }
    for (const file of mapPathsOf(path, reference)) {
      const text = this.disk.read(file, "map", maxLength)
      if (text !== undefined) return { text, path: file }
    }
    return undefined
  }
}
