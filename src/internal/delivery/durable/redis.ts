/**
 * The commands for the streams of a fleet, over the one function that the program gives. Needs Redis 6.2 or later, or
 * what speaks like it.
 *
 * Each command has a time limit, a fault of the function is a failure like any other, and what is answered is read with
 * care: it comes from outside.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isList } from "../../../core/guard.js"
import { describeThrown } from "../../http/explain.js"
import type { RedisCommand } from "../../redisCommand.js"
import { entriesOf, type Entry, idOf, idsOf, numberOf, type Pending, pendingOf, readOf } from "./redisReply.js"
import * as Scripts from "./redisScripts.js"

/** Redis said no, or nothing. */
export interface Trouble {
  readonly _tag: "Trouble"
  readonly operation: string
  /** The word by which Redis tells its errors apart, such as `OOM`; `undefined`: it was not Redis that failed. */
  readonly code: string | undefined
  /** For people. */
  readonly detail: string
  /** Whether the command may have been carried out all the same. */
  readonly isDoubtful: boolean
}

/** Names and values in turn. */
export type Fields = ReadonlyArray<string>

/** What goes to the dead letters together with the end of an entry. */
export interface Settled {
  readonly id: string
  readonly dead: ReadonlyArray<Fields>
}

export interface Removed {
  readonly reason: "expired" | "queue_full"
  readonly entry: Entry
}

export interface Streams {
  /** Adds an entry; gives no id when it would be too much. */
  readonly append: (
    fields: Fields,
    limit: { readonly maxBytes: number; readonly refuses: boolean; readonly isDoubtful: boolean }
  ) => Effect.Effect<{ readonly id: string | undefined; readonly bytes: number }, Trouble>
  /** Takes entries that nobody has taken before. Makes the group when there is none. */
  readonly read: (count: number) => Effect.Effect<ReadonlyArray<Entry>, Trouble>
  readonly settle: (entries: ReadonlyArray<Settled>, maxDeadBytes: number) => Effect.Effect<number, Trouble>
  readonly setAside: (id: string, why: string, maxDeadBytes: number) => Effect.Effect<number, Trouble>
  readonly trim: (
    maxBytes: number,
    maxAge: number | undefined,
    count: number
  ) => Effect.Effect<ReadonlyArray<Removed>, Trouble>
  readonly refresh: (
    ids: ReadonlyArray<string>,
    isLate: boolean
  ) => Effect.Effect<{ readonly own: ReadonlyArray<string>; readonly others: ReadonlyArray<string> }, Trouble>
  readonly fetch: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Entry>, Trouble>
  /** What others have taken and not touched for so long, in milliseconds. */
  readonly idle: (millis: number) => Effect.Effect<ReadonlyArray<Pending>, Trouble>
  /** Takes over what is still that idle. */
  readonly claim: (ids: ReadonlyArray<string>, millis: number) => Effect.Effect<ReadonlyArray<Entry>, Trouble>
  readonly depart: Effect.Effect<number, Trouble>
  readonly sweep: (millis: number) => Effect.Effect<number, Trouble>
}

/** The dead letters of all streams of an instance. */
export interface DeadStream {
  /** In the order in which they came, from after one id up to another. */
  readonly list: (after: string, last: string, count: number) => Effect.Effect<ReadonlyArray<Entry>, Trouble>
  /** The last one there is. */
  readonly last: Effect.Effect<string | undefined, Trouble>
  /** Replaces one; `false` when it is not there any more. */
  readonly replace: (
    id: string,
    by: { readonly lane: string; readonly send: Fields; readonly keep: Fields }
  ) => Effect.Effect<boolean, Trouble>
}

/** Idler than anything can be that a process has taken: what a consumer gave back. */
export const givenBackMillis = 10 * 365 * 24 * 3600 * 1000

/** Entries that are looked at in one step. */
const maxIdle = 64

/** So many commands may be without an answer; more are not sent, so that a Redis that hangs costs a bounded memory. */
const maxUnanswered = 64

/** After so many time limits there is no answer: some clients forget what was under way when a connection ended. */
const limitsUntilForgotten = 10

const codes =
  /\b(NOGROUP|BUSYGROUP|OOM|READONLY|WRONGTYPE|NOPERM|NOAUTH|MISCONF|LOADING|CLUSTERDOWN|MOVED|CROSSSLOT|MASTERDOWN)\b/

const trouble = (operation: string, detail: string, isDoubtful: boolean): Trouble => ({
  _tag: "Trouble",
  operation,
  code: codes.exec(detail)?.[1],
  detail,
  isDoubtful
})

type Ask = (operation: string, ...parts: Parameters<RedisCommand>[0]) => Effect.Effect<unknown, Trouble>

/** A fault of the function, a failure that it gives and a time limit are all the same here. */
export const asking = (send: RedisCommand, timeout: Duration.Duration, now: () => number): Ask => {
  /** Oldest first. */
  const unanswered = new Set<{ readonly at: number }>()
  const forget = (): void => {
    const last = now() - limitsUntilForgotten * Duration.toMillis(timeout)
    for (const command of unanswered) if (command.at <= last) unanswered.delete(command)
  }
  return (operation, ...parts) =>
    Effect.suspend(() => {
      const answer = Effect.async<unknown, Trouble>((resume) => {
        if (unanswered.size >= maxUnanswered) forget()
        if (unanswered.size >= maxUnanswered) {
          return resume(Effect.fail(trouble(operation, `${unanswered.size} commands have no answer yet`, false)))
        }
        const command = { at: now() }
        unanswered.add(command)
        const ended = (result: Effect.Effect<unknown, Trouble>): void => {
          unanswered.delete(command)
          resume(result)
        }
        void (async () => await send(parts))().then(
          (reply) => ended(Effect.succeed(reply)),
          (thrown: unknown) => {
            const detail = describeThrown(thrown)
            // What Redis itself has refused was not done.
            ended(Effect.fail(trouble(operation, detail, !codes.test(detail))))
          }
        )
      })
      return Effect.flatMap(
        Effect.timeoutOption(answer, timeout),
        (reply) =>
          reply._tag === "Some" ? Effect.succeed(reply.value) : Effect.fail(trouble(operation, "no answer", true))
      )
    })
}

/** What was answered is not what Redis answers. */
const strange = (operation: string): Effect.Effect<never, Trouble> =>
  Effect.fail(trouble(operation, "an answer that was not expected", true))

/** What an answer means; `undefined`: nothing that is known. */
const reading = <A>(
  self: Effect.Effect<unknown, Trouble>,
  operation: string,
  read: (reply: unknown) => A | undefined
): Effect.Effect<A, Trouble> =>
  Effect.flatMap(self, (reply) => {
    const value = read(reply)
    return value === undefined ? strange(operation) : Effect.succeed(value)
  })

/** The names of an instance's keys, which a cluster keeps in one place. `digest` stands for its host and its key. */
export const keysOf = (prefix: string, digest: string) => {
  const begin = `${prefix}{${digest}}:`
  return { dead: `${begin}dead`, sizes: `${begin}sizes`, stream: (lane: string) => `${begin}lane:${lane}` }
}

export type Keys = ReturnType<typeof keysOf>

const flat = (fields: Fields): Array<string> => [String(fields.length), ...fields]

/** One for all: an entry is removed when its events have met their end, and would be missing in another group. */
const group = "effect-posthog"

/** The stream of a lane, as one consumer of the group sees it. */
export const make = (ask: Ask, keys: Keys, lane: string, consumer: string): Streams => {
  const stream = keys.stream(lane)
  const run = (operation: string, script: string, names: ReadonlyArray<string>, ...args: ReadonlyArray<string>) =>
    ask(operation, "EVAL", script, String(names.length), ...names, ...args)

  const makeGroup = Effect.catchAll(
    ask("read", "XGROUP", "CREATE", stream, group, "0", "MKSTREAM"),
    (trouble) => trouble.code === "BUSYGROUP" ? Effect.void : Effect.fail(trouble)
  )
  /** Somebody may have removed the group, or the whole stream, at any time. */
  const withGroup = <A>(self: Effect.Effect<A, Trouble>): Effect.Effect<A, Trouble> =>
    Effect.catchAll(self, (trouble) =>
      trouble.code === "NOGROUP" || /no such key/i.test(trouble.detail)
        ? Effect.zipRight(makeGroup, self)
        : Effect.fail(trouble))

  return {
    append: (fields, { isDoubtful, maxBytes, refuses }) =>
      reading(
        run(
          "append",
          Scripts.append,
          [stream, keys.sizes],
          lane,
          String(maxBytes),
          refuses ? "1" : "0",
          isDoubtful ? "1" : "0",
          ...fields
        ),
        "append",
        (reply) => {
          const bytes = isList(reply) ? numberOf(reply[1]) : undefined
          return bytes === undefined ? undefined : { id: idOf((reply as ReadonlyArray<unknown>)[0]), bytes }
        }
      ),

    read: (count) =>
      Effect.map(
        withGroup(ask("read", "XREADGROUP", "GROUP", group, consumer, "COUNT", String(count), "STREAMS", stream, ">")),
        readOf
      ),

    settle: (entries, maxDeadBytes) =>
      reading(
        run(
          "settle",
          Scripts.settle,
          [stream, keys.dead, keys.sizes],
          group,
          lane,
          String(maxDeadBytes),
          ...entries.flatMap(({ dead, id }) => [id, String(dead.length), ...dead.flatMap(flat)])
        ),
        "settle",
        numberOf
      ),

    setAside: (id, why, maxDeadBytes) =>
      reading(
        run(
          "settle",
          Scripts.setAside,
          [stream, keys.dead, keys.sizes],
          group,
          lane,
          String(maxDeadBytes),
          id,
          why
        ),
        "settle",
        numberOf
      ),

    trim: (maxBytes, maxAge, count) =>
      reading(
        run(
          "trim",
          Scripts.trim,
          [stream, keys.sizes],
          group,
          lane,
          String(maxBytes),
          maxAge === undefined ? "" : String(maxAge),
          String(count)
        ),
        "trim",
        (reply) =>
          isList(reply)
            ? reply.flatMap((one): ReadonlyArray<Removed> => {
              const [entry] = isList(one) ? entriesOf([one[1]]) : []
              if (entry === undefined) return []
              return [{ reason: (one as ReadonlyArray<unknown>)[0] === "expired" ? "expired" : "queue_full", entry }]
            })
            : undefined
      ),

    refresh: (ids, isLate) =>
      reading(
        withGroup(run("refresh", Scripts.refresh, [stream], group, consumer, isLate ? "1" : "0", ...ids)),
        "refresh",
        (reply) => isList(reply) ? { own: idsOf(reply[0]), others: idsOf(reply[1]) } : undefined
      ),

    fetch: (ids) => Effect.map(run("read", Scripts.fetch, [stream], group, ...ids), entriesOf),

    idle: (millis) =>
      Effect.map(
        withGroup(ask("claim", "XPENDING", stream, group, "IDLE", String(millis), "-", "+", String(maxIdle))),
        (reply) => pendingOf(reply).filter((entry) => entry.consumer !== consumer)
      ),

    claim: (ids, millis) =>
      Effect.map(ask("claim", "XCLAIM", stream, group, consumer, String(millis), ...ids), entriesOf),

    depart: reading(
      withGroup(run("depart", Scripts.depart, [stream], group, consumer)),
      "depart",
      numberOf
    ),

    sweep: (millis) =>
      reading(withGroup(run("sweep", Scripts.sweep, [stream], group, String(millis))), "sweep", numberOf)
  }
}

export const makeDead = (ask: Ask, keys: Keys): DeadStream => ({
  list: (after, last, count) =>
    reading(
      ask("list", "XRANGE", keys.dead, `(${after}`, last, "COUNT", String(count)),
      "list",
      (reply) => isList(reply) ? entriesOf(reply) : undefined
    ),
  last: Effect.map(
    reading(
      ask("list", "XREVRANGE", keys.dead, "+", "-", "COUNT", "1"),
      "list",
      (reply) => isList(reply) ? entriesOf(reply) : undefined
    ),
    ([entry]) => entry?.id
  ),
  replace: (id, { keep, lane, send }) =>
    reading(
      ask(
        "replay",
        "EVAL",
        Scripts.unbury,
        "3",
        keys.dead,
        keys.sizes,
        keys.stream(lane),
        id,
        lane,
        ...flat(send),
        ...flat(keep)
      ),
      "replay",
      (reply) => {
        const done = numberOf(reply)
        return done === undefined ? undefined : done === 1
      }
    )
})
