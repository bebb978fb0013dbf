/**
 * Events that PostHog refused, as entries of the stream of dead letters that the lanes of an instance share.
 */
import * as Effect from "effect/Effect"
import type { Form } from "../../../core/event/properties.js"
import type { DropReason } from "../../../PostHogError.js"
import { formV1 } from "../../form.js"
import type { Batch } from "../batch.js"
import type { Failure } from "../failure.js"
import { type DeadLetter, type Filter, type Letters, lettersError } from "./deadLetters.js"
import { decode, encode, eventsOf } from "./element.js"
import type { DeadStream, Fields, Trouble } from "./redis.js"
import type { Entry } from "./redisReply.js"

/** Events that were refused for one reason. */
export interface Letter {
  readonly batch: Batch
  readonly reason: DropReason
  readonly failure: Failure | undefined
}

/** Entries that are looked at in one step. */
const atOnce = 16

const aboutOf = (lane: string, reason: string, status: string, detail: string): Fields => [
  "l",
  lane,
  "r",
  reason,
  "s",
  status,
  "d",
  detail
]

export const letterOf = (
  { batch, failure, reason }: Letter,
  lane: string,
  form: Form | undefined
): Effect.Effect<Fields> =>
  Effect.map(
    encode(batch, form),
    (fields) => [...fields, ...aboutOf(lane, reason, String(failure?.status ?? ""), failure?.detail ?? "")]
  )

/** An entry that can be read. */
interface Found {
  readonly entry: Entry
  readonly batch: Batch
  readonly form: Form | undefined
  readonly letters: ReadonlyArray<DeadLetter>
}

/** When an entry was added; of one that was added anew, when it was for the first time. */
const timeOf = ({ fields, id }: Entry): number => Number(fields.get("t") ?? id.slice(0, id.indexOf("-"))) || 0

const look = (entry: Entry): Effect.Effect<Found | undefined> => {
  const { fields } = entry
  const form = fields.get("f") === "v1" ? formV1 : undefined
  return Effect.map(decode(fields, form, 0), (batch) => {
    if (typeof batch === "string" || fields.get("r") === "damaged") return undefined
    const status = Number(fields.get("s"))
    const about = {
      reason: fields.get("r") as DropReason,
      status: status > 0 ? status : undefined,
      detail: fields.get("d") || undefined,
      at: timeOf(entry)
    }
    try {
      return { entry, batch, form, letters: eventsOf(batch, form).map((event) => ({ event, ...about })) }
    } catch {
      return undefined
    }
  })
}

export const lettersOf = (dead: DeadStream): Letters => {
  /** Each entry that there is now, oldest first. */
  const each = (f: (found: Found) => Effect.Effect<void, Trouble>): Effect.Effect<void, Trouble> =>
    Effect.flatMap(dead.last, (last) => {
      const from = (after: string): Effect.Effect<void, Trouble> =>
        Effect.gen(function*() {
          for (const entry of yield* dead.list(after, last ?? "0-0", atOnce)) {
            after = entry.id
            const found = yield* look(entry)
            if (found !== undefined) yield* f(found)
            if (entry.id === last) return
          }
          if ((yield* dead.list(after, last ?? "0-0", 1)).length > 0) yield* from(after)
        })
      return last === undefined ? Effect.void : from("0-0")
    })

  /** Takes those that are meant out of the stream; what is sent is made of them. */
  const remove = (isMeant: Filter, sent: (batch: Batch, form: Form | undefined) => Effect.Effect<Fields>) =>
    Effect.suspend(() => {
      let count = 0
      const one = ({ batch, entry, form, letters }: Found): Effect.Effect<void, Trouble> =>
        Effect.gen(function*() {
          const { fields, id } = entry
          const meant: Array<number> = []
          const others: Array<number> = []
          letters.forEach((letter, i) => (isMeant(letter) ? meant : others).push(i))
          const lane = fields.get("l") ?? ""
          if (meant.length === 0 || !/^[a-z]{1,20}$/.test(lane)) return
          const about = ["r", "s", "d"].map((name) => fields.get(name) ?? "") as [string, string, string]
          const keep = others.length === 0
            ? []
            : [...yield* encode(batch.pick(others), form), ...aboutOf(lane, ...about), "t", String(timeOf(entry))]
          const send = yield* sent(batch.pick(meant), form)
          if (yield* dead.replace(id, { lane, send, keep })) count += meant.length
        })
      return Effect.map(each(one), () => count)
    })

  return {
    list: (isMeant) =>
      Effect.suspend(() => {
        const all: Array<DeadLetter> = []
        return Effect.as(
          each(({ letters }) => Effect.sync(() => all.push(...letters.filter((letter) => isMeant(letter))))),
          all
        )
      }).pipe(Effect.mapError(({ detail }) => lettersError("list")(detail))),
    replay: (isMeant) => Effect.mapError(remove(isMeant, encode), ({ detail }) => lettersError("replay")(detail)),
    discard: (isMeant) =>
      Effect.mapError(remove(isMeant, () => Effect.succeed([])), ({ detail }) => lettersError("discard")(detail))
  }
}
