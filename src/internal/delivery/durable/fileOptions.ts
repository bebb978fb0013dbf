/**
 * The options of an outbox on disk.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isRecord } from "../../../core/guard.js"
import type { ConfigurationError } from "../../../PostHogError.js"
import { variable } from "../../environment.js"
import * as Kind from "../../optionKinds.js"
import type { Settings } from "./fileStore.js"

/**
 * How events are kept on disk.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOptions {
  /**
   * Where. Made with the rights 0700 if need be, and below it a directory for each host and key. It has to be on a disk
   * of this machine; processes of one machine can share it.
   */
  readonly directory: string
  /**
   * After which time what was written is synced, so that it survives a power cut: at once after each turn of the event
   * loop with 0, or `"never"`. What is not synced survives the end of the process all the same. Default 1 second.
   */
  readonly sync?: "never" | Duration.DurationInput | undefined
  /** Bytes of all events that this process has on disk; beyond it the option `overflow` decides. Default 512 MiB. */
  readonly maxBytes?: number | undefined
  /** The same for their number. Default: no limit. */
  readonly maxEvents?: number | undefined
  /**
   * Events that are older when they are read back from the disk are dropped as `expired`. By their own timestamps, so
   * that one wrong clock can expire them all. Default: no limit.
   */
  readonly maxAge?: Duration.DurationInput | undefined
  /** Bytes of one file. Default 8 MiB, less where memory or disk are to hold less. */
  readonly segmentBytes?: number | undefined
  /**
   * Whether events that PostHog refused are kept, see {@link deadLetters}, and how many bytes of them. Beyond it the
   * oldest go. Default 16 MiB; `false`: none are kept.
   */
  readonly deadLetters?: false | { readonly maxBytes?: number | undefined } | undefined
}

const mebibyte = 1024 * 1024

const directory: Pick<Kind.Kind<unknown, string>, "check"> = {
  check: (given) => {
    const text = typeof given === "string" ? given.replace(/(?<=.)\/+$/, "") : ""
    return text === "" || text.includes("\0") ? new Kind.Problem("is no path of a directory") : text
  }
}

const sync: Pick<Kind.Kind<unknown, number | undefined>, "check"> = {
  check: (given) => {
    if (given === "never") return undefined
    const duration = Kind.limitOf(given)
    return duration instanceof Kind.Problem
      ? new Kind.Problem(`${duration.text}; or "never"`)
      : Duration.toMillis(duration)
  }
}

const deadLetterOptions: Pick<Kind.Kind<unknown, false | { readonly maxBytes?: unknown }>, "check"> = {
  check: (given) =>
    given === false || isRecord(given)
      ? given
      : new Kind.Problem("is neither false nor an object; write { maxBytes: 16 * 1024 * 1024 }")
}

/** Checks the options, and fills the gaps. */
export const settingsOf = Effect.fnUntraced(
  function*(given: FileOptions): Effect.fn.Return<Settings, ConfigurationError> {
    const { maxAge, maxBytes = 512 * mebibyte, maxEvents = Number.POSITIVE_INFINITY } = given
    const { deadLetters = {}, segmentBytes = 8 * mebibyte } = given
    const letters = yield* Kind.checked("deadLetters", deadLetterOptions, deadLetters)
    const letterBytes = letters === false ? 0 : letters.maxBytes ?? 16 * mebibyte
    const age = maxAge === undefined ? undefined : yield* Kind.checked("maxAge", Kind.timeLimit(Duration.zero), maxAge)
    return {
      directory: yield* Kind.checked("directory", directory, given.directory, "POSTHOG_OUTBOX_DIRECTORY"),
      syncMillis: yield* Kind.checked("sync", sync, given.sync ?? "1 second", "POSTHOG_OUTBOX_SYNC"),
      maxBytes: yield* Kind.checked("maxBytes", Kind.count(0, mebibyte), maxBytes, "POSTHOG_OUTBOX_MAX_BYTES"),
      maxEvents: yield* Kind.checked("maxEvents", Kind.count(0, 1), maxEvents),
      maxAge: age && Duration.toMillis(age),
      segmentBytes: yield* Kind.checked("segmentBytes", Kind.count(0, 64 * 1024), segmentBytes),
      deadLetterBytes: yield* Kind.checked("deadLetters.maxBytes", Kind.count(0, 0), letterBytes)
    }
  }
)

/** Options from the environment. */
export const config: Config.Config<FileOptions> = /* #__PURE__ */ (() =>
  Config.map(
    Config.all({
      directory: variable("POSTHOG_OUTBOX_DIRECTORY", "directory", (text) => text),
      sync: variable("POSTHOG_OUTBOX_SYNC", "sync", (text) => text === "never" ? text : Kind.durationOf(text)),
      maxBytes: variable(
        "POSTHOG_OUTBOX_MAX_BYTES",
        "maxBytes",
        (text) => /^\d{1,15}$/.test(text) ? Number(text) : new Kind.Problem("is no number of bytes")
      )
    }),
    ({ directory, maxBytes, sync }): FileOptions => ({ directory: directory ?? "", maxBytes, sync })
  ))()
