/**
 * The way of a batch into the stream of its lane, where any process of the fleet takes it from. For the queue it is a
 * transport like another.
 */
import * as Effect from "effect/Effect"
import type { Form } from "../../../core/event/properties.js"
import type { Batch } from "../batch.js"
import type { Retryable } from "../failure.js"
import type { Transport } from "../transport.js"
import { encode } from "./element.js"
import type { Health } from "./health.js"
import type { Removed, Streams, Trouble } from "./redis.js"

export interface Parts {
  readonly streams: Streams
  readonly form: Form | undefined
  readonly health: Health
  /** Of the stream. */
  readonly maxBytes: number
  /** In milliseconds. */
  readonly maxAge: number | undefined
  /** Whether what is too much is refused. Else the oldest entries are removed. */
  readonly refuses: boolean
  /** Whether there is no later, so that what failed is tried again at once. */
  readonly isClosing: () => boolean
  readonly now: () => number
  readonly onAppended: () => void
  readonly onRemoved: (removed: Removed) => Effect.Effect<void>
}

/** Entries that are removed in one step. */
const removedAtOnce = 16

/** So often is looked for what is too old, in milliseconds. */
const agePause = 10_000

/** While closing, the time between two attempts, in milliseconds. */
const closingPause = 100

/** So many batches may be remembered whose answers got lost. */
const maxDoubtful = 64

const full: Trouble = {
  _tag: "Trouble",
  operation: "append",
  code: undefined,
  detail: "the stream has as many bytes as it may have",
  isDoubtful: false
}

const late: Trouble = {
  _tag: "Trouble",
  operation: "append",
  code: undefined,
  detail: "no answer before the end",
  isDoubtful: true
}

export class Appender implements Transport {
  /** Why the last batch could not be stored; `undefined`: it could. */
  trouble: Trouble | undefined
  /** Whether that was for lack of room. */
  get isFull(): boolean {
    return this.trouble === full
  }
  /** The last entry that this process has added. */
  last: string | undefined

  /** First uuids of batches that may be in the stream without this process knowing it, oldest first. */
  private readonly doubtful = new Set<string>()
  private lookedAt = Number.NEGATIVE_INFINITY
  private isTrimming = false

  constructor(private readonly parts: Parts) {}

  readonly send: Transport["send"] = (batch, _, mayGoOn) =>
    Effect.suspend(() => {
      if (!mayGoOn()) return Effect.fail(retryable("not stored"))
      return Effect.flatMap(encode(batch, this.parts.form), (fields) => this.append(batch, fields))
    })

  private append(batch: Batch, fields: ReadonlyArray<string>): Effect.Effect<undefined, Retryable> {
    const { health, isClosing, maxBytes, onAppended, refuses, streams } = this.parts
    const name = batch.slice(0, 1).uuids()[0]!
    const isDoubtful = this.doubtful.has(name)
    const limit = { maxBytes, refuses, isDoubtful }
    // From now on: who asks may be interrupted, by whoever sends the same batch again, and then hears of no answer.
    this.doubt(name)
    const appended = Effect.flatMap(
      streams.append(fields, limit),
      ({ bytes, id }) => id === undefined ? Effect.fail(full) : Effect.succeed({ bytes, id })
    )
    return Effect.matchEffect(appended, {
      onSuccess: ({ bytes, id }) => {
        this.trouble = undefined
        this.last = id
        this.doubtful.delete(name)
        health.succeeded("appender")
        onAppended()
        return Effect.as(this.trim(bytes), undefined)
      },
      onFailure: (trouble) => {
        this.trouble = trouble
        if (!isDoubtful && !trouble.isDoubtful) this.doubtful.delete(name)
        health.failed("appender", trouble)
        return isClosing()
          ? Effect.zipRight(Effect.sleep(closingPause), Effect.suspend(() => this.append(batch, fields)))
          : Effect.fail(retryable(trouble.detail))
      }
    })
  }

  private doubt(name: string): void {
    this.doubtful.delete(name)
    this.doubtful.add(name)
    // Batches that were given up stay here.
    for (const oldest of this.doubtful) {
      if (this.doubtful.size <= maxDoubtful) return
      this.doubtful.delete(oldest)
    }
  }

  /** Says that what was not stored until now is not stored at all. */
  gaveUp(): void {
    this.parts.health.failed("appender", this.trouble ?? late)
  }

  /** Removes what is too much or too old, and no more than that at a time: the next batch goes on. */
  private trim(bytes: number): Effect.Effect<void> {
    const { health, maxAge, maxBytes, now, onRemoved, refuses, streams } = this.parts
    const isTooMuch = bytes > maxBytes && !refuses
    const isTime = maxAge !== undefined && now() - this.lookedAt > Math.min(agePause, maxAge / 4)
    if (this.isTrimming || !isTooMuch && !isTime) return Effect.void
    this.isTrimming = true
    this.lookedAt = now()
    const most = refuses ? Number.MAX_SAFE_INTEGER : maxBytes
    return Effect.matchEffect(streams.trim(most, maxAge, removedAtOnce), {
      onSuccess: (removed) => Effect.forEach(removed, onRemoved, { discard: true }),
      onFailure: (trouble) => Effect.sync(() => health.failed("appender", trouble))
    }).pipe(Effect.ensuring(Effect.sync(() => this.isTrimming = false)))
  }
}

const retryable = (detail: string): Retryable => ({ _tag: "Retryable", reason: "connection", detail })
