/**
 * Events that PostHog refused, kept for somebody who wants to look, in the form of `lines.ts`: the event, and behind it
 * a remark about why.
 *
 * ```
 * <directory>/<digest of host and key>/dead/<life>.log
 * ```
 */
import * as Effect from "effect/Effect"
import type { WireEvent } from "../../../core/event/wireEvent.js"
import { isRecord } from "../../../core/guard.js"
import { redactText } from "../../../core/secrets.js"
import { describe } from "../../../core/thrown.js"
import type { DropReason } from "../../../PostHogError.js"
import type { Diagnostics } from "../../diagnostics.js"
import type { Batch } from "../batch.js"
import { detailOf, type Failure } from "../failure.js"
import { attempt, codeOf, type FileSystem } from "./disk.js"
import { OutboxStorageError } from "./errors.js"
import { kinds } from "./kinds.js"
import { newId } from "./life.js"
import { LineBuffer, parse, pendingOf } from "./lines.js"

/**
 * An event that PostHog refused.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeadLetter {
  /** As it was sent: with its uuid and its timestamp. */
  readonly event: Readonly<WireEvent>
  readonly reason: DropReason
  /** Status of PostHog's answer, if it was for the status. */
  readonly status?: number | undefined
  /** What was said, for people. */
  readonly detail?: string | undefined
  /** When it was refused, in milliseconds since the epoch. */
  readonly at: number
}

export type Filter = (letter: DeadLetter) => boolean

/** What a store has of dead letters. It fails where it cannot say all: a list with gaps looks like a complete one. */
export interface Letters {
  readonly list: (isMeant: Filter) => Effect.Effect<ReadonlyArray<DeadLetter>, OutboxStorageError>
  /** Captures them again, and forgets them. Gives how many. */
  readonly replay: (isMeant: Filter) => Effect.Effect<number, OutboxStorageError>
  /** Forgets them. Gives how many. */
  readonly discard: (isMeant: Filter) => Effect.Effect<number, OutboxStorageError>
}

/** A letter as it is found. */
interface Found {
  readonly file: string
  readonly number: number
  readonly lane: string
  readonly text: string
  readonly letter: DeadLetter
}

const decoder = new TextDecoder()

export class DeadLetters {
  private number = 0
  private readonly file: string

  constructor(
    private readonly fs: FileSystem,
    private readonly directory: string,
    life: string,
    private readonly maxBytes: number,
    private readonly diagnostics: Diagnostics,
    private readonly wall: () => number
  ) {
    this.file = `${directory}/${life}.log`
  }

  /** Keeps events that were refused. What cannot be written is lost, as it would be without this. */
  add(lane: string, batch: Batch, reason: DropReason, failure: Failure | undefined): void {
    const { diagnostics, directory, fs } = this
    const detail = detailOf(failure)
    const why = JSON.stringify({
      lane,
      reason,
      status: failure?.status,
      detail: detail === undefined ? undefined : redactText(detail),
      at: this.wall()
    })
    const lines = new LineBuffer(batch.size + batch.count * 256)
    for (let at = 0; at < batch.count; at++) {
      lines.event(this.number, batch.text(at))
      lines.remark(this.number++, why)
    }
    const isKept = attempt(() => {
      fs.make(directory)
      this.makeRoom(lines.used)
      this.append(this.file, lines)
    })
    if (!isKept) return
    diagnostics.emit(
      kinds.deadLettered,
      () => ({ _tag: "DeadLettered", count: batch.count, reason, events: batch.heads() })
    )
  }

  /** The oldest files go first; the own one, too, when it is alone. */
  private makeRoom(bytes: number): void {
    const { fs } = this
    const files = this.files().map((file) => ({ file, size: fs.size(file) }))
    let room = this.maxBytes - bytes - files.reduce((sum, { size }) => sum + size, 0)
    for (const { file, size } of files) {
      if (room >= 0) return
      fs.remove(file)
      room += size
    }
  }

  private append(file: string, lines: LineBuffer): void {
    const opened = this.fs.open(file)
    try {
      this.fs.write(opened, lines.filled)
    } finally {
      this.fs.close(opened)
    }
  }

  /** Throws when that cannot be known. */
  private files(): ReadonlyArray<string> {
    const { directory, fs } = this
    const names = (): ReadonlyArray<string> => {
      try {
        return fs.list(directory)
      } catch (error) {
        return orAbsent([])(error)
      }
    }
    return names().filter((name) => name.endsWith(".log")).map((name) => `${directory}/${name}`)
  }

  /** Those that are meant. Fails with what the system says when there are some that cannot be read. */
  readonly list = (isMeant: Filter): Effect.Effect<ReadonlyArray<Found>, unknown> =>
    Effect.flatMap(
      Effect.tryPromise({ try: () => this.read(), catch: (error) => error }),
      (found) => Effect.sync(() => found.filter(({ letter }) => isMeant(letter)))
    )

  private async read(): Promise<ReadonlyArray<Found>> {
    const found: Array<Found> = []
    for (const file of this.files()) {
      // One after the other: they may be large.
      // oxlint-disable-next-line no-await-in-loop
      const bytes = await this.fs.read(file).catch(orAbsent(new Uint8Array(0)))
      const parsed = parse(bytes)
      const remarks = new Map(parsed.remarks.map(({ end, number, start }) => [number, [start, end] as const]))
      for (const { end, number, start } of pendingOf(parsed)) {
        const [from, to] = remarks.get(number) ?? [0, 0]
        const text = decoder.decode(bytes.subarray(start, end))
        const letter = letterOf(text, decoder.decode(bytes.subarray(from, to)))
        if (letter !== undefined) {
          found.push({ file, number, text, letter: letter[0], lane: letter[1] })
        }
      }
    }
    return found
  }

  /** Forgets letters. Fails with what the system says when some cannot be forgotten. */
  readonly settle = (found: ReadonlyArray<Found>): Effect.Effect<void, unknown> =>
    Effect.tryPromise({ try: () => this.forget(found), catch: (error) => error })

  private async forget(found: ReadonlyArray<Found>): Promise<void> {
    const byFile = new Map<string, LineBuffer>()
    for (const { file, number } of found) {
      let lines = byFile.get(file)
      if (lines === undefined) byFile.set(file, lines = new LineBuffer())
      lines.settled(number, number)
    }
    for (const [file, lines] of byFile) this.append(file, lines)
    // oxlint-disable-next-line no-await-in-loop
    for (const file of byFile.keys()) await this.sweep(file)
  }

  /**
   * Removes a file in which nothing is left to be listed: its text is still there. Its process may add something
   * meanwhile, so it gets another name first, and is looked at once more.
   */
  private async sweep(file: string): Promise<void> {
    if (!await this.isSettled(file)) return
    const moved = `${file.slice(0, -".log".length)}-${newId(this.wall())}.log`
    if (!attempt(() => this.fs.rename(file, moved))) return
    if (await this.isSettled(moved)) attempt(() => this.fs.remove(moved))
  }

  private readonly isSettled = (file: string): Promise<boolean> =>
    this.fs.read(file).then((bytes) => pendingOf(parse(bytes)).length === 0, () => false)

  /** Forgets all of them. */
  clear(): void {
    attempt(() => this.files().forEach((file) => attempt(() => this.fs.remove(file))))
  }
}

/** What is not there is empty: another process may have removed it. */
const orAbsent = <A>(absent: A) => (error: unknown): A => {
  if (codeOf(error) === "ENOENT") return absent
  throw error
}

/** What the system says about dead letters, as callers are told. */
export const lettersError = (operation: "list" | "replay" | "discard") => (error: unknown): OutboxStorageError =>
  new OutboxStorageError({ reason: "storage", operation, detail: typeof error === "string" ? error : describe(error) })

/** The letter that two lines make, and its lane; `undefined`: they make none. */
const letterOf = (text: string, remark: string): readonly [DeadLetter, string] | undefined => {
  try {
    const event = JSON.parse(text) as WireEvent
    const why: unknown = remark === "" ? {} : JSON.parse(remark)
    if (!isRecord(event) || !isRecord(why)) return undefined
    const { at, detail, lane, reason, status } = why
    return [{
      event: event as unknown as WireEvent,
      reason: typeof reason === "string" ? reason as DropReason : "rejected",
      status: typeof status === "number" ? status : undefined,
      detail: typeof detail === "string" ? detail : undefined,
      at: typeof at === "number" ? at : 0
    }, typeof lane === "string" ? lane : ""]
  } catch {
    return undefined
  }
}
