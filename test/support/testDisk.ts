/**
 * A disk in memory on which everything that can happen to a disk does: it ends at any operation (which is then done,
 * half done or not done), says that it is full, completes syncs late and in any order, and forgets what was not synced.
 */
import type { FileSystem } from "../../src/internal/delivery/durable/disk.js"
import type { Random } from "./random.js"

interface Inode {
  bytes: Uint8Array
  length: number
  /** How much of it is safe from a power cut. */
  synced: number
}

/** What every operation throws once the process has ended. */
export class Died extends Error {}

const full = (): Error => Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })
const absent = (): Error => Object.assign(new Error("ENOENT: no such file or directory"), { code: "ENOENT" })

export interface TestDiskOptions {
  /** The operation at which the process ends, counted from 0. Default: none. */
  readonly diesAt?: number | undefined
  /** How many of 100 operations fail that may fail. Default 0. */
  readonly faults?: number | undefined
}

export class TestDisk implements FileSystem {
  readonly files = new Map<string, Inode>()
  /** Names that are safe from a power cut. */
  private named = new Map<string, Inode>()
  private readonly open_: Array<Inode | undefined> = []
  /** Syncs that are under way. */
  readonly syncing: Array<() => void> = []
  operations = 0
  isDead = false
  faults: number

  constructor(private readonly random: Random, private readonly options: TestDiskOptions = {}) {
    this.faults = options.faults ?? 0
  }

  private step(whole: () => void, part?: () => void, mayFail = false): void {
    if (this.isDead) throw new Died()
    if (this.operations++ === this.options.diesAt) {
      this.isDead = true
      const dice = this.random.below(10)
      if (dice < 3) whole()
      else if (dice < 8) part?.()
      throw new Died()
    }
    if (mayFail && this.random.chance(this.faults)) {
      part?.()
      throw full()
    }
    whole()
  }

  private inode(file: number): Inode {
    const inode = this.open_[file]
    if (inode === undefined) throw new Error("EBADF: bad file descriptor")
    return inode
  }

  private extend(inode: Inode, bytes: Uint8Array): void {
    if (inode.length + bytes.length > inode.bytes.length) {
      const grown = new Uint8Array(2 * (inode.length + bytes.length))
      grown.set(inode.bytes.subarray(0, inode.length))
      inode.bytes = grown
    }
    inode.bytes.set(bytes, inode.length)
    inode.length += bytes.length
  }

  open(path: string): number {
    let file = -1
    this.step(
      () => {
        let inode = this.files.get(path)
        if (inode === undefined) this.files.set(path, inode = { bytes: new Uint8Array(256), length: 0, synced: 0 })
        file = this.open_.push(inode) - 1
      },
      undefined,
      true
    )
    return file
  }

  write(file: number, bytes: Uint8Array): void {
    const inode = this.inode(file)
    this.step(
      () => this.extend(inode, bytes),
      () => this.extend(inode, bytes.subarray(0, this.random.below(bytes.length + 1))),
      true
    )
  }

  close(file: number): void {
    this.inode(file)
    this.open_[file] = undefined
    if (this.isDead) throw new Died()
  }

  remove(path: string): void {
    this.step(() => {
      if (!this.files.delete(path)) throw absent()
    })
  }

  rename(from: string, to: string): void {
    this.step(() => {
      const inode = this.files.get(from)
      if (inode === undefined) throw absent()
      this.files.delete(from)
      this.files.set(to, inode)
    })
  }

  list(path: string): ReadonlyArray<string> {
    const names = Array.from(this.files.keys()).filter((name) => name.startsWith(`${path}/`))
    return Array.from(new Set(names.map((name) => name.slice(path.length + 1).split("/")[0]!))).sort()
  }

  make(): void {}

  removeEmpty(): void {}

  size(path: string): number {
    return this.files.get(path)?.length ?? 0
  }

  has(path: string): boolean {
    return this.files.has(path)
  }

  async read(path: string): Promise<Uint8Array> {
    const inode = this.files.get(path)
    if (this.isDead) throw new Died()
    if (inode === undefined) throw absent()
    const { bytes, length } = inode
    const read = bytes.slice(0, length)
    await Promise.resolve()
    return read
  }

  sync(file: number): Promise<void> {
    const inode = this.inode(file)
    const { length } = inode
    return this.later(() =>
      this.step(
        () => {
          inode.synced = Math.max(inode.synced, length)
        },
        () => {
          inode.synced += this.random.below(Math.max(length - inode.synced, 0) + 1)
        },
        true
      )
    )
  }

  syncDirectory(path: string): Promise<void> {
    const names = Array.from(this.files).filter(([name]) => name.startsWith(`${path}/`))
    return this.later(() =>
      this.step(() => {
        this.named = new Map(names)
      })
    )
  }

  private later(f: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.syncing.push(() => {
        try {
          f()
          resolve()
        } catch (error) {
          // oxlint-disable-next-line prefer-promise-reject-errors
          reject(error)
        }
      })
    })
  }

  /** Ends a sync that is under way, any of them. */
  completeSync(): void {
    if (this.syncing.length > 0) this.syncing.splice(this.random.below(this.syncing.length), 1)[0]!()
  }

  /** What the next process finds; after a power cut, what was not synced is there in part, and zeros may stand in it. */
  remains(powerCut: boolean): ReadonlyMap<string, Uint8Array> {
    const remains = new Map<string, Uint8Array>()
    for (const [name, inode] of powerCut ? this.named : this.files) {
      const { bytes, length, synced } = inode
      const kept = powerCut ? synced + this.random.below(length - synced + 1) : length
      const left = bytes.slice(0, kept)
      if (powerCut && this.random.chance(30)) {
        for (let at = synced; at < kept; at++) if (this.random.chance(30)) left[at] = 0
      }
      remains.set(name, left)
    }
    return remains
  }
}
