/**
 * What dead processes have left becomes this one's: once when it begins, and from time to time while it lives.
 */
import * as Effect from "effect/Effect"
import { describe } from "../../../core/thrown.js"
import type { Diagnostics } from "../../diagnostics.js"
import type { Gate } from "../gate.js"
import { attempt, codeOf, type FileSystem } from "./disk.js"
import type { FileBacking } from "./fileBacking.js"
import { kinds } from "./kinds.js"
import { type Life, namesIn, removeEmpty } from "./life.js"
import { parse, pendingOf } from "./lines.js"

/** Most bytes of a file with lines that could not be read. */
const maxSetAside = 1024 * 1024

export interface Parts {
  readonly fs: FileSystem
  readonly life: Life
  readonly gate: Gate
  readonly diagnostics: Diagnostics
  /** Where lines go that cannot be read. */
  readonly setAside: string
}

/** Takes over what there is for a lane. One at a time: two would read the same file, and copy it twice. */
export const adopt = (backing: FileBacking, parts: Parts): Effect.Effect<void> =>
  backing.alone(adoptAlone(backing, parts))

const adoptAlone = Effect.fnUntraced(function*(backing: FileBacking, parts: Parts): Effect.fn.Return<void> {
  const { diagnostics, fs, gate, life } = parts
  backing.journal.look()
  yield* backing.removeCopied
  const { faults, files, lives } = yield* life.adopt(backing.front.lane.name)
  const tell = (path: string, error: unknown): void => {
    // Somebody else may have taken or removed it meanwhile.
    const code = codeOf(error)
    if (code !== "ENOENT" && code !== "ENOTDIR") backing.unreadableOnce(path, describe(error))
  }
  for (const { error, path } of faults) tell(path, error)
  let count = 0
  let bytes = 0
  const damaged: Array<Uint8Array> = []
  for (const file of files) {
    const stored = yield* Effect.promise(() => fs.read(file).catch((error: unknown) => void tell(file, error)))
    if (stored === undefined) continue
    const parsed = parse(stored)
    const received = backing.receive(file, stored, pendingOf(parsed))
    if (received === undefined) continue
    for (const [start, end] of parsed.damaged) damaged.push(stored.slice(start, end))
    if (received > 0) bytes += stored.length
    count += received
  }
  yield* backing.removeCopied
  for (const name of namesIn(fs, backing.directory)) {
    if (!name.endsWith(".log")) removeEmpty(fs, `${backing.directory}/${name}`)
  }
  // Without consent nothing is kept, not even what nobody can read.
  const mayKeep = (): boolean => gate.phase !== "opted_out"
  if (damaged.length > 0 && mayKeep()) {
    yield* Effect.promise(() => setAside(fs, parts.setAside, damaged, mayKeep))
    diagnostics.emit(
      kinds.setAside,
      () => ({ _tag: "LinesSetAside", count: damaged.length, file: parts.setAside })
    )
  }
  if (count > 0) {
    diagnostics.emit(
      kinds.recovered,
      () => ({ _tag: "OutboxRecovered", count, bytes, damaged: damaged.length, lives })
    )
  }
  if (!mayKeep()) backing.purge()
  else if (count > 0) backing.front.arrived()
})

/** Keeps lines for somebody who wants to look, as long as there are few of them. */
const setAside = async (
  fs: FileSystem,
  path: string,
  lines: ReadonlyArray<Uint8Array>,
  mayKeep: () => boolean
): Promise<void> => {
  const stored = await fs.read(path).catch(() => new Uint8Array(0))
  if (!mayKeep()) return
  let room = maxSetAside - stored.length
  attempt(() => {
    const file = fs.open(path)
    try {
      for (const line of lines) {
        room -= line.length + 1
        if (room < 0) return
        fs.write(file, line)
        fs.write(file, Uint8Array.of(0x0a))
      }
    } finally {
      fs.close(file)
    }
  })
}
