/**
 * What is needed of a file system, and Node's behind it. Writing is synchronous: what a call has written outlives the
 * process, however that ends. Effect's `FileSystem` has neither that nor `fdatasync`.
 */
import { read } from "../../../core/guard.js"
import { builtin, hostProcess } from "../../node.js"

export interface Disk {
  /** Opens a file for appending; makes it if need be. */
  readonly open: (path: string) => number
  /** Appends all of it, or throws; a part may be there then. */
  readonly write: (file: number, bytes: Uint8Array) => void
  readonly close: (file: number) => void
  readonly remove: (path: string) => void
  readonly rename: (from: string, to: string) => void
  /** Names in a directory, in order. */
  readonly list: (path: string) => ReadonlyArray<string>
  /** Whether there is a file of that name, and it is this one if it is open. In doubt it is. */
  readonly has: (path: string, file: number | undefined) => boolean
  readonly read: (path: string) => Promise<Uint8Array>
  readonly sync: (file: number) => Promise<void>
  /** The names in a directory, and its own name and those above it where they are new. */
  readonly syncDirectory: (path: string) => Promise<void>
}

/** Directories, which the journal itself does not care about. */
export interface Directories {
  /** Makes a directory and those above it, for this user only. */
  readonly make: (path: string) => void
  /** Removes a directory that is empty. */
  readonly removeEmpty: (path: string) => void
  /** Bytes of a file. */
  readonly size: (path: string) => number
}

export type FileSystem = Disk & Directories

type Callback<A> = (error: unknown, value: A) => void

interface Status {
  readonly size: number
  readonly ino: number
  readonly dev: number
}

/** The part of `node:fs` that is used. */
interface NodeFs {
  readonly openSync: (path: string, flags: string, mode: number) => number
  readonly writeSync: (file: number, bytes: Uint8Array, offset: number) => number
  readonly closeSync: (file: number) => void
  readonly unlinkSync: (path: string) => void
  readonly renameSync: (from: string, to: string) => void
  readonly readdirSync: (path: string) => Array<string>
  readonly mkdirSync: (path: string, options: { readonly mode: number }) => unknown
  readonly rmdirSync: (path: string) => void
  readonly statSync: (path: string) => Status
  readonly fstatSync: (file: number) => Status
  readonly open: (path: string, flags: string, done: Callback<number>) => void
  readonly close: (file: number, done: Callback<void>) => void
  readonly fsync: (file: number, done: Callback<void>) => void
  readonly fdatasync: (file: number, done: Callback<void>) => void
  readonly readFile: (path: string, done: Callback<Uint8Array>) => void
}

const promised = <A>(start: (done: Callback<A>) => void): Promise<A> =>
  new Promise((resolve, reject) => {
    // What the system says is an `Error` already.
    // oxlint-disable-next-line prefer-promise-reject-errors
    start((error, value) => error === null || error === undefined ? resolve(value) : reject(error))
  })

/**
 * Makes a directory and those above it. Not by Node's own `recursive`, which goes round for ever where nothing can be
 * made and nothing says why: in `/proc`, or in a directory that was removed.
 */
const make = (fs: NodeFs, path: string, made: Set<string>): void => {
  if (makeOne(fs, path, made)) return
  const parent = parentOf(path)
  if (parent !== "") make(fs, parent, made)
  if (!makeOne(fs, path, made)) {
    throw Object.assign(new Error(`ENOENT: no such directory, mkdir '${path}'`), { code: "ENOENT" })
  }
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"))

/** Says whether the directory is there now; if not, one above it is missing. */
const makeOne = (fs: NodeFs, path: string, made: Set<string>): boolean => {
  try {
    fs.mkdirSync(path, { mode: 0o700 })
    made.add(path)
    return true
  } catch (error) {
    const code = codeOf(error)
    // Another process may have made it meanwhile. If it is a file, whatever comes next says so.
    if (code === "EEXIST") return true
    if (code === "ENOENT") return false
    throw error
  }
}

/** The same path for good, also when the program changes its directory. Throws where there is none. */
export const absolute = (path: string): string =>
  path.startsWith("/") ? path : `${hostProcess()?.cwd?.() ?? ""}/${path.replace(/^(?:\.\/+)+/, "")}`

/** The file system, where there is Node's. */
export const nodeDisk = (): FileSystem | undefined => {
  const fs = builtin<NodeFs>("node:fs")
  if (typeof fs?.writeSync !== "function") return undefined
  /** New directories whose names may be gone after a power cut, and all that is in them. */
  const made = new Set<string>()
  const syncDirectory = async (path: string): Promise<void> => {
    const file = await promised<number>((done) => fs.open(path, "r", done))
    try {
      await promised<void>((done) => fs.fsync(file, done))
    } finally {
      await promised<void>((done) => fs.close(file, done))
    }
  }
  /** A directory in which names can be made and not be read cannot be synced by anybody. */
  const syncParent = (path: string): Promise<void> =>
    syncDirectory(parentOf(path) || "/").catch((error: unknown) => {
      if (codeOf(error) !== "EACCES") throw error
    })
  return {
    open: (path) => fs.openSync(path, "a", 0o600),
    write: (file, bytes) => {
      for (let at = 0; at < bytes.length;) at += fs.writeSync(file, bytes, at)
    },
    close: (file) => fs.closeSync(file),
    remove: (path) => fs.unlinkSync(path),
    rename: (from, to) => fs.renameSync(from, to),
    list: (path) => fs.readdirSync(path).sort(),
    make: (path) => make(fs, path, made),
    removeEmpty: (path) => fs.rmdirSync(path),
    size: (path) => fs.statSync(path).size,
    has: (path, file) => {
      try {
        const named = fs.statSync(path)
        if (file === undefined) return true
        const opened = fs.fstatSync(file)
        return named.ino === opened.ino && named.dev === opened.dev
      } catch (error) {
        const code = codeOf(error)
        return code !== "ENOENT" && code !== "ENOTDIR"
      }
    },
    read: (path) => promised((done) => fs.readFile(path, done)),
    sync: (file) => promised((done) => fs.fdatasync(file, done)),
    syncDirectory: async (path) => {
      await syncDirectory(path)
      const above = Array.from(made).filter((one) => `${path}/`.startsWith(`${one}/`))
      await Promise.all(above.map(syncParent))
      for (const one of above) made.delete(one)
    }
  }
}

/** The code of what a system call failed with, such as `ENOENT`. */
export const codeOf = (error: unknown): string | undefined => {
  const code = read(error, "code")
  return typeof code === "string" ? code : undefined
}

/** Does what may fail, and says whether it did not. */
export const attempt = (action: () => void): boolean => {
  try {
    action()
    return true
  } catch {
    return false
  }
}
