/**
 * The options of an outbox in Redis.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isObject } from "../../../core/guard.js"
import type { ConfigurationError } from "../../../PostHogError.js"
import * as Kind from "../../optionKinds.js"
import type { RedisCommand } from "../../redisCommand.js"
import type { ReaderSettings } from "./reader.js"

/**
 * How a fleet keeps its events in Redis.
 *
 * @since 0.1.0
 * @category models
 */
export interface RedisOptions {
  /**
   * Sends one command to Redis, through the client that the program has: `(parts) => client.sendCommand(parts)`, or
   * `([name, ...rest]) => client.call(name, ...rest)` with `ioredis`. It should fail while there is no connection,
   * and not keep the command for later.
   */
  readonly send: RedisCommand
  /** Begin of the names of all keys. Default `effect-posthog:`. */
  readonly stream?: string | undefined
  /**
   * Bytes of the stream of a kind of events, compressed as they are. Beyond it the option `overflow` decides: the
   * oldest events that nobody has taken are dropped as `queue_full`, or new ones wait in memory. Default 512 MiB.
   */
  readonly maxBytes?: number | undefined
  /**
   * Events that have been in a stream for longer, by Redis's clock, are dropped as `expired`, about every ten seconds.
   * Default: no limit.
   */
  readonly maxAge?: Duration.DurationInput | undefined
  /**
   * Whether events that PostHog refused are kept, see {@link deadLetters}, and how many bytes of them. Beyond it the
   * oldest go. Default 16 MiB; `false`: none are kept.
   */
  readonly deadLetters?: false | { readonly maxBytes?: number | undefined } | undefined
  /**
   * Whether this process sends what is in the streams. Default: if it sends in the background. A process that does not
   * only stores events, and needs others that send them.
   */
  readonly deliver?: boolean | undefined
  /**
   * What a process has taken and not touched for so long belongs to a process that is gone, and another one takes it
   * over, half that time later at the earliest. Processes touch what they hold four times as often, however long
   * sending takes. Default 30 seconds.
   */
  readonly claimAfter?: Duration.DurationInput | undefined
  /** The longest time between two looks for new events while there are none. Default 1 second. */
  readonly pollInterval?: Duration.DurationInput | undefined
  /** Time limit of a command. Default 5 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}

/** The options, checked and completed. */
export interface Settings extends ReaderSettings {
  readonly send: RedisCommand
  /** Begin of all keys. */
  readonly prefix: string
  readonly maxBytes: number
  /** In milliseconds. */
  readonly maxAge: number | undefined
  readonly timeout: Duration.Duration
  readonly delivers: boolean | undefined
}

const mebibyte = 1024 * 1024

const name: Pick<Kind.Kind<unknown, string>, "check"> = {
  check: (given) =>
    typeof given === "string" && given !== "" && given.length <= 200 && !/[{}\s]/.test(given)
      ? given
      : new Kind.Problem("has to be a short text without spaces and braces")
}

const command: Pick<Kind.Kind<unknown, RedisCommand>, "check"> = {
  check: (given) =>
    typeof given === "function"
      ? given as RedisCommand
      : new Kind.Problem("has to be the function that sends a command to Redis")
}

const lettersKind: Pick<Kind.Kind<unknown, false | { readonly maxBytes?: unknown }>, "check"> = {
  check: (given) =>
    given === false || isObject(given) ? given : new Kind.Problem("has to be false, or an object with maxBytes")
}

/** In whole milliseconds, because Redis takes no others. */
const millisOf = (option: string, given: Duration.DurationInput): Effect.Effect<number, ConfigurationError> =>
  Effect.map(Kind.checked(option, Kind.timeLimit(Duration.zero), given), (time) => Math.ceil(Duration.toMillis(time)))

/** Checks the options, and fills the gaps. */
export const settingsOf = Effect.fnUntraced(
  function*(given: RedisOptions): Effect.fn.Return<Settings, ConfigurationError> {
    const { claimAfter = "30 seconds", deadLetters = {}, deliver, maxAge, maxBytes = 512 * mebibyte } = given
    const { pollInterval = "1 second", stream = "effect-posthog:", timeout = "5 seconds" } = given
    const letters = yield* Kind.checked("deadLetters", lettersKind, deadLetters)
    return {
      send: yield* Kind.checked("send", command, given.send),
      prefix: yield* Kind.checked("stream", name, stream),
      maxBytes: yield* Kind.checked("maxBytes", Kind.count(0, mebibyte), maxBytes),
      maxAge: maxAge === undefined ? undefined : yield* millisOf("maxAge", maxAge),
      maxDeadBytes: letters === false
        ? undefined
        : yield* Kind.checked("deadLetters.maxBytes", Kind.count(0, 0), letters.maxBytes ?? 16 * mebibyte),
      delivers: deliver === undefined ? undefined : yield* Kind.checked("deliver", Kind.flag(true), deliver),
      claimAfter: Math.max(yield* millisOf("claimAfter", claimAfter), 100),
      pollInterval: Math.max(yield* millisOf("pollInterval", pollInterval), 1),
      timeout: yield* Kind.checked("timeout", Kind.timeLimit(Duration.zero), timeout)
    }
  }
)
