/**
 * Source maps: where a file says that its map is, what is in one, and where that leads. All of it is text that may say
 * anything.
 */
import { decoded, folderOf, isAbsolute, isWindows, joined, pathOfFileUrl } from "../../core/exceptions/paths.js"

/** What of a source map is used here. An index map has sections instead. */
export interface Payload {
  readonly sourceRoot?: unknown
  readonly sources?: unknown
  readonly sourcesContent?: unknown
  readonly mappings?: unknown
  readonly sections?: unknown
}

/** So many lines may come after the reference to a map: other comments, such as ids. */
const maxAfter = 10

/** The reference to a source map, which is a comment of its own at the end of a file. */
export const referenceIn = (text: string): string | undefined => {
  const at = Math.max(text.lastIndexOf("//# sourceMappingURL="), text.lastIndexOf("//@ sourceMappingURL="))
  if (at === -1 || !/(?:^|\n)[ \t]*$/.test(text.slice(Math.max(at - 20, 0), at))) return undefined
  const [line, ...after] = text.slice(at).split("\n", maxAfter + 2)
  const isEnd = after.length <= maxAfter && after.every((line) => /^\s*(?:\/\/.*)?$/.test(line))
  const reference = line!.slice("//# sourceMappingURL=".length).trim()
  return isEnd && reference !== "" ? reference : undefined
}

/** Bytes as a text has them, one for each letter. */
const bytesOf = (binary: string): Uint8Array => {
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}

/** What a data URL holds; `undefined` when the reference is none. */
export const dataIn = (reference: string): string | undefined => {
  const comma = reference.indexOf(",")
  if (!/^data:/i.test(reference) || comma === -1) return undefined
  const data = reference.slice(comma + 1)
  const isBase64 = reference.slice(0, comma).toLowerCase().split(";").some((part) => part.trim() === "base64")
  const text = data.includes("%") ? decodeURIComponent(data) : data
  return isBase64 ? new TextDecoder().decode(bytesOf(atob(text.replace(/-/g, "+").replace(/_/g, "/")))) : text
}

/** Files in which a map may be, most likely first: a reference is an address, but many tools write a name as it is. */
export const mapPathsOf = (file: string, reference: string): ReadonlyArray<string> => {
  if (/^file:/i.test(reference)) return [pathOfFileUrl(reference)]
  if (/^[A-Za-z][\w+.-]+:/.test(reference)) return []
  const paths = [decoded(reference.replace(/[?#].*$/, "")), reference].map((name) => joined(folderOf(file), name))
  return [...new Set(paths)]
}

/** Reads a map. Some servers put a line before it, so that it is no script; some editors a mark of byte order. */
export const parseMap = (text: string): Payload | undefined => {
  const start = /^\s*\)\]\}/.test(text.slice(0, 100)) ? text.indexOf("{") : 0
  const payload: unknown = JSON.parse(text.slice(start).replace(/^\uFEFF/, ""))
  return typeof payload === "object" && payload !== null ? payload : undefined
}

/** Sections of an index map are looked at so deep. */
const maxDepth = 3

const list = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/** What a map knows about one of its sources. */
export interface MappedSource {
  readonly root: string
  readonly content: string | undefined
}

/** The sources of a map by the names that it gives them. */
export const sourcesOf = (payload: Payload): ReadonlyMap<string, MappedSource> => {
  const found = new Map<string, MappedSource>()
  const collect = (payload: Payload, depth: number): void => {
    const contents = list(payload.sourcesContent)
    const root = typeof payload.sourceRoot === "string" ? payload.sourceRoot : ""
    for (const [index, name] of list(payload.sources).entries()) {
      const content = contents[index]
      if (typeof name === "string") {
        found.set(name, { root, content: typeof content === "string" ? content : undefined })
      }
    }
    if (depth === 0) return
    for (const section of list(payload.sections)) {
      const map: unknown = typeof section === "object" && section !== null && "map" in section ? section.map : undefined
      if (typeof map === "object" && map !== null) collect(map, depth - 1)
    }
  }
  collect(payload, maxDepth)
  return found
}

/** Schemes under which bundlers name sources by their paths in the project. */
const ofBundler = /^(?:webpack|webpack-internal|rspack|turbopack|rollup|vite|parcel|ng|meteor):\/\//i

/**
 * The path in the project of an address of a bundler: without its namespace, layer, and what tells its copies apart.
 */
const projectPathOf = (url: string): string => {
  const path = url.replace(ofBundler, "").replace(/[?#].*$/, "")
  // `webpack://name/./src/a.ts`, `webpack:///./src/a.ts`, `webpack-internal:///(rsc)/./src/a.ts`,
  // `turbopack:///[project]/src/a.ts`
  return path.replace(/^[^/]*\//, "").replace(/^\([\w-]+\)\//, "").replace(/^\[(?:project|root-of-the-server)\]\//, "")
}

/**
 * The path of a source by its name in a map of a file. Addresses that are of no file stay what they are; those of
 * bundlers are of the project, which is where the program was started.
 */
export const sourcePath = (name: string, root: string, mapFile: string, project: string | undefined): string => {
  const isWhole = isAbsolute(name) || /^[A-Za-z][\w+.-]+:/.test(name)
  const full = isWhole || root === "" ? name : `${root.replace(/\/?$/, "/")}${name}`
  if (/^file:\/\//i.test(full)) return pathOfFileUrl(full)
  if (ofBundler.test(full)) {
    const path = decoded(projectPathOf(full))
    // What bundlers run themselves is no file.
    if (/^(?:webpack\/|\[|external )/.test(path)) return full
    return isAbsolute(path) ? path : project === undefined ? `./${path.replace(/^\.\//, "")}` : joined(project, path)
  }
  if (/^[A-Za-z][\w+.-]+:/.test(full)) return full.replace(/[?#].*$/, "")
  // Vite's for files outside of the project.
  const path = decoded(full.startsWith("/@fs/") ? full.slice("/@fs".length) : full)
  return joined(folderOf(mapFile), isWindows(mapFile) && mapFile.includes("\\") ? path.replaceAll("/", "\\") : path)
}
