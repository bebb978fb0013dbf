/**
 * The typed error of durable outboxes, which `PostHogError` exports: in a file of its own, so that programs without one
 * do not bundle it.
 */
import * as Data from "effect/Data"

/** What is done with dead letters. */
const aboutLetters: ReadonlySet<string> = /* #__PURE__ */ new Set(["list", "replay", "discard"])

/**
 * A `DurableOutbox` could not store events, or could not be used at all. `reason` says why:
 *
 * - `absent`: the instance has no `DurableOutbox`
 * - `unsupported`: the platform has no file system
 * - `path`: the directory, or a path in it, cannot be used
 * - `storage`: the disk or the server said no; `detail` has its words
 * - `full`: what may be stored is stored
 * - `refused`: the event was not taken at all: the instance is closed, or the event was dropped
 *
 * @since 0.1.0
 * @category errors
 */
export class OutboxStorageError extends Data.TaggedError("OutboxStorageError")<{
  readonly reason: "absent" | "unsupported" | "path" | "storage" | "full" | "refused"
  /** What was tried, such as `open`, `write`, `sync`, `append`, `list`, `replay`, `discard`. */
  readonly operation: string
  /** What the system said, for people. */
  readonly detail: string
}> {
  /** What happened and what to do. */
  override get message(): string {
    const what = {
      absent:
        "this instance has no durable outbox; provide DurableOutbox.layerFile or DurableOutbox.layerRedis to its layer",
      unsupported:
        "a durable outbox on disk needs a file system, which this platform does not give; leave the layer out",
      path: "the directory of the durable outbox cannot be used; choose another one",
      storage: aboutLetters.has(this.operation)
        ? "the dead letters of the durable outbox cannot be read or changed; what was not done stays as it was"
        : "the durable outbox could not store events; they are in memory alone",
      full: "the durable outbox is full; raise maxBytes or maxEvents, or send less",
      refused: "the event was not taken"
    }[this.reason]
    return `${what} (${this.operation}: ${this.detail})`
  }
}
