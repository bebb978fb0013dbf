/**
 * Reads files of the program, and no others.
 */
import { isEverything, mayRead } from "../../core/exceptions/readable.js"
import { builtin, hostProcess, workingDirectory } from "../node.js"

interface Stats {
  readonly size: number
  readonly isFile: () => boolean
}

/** The part of `node:fs` that is used. */
interface FileSystem {
  readonly constants: Readonly<Record<string, number | undefined>>
  readonly realpathSync: (path: string) => string
  readonly statSync: (path: string) => Stats
  readonly openSync: (path: string, flags: number) => number
  readonly fstatSync: (descriptor: number) => Stats
  readonly readSync: (descriptor: number, into: Uint8Array, offset: number, length: number, position: null) => number
  readonly closeSync: (descriptor: number) => void
}

interface Host {
  readonly Deno?: {
    readonly permissions?: { readonly querySync?: (of: { name: "read"; path: string }) => { readonly state: string } }
  } | undefined
}

/** Deno asks the user about what was not decided, and waits for the answer. */
const isPermitted = (path: string): boolean => {
  const query = (globalThis as Host).Deno?.permissions?.querySync
  return query === undefined || query({ name: "read", path }).state === "granted"
}

/** The bytes of a regular file of that size at most. Nothing here waits: a pipe is opened without its other side. */
const readRegular = (fs: FileSystem, path: string, maxLength: number): Uint8Array | undefined => {
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY = 0 } = fs.constants
  // Devices may do something as they are opened.
  if (!fs.statSync(path).isFile()) return undefined
  const descriptor = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
  try {
    const stats = fs.fstatSync(descriptor)
    if (!stats.isFile() || stats.size > maxLength) return undefined
    const bytes = new Uint8Array(stats.size)
    let length = 0
    while (length < bytes.length) {
      const read = fs.readSync(descriptor, bytes, length, bytes.length - length, null)
      if (read === 0) break
      length += read
    }
    return bytes.subarray(0, length)
  } finally {
    fs.closeSync(descriptor)
  }
}

const parentOf = (path: string): string | undefined => {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"))
  return at === -1 || at === path.length - 1 ? undefined : /^[A-Za-z]?:?$/.test(path.slice(0, at)) ?
    path.slice(0, at + 1) :
    path.slice(0, at)
}

/** More directories above one are not looked into. */
const maxAbove = 30

const above = (directory: string): ReadonlyArray<string> => {
  const all: Array<string> = []
  for (let at: string | undefined = directory; at !== undefined && all.length < maxAbove; at = parentOf(at)) {
    all.push(at)
  }
  return all
}

const maxManifestLength = 256 * 1024

/** The members of a package.json, if the directory has one. */
const manifestIn = (fs: FileSystem, directory: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const bytes = readRegular(fs, fs.realpathSync(`${directory}/package.json`), maxManifestLength)
    const parsed: unknown = bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes))
    return typeof parsed === "object" && parsed !== null ? parsed as Readonly<Record<string, unknown>> : undefined
  } catch {
    return undefined
  }
}

const hasFile = (fs: FileSystem, path: string): boolean => {
  try {
    return fs.statSync(path).isFile()
  } catch {
    return false
  }
}

/** Files that mark the root of several packages, besides a package.json that names them. */
const workspaceFiles = ["pnpm-workspace.yaml", "lerna.json", "nx.json", "turbo.json", "rush.json"]

/** What belongs to the program of a main module: its package, and the workspace of that. */
const programOf = (fs: FileSystem, main: string): ReadonlyArray<string> => {
  const real = fs.realpathSync(main)
  // A program that is run by a tool among its dependencies is where the dependencies are.
  const dependency = real.search(/[\\/]node_modules[\\/]/)
  const folder = dependency === -1 ? parentOf(real) : dependency === 0 ? undefined : real.slice(0, dependency)
  if (folder === undefined) return []
  const found: Array<readonly [string, Readonly<Record<string, unknown>>]> = []
  for (const directory of above(folder)) {
    const manifest = manifestIn(fs, directory)
    if (manifest !== undefined) found.push([directory, manifest])
  }
  // One that only says how its modules are to be read, as in `dist/esm`, is none of a package.
  const isPackage = (manifest: Readonly<Record<string, unknown>>) =>
    ["name", "dependencies", "devDependencies", "scripts"].some((name) => name in manifest)
  const [own] = found.find(([, manifest]) => isPackage(manifest)) ?? found[0] ?? []
  if (own === undefined) return isEverything(folder) ? [] : [folder]
  const workspace = above(own).find((directory) =>
    found.some(([at, manifest]) => at === directory && "workspaces" in manifest) ||
    workspaceFiles.some((name) => hasFile(fs, `${directory}/${name}`))
  )
  return workspace === undefined || isEverything(workspace) ? [own] : [own, workspace]
}

/** Reads sources of this program, and source maps. */
export class ProgramFiles {
  private roots: { readonly given: ReadonlyArray<string>; readonly real: ReadonlyArray<string> } | undefined

  /** `more`: directories besides those that are found. */
  constructor(private readonly more: ReadonlyArray<string> = []) {}

  /** The text of a source or a source map, if it is one of this program, and no longer than that. Throws nothing. */
  read(path: string, kind: "source" | "map", maxLength: number): string | undefined {
    try {
      const fs = builtin<FileSystem>("node:fs")
      if (fs === undefined) return undefined
      const { given, real } = this.roots ??= this.findRoots(fs)
      // Asked first, so that nothing outside is even looked at: a path on another machine would be dialled.
      if (!mayRead(path, kind, given) || !isPermitted(path)) return undefined
      const target = fs.realpathSync(path)
      if (!mayRead(target, kind, real)) return undefined
      const bytes = readRegular(fs, target, maxLength)
      // A mark of byte order is left out by it.
      return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
    } catch {
      return undefined
    }
  }

  private findRoots(fs: FileSystem) {
    const attempt = <A>(f: () => A, otherwise: A): A => {
      try {
        return f()
      } catch {
        return otherwise
      }
    }
    const directory = workingDirectory !== undefined && !isEverything(workingDirectory) ? [workingDirectory] : []
    const main = hostProcess()?.argv?.[1]
    const program = main === undefined ? [] : attempt(() => isPermitted(main) ? programOf(fs, main) : [], [])
    const absolute = (path: string) =>
      /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(path) || workingDirectory === undefined ? path : `${workingDirectory}/${path}`
    const found = [...directory, ...program, ...this.more.map(absolute)]
    const real = found.map((path) => attempt(() => fs.realpathSync(path), path))
    return { given: [...found, ...real], real }
  }
}
