/**
 * Files in memory that outlive the process which wrote them: each process has a view of them, which ends with it.
 */
import type { FileSystem } from "../../src/internal/delivery/durable/disk.js"

const absent = (path: string): Error => Object.assign(new Error(`ENOENT: no such file ${path}`), { code: "ENOENT" })

export class MemoryDisk {
  readonly files = new Map<string, Uint8Array>()

  /** How a process sees it. After `kill` nothing works there any more. */
  view(): FileSystem & { readonly kill: () => void } {
    const { files } = this
    const opened: Array<string | undefined> = []
    let isDead = false
    const alive = (): void => {
      if (isDead) throw new Error("EIO: the process has ended")
    }
    const pathOf = (file: number): string => {
      alive()
      const path = opened[file]
      if (path === undefined) throw new Error("EBADF: bad file descriptor")
      return path
    }
    const below = (path: string): ReadonlyArray<string> =>
      Array.from(files.keys()).filter((name) => name.startsWith(`${path}/`))
    return {
      kill: () => {
        isDead = true
      },
      open: (path) => {
        alive()
        if (!files.has(path)) files.set(path, new Uint8Array())
        return opened.push(path) - 1
      },
      write: (file, bytes) => {
        const path = pathOf(file)
        const before = files.get(path)
        if (before === undefined) return
        const after = new Uint8Array(before.length + bytes.length)
        after.set(before)
        after.set(bytes, before.length)
        files.set(path, after)
      },
      close: (file) => {
        opened[file] = undefined
      },
      remove: (path) => {
        alive()
        if (!files.delete(path)) throw absent(path)
      },
      rename: (from, to) => {
        alive()
        const file = files.get(from)
        const inside = below(from)
        if (file === undefined && inside.length === 0) throw absent(from)
        if (file !== undefined) {
          files.delete(from)
          files.set(to, file)
        }
        for (const name of inside) {
          files.set(to + name.slice(from.length), files.get(name)!)
          files.delete(name)
        }
        for (const [i, path] of opened.entries()) if (path === from) opened[i] = to
      },
      list: (path) => {
        alive()
        return Array.from(new Set(below(path).map((name) => name.slice(path.length + 1).split("/")[0]!))).sort()
      },
      make: () => alive(),
      removeEmpty: () => alive(),
      size: (path) => files.get(path)?.length ?? 0,
      has: (path, file) => isDead || (file === undefined ? files.has(path) : opened[file] === path && files.has(path)),
      read: (path) => {
        const bytes = isDead ? undefined : files.get(path)
        return bytes === undefined ? Promise.reject(absent(path)) : Promise.resolve(bytes.slice())
      },
      sync: () => isDead ? new Promise(() => {}) : Promise.resolve(),
      syncDirectory: () => isDead ? new Promise(() => {}) : Promise.resolve()
    }
  }
}
