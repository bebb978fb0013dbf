/**
 * Waiting until an event has come, and saying what came instead.
 */
import { maxTimer, type ReceivedEvent, type ReceivedRequest } from "./model.js"
import type { Store } from "./store.js"
import { count, plain, quoted, sayMillis } from "./words.js"

/** What is waited for. */
export interface Wanted {
  /** In words, such as the name of the event in quotes. */
  readonly what: string
  readonly matches: (event: ReceivedEvent) => boolean
  /** How many. */
  readonly count: number
  readonly withinMillis: number
}

/** Events that came instead, by name and distinct id. */
export interface Came {
  readonly event: string
  readonly times: number
  /** The first few. */
  readonly distinctIds: ReadonlyArray<string>
}

export type Waited =
  | { readonly isThere: true; readonly events: ReadonlyArray<ReceivedEvent> }
  | {
    readonly isThere: false
    /** Those that match, which are too few. */
    readonly events: ReadonlyArray<ReceivedEvent>
    /** What came instead, and what was refused and why. */
    readonly message: string
  }

export const isAccepted = (event: ReceivedEvent): boolean => event.verdict === "accepted"

/** Names and reasons that are listed. */
const maxListed = 20

const cameOf = (events: ReadonlyArray<ReceivedEvent>): ReadonlyArray<Came> => {
  const byName = new Map<string, { event: string; times: number; distinctIds: Set<string> }>()
  for (const { distinct_id, event } of events) {
    let came = byName.get(event)
    if (came === undefined) byName.set(event, came = { event, times: 0, distinctIds: new Set() })
    came.times++
    if (came.distinctIds.size < 3) came.distinctIds.add(distinct_id)
  }
  return Array.from(byName.values(), (came) => ({ ...came, distinctIds: Array.from(came.distinctIds) }))
}

const listed = <A>(all: ReadonlyArray<A>, say: (one: A) => string): ReadonlyArray<string> => [
  ...all.slice(0, maxListed).map((one) => `  ${say(one)}`),
  ...all.length > maxListed ? [`  … and ${all.length - maxListed} more`] : []
]

const sayRequest = ({ fault, method, path, reason, status }: ReceivedRequest): string => {
  const answer = status === undefined ? "no answer" : String(status)
  const why = fault === undefined ? reason : `the fault that was asked for: ${fault}`
  return `${method} ${plain(path, 80)}: ${answer}${why === undefined ? "" : `, ${plain(why)}`}`
}

/** What did come, and what was refused and why: for who waited for something else. */
const sayInstead = (store: Store, name: string | undefined): ReadonlyArray<string> => {
  const { events, requests } = store
  if (requests.length === 0 && events.length === 0) {
    return ["Nothing came at all: no request has reached this server. Does the client send to its address?"]
  }
  const accepted = cameOf(events.filter(isAccepted))
  const similar = accepted.find(({ event }) => event !== name && event.toLowerCase() === name?.toLowerCase())
  const refused = events.filter((event) => !isAccepted(event))
  const unanswered = requests.filter(({ events, fault, status }) =>
    fault !== undefined || status === undefined || status >= 400 && events === 0
  )
  return [
    ...similar === undefined ? [] : [`Did you mean ${quoted(similar.event)}?`],
    ...accepted.length === 0
      ? [`No event was accepted; there ${requests.length === 1 ? "was" : "were"} ${count(requests.length, "request")}.`]
      : [
        "Came:",
        ...listed(
          accepted,
          ({ distinctIds, event, times }) =>
            `${times > 1 ? `${times} × ` : ""}${quoted(event)} of ${distinctIds.map((id) => quoted(id, 60)).join(", ")}`
        )
      ],
    ...refused.length === 0
      ? []
      : ["Refused:", ...listed(refused, ({ event, reason }) => `${quoted(event)}: ${plain(reason ?? "no reason")}`)],
    ...unanswered.length === 0 ? [] : ["Requests that went wrong:", ...listed(unanswered, sayRequest)],
    ...store.hints.length === 0 ? [] : ["Hints:", ...listed(store.hints, ({ text }) => plain(text, 400))]
  ]
}

/**
 * Calls `done` once: when so many accepted events that match are there, among them those that have come before, or
 * when the time is up. The function that is given back ends the waiting without a call.
 */
export const waitFor = (
  store: Store,
  wanted: Wanted & { readonly name?: string | undefined },
  done: (waited: Waited) => void
): () => void => {
  const found = store.events.filter((event) => isAccepted(event) && wanted.matches(event))
  /** With those that are not held any more: who waits for many must not keep what the server forgets. */
  let matched = found.length
  let bytes = found.reduce((sum, event) => sum + event.bytes, 0)
  const add = (event: ReceivedEvent): void => {
    matched++
    found.push(event)
    bytes += event.bytes
    while (found.length > 1 && (found.length > store.most.events || bytes > store.most.bytes)) {
      bytes -= found.shift()!.bytes
    }
  }
  let isOver = false
  const end = (): void => {
    isOver = true
    clearTimeout(timer)
    unsubscribe()
  }
  const settle = (waited: Waited): void => {
    if (isOver) return
    end()
    done(waited)
  }
  const timer = setTimeout(() => {
    const { count: wantedCount, name, what, withinMillis } = wanted
    const many = wantedCount === 1
      ? `No event ${what} came`
      : `${wantedCount} events ${what} were waited for, and ${matched} came`
    settle({
      isThere: false,
      events: found,
      message: [`${many} within ${sayMillis(withinMillis)}.`, ...sayInstead(store, name)].join("\n")
    })
  }, Math.min(wanted.withinMillis, maxTimer))
  const unsubscribe = store.subscribe((happening) => {
    if (happening.type === "cleared") [found.length, matched, bytes] = [0, 0, 0]
    if (happening.type !== "event" || !isAccepted(happening.event)) return
    // The program's own predicate may throw, which is its matter and not the server's.
    if (!wanted.matches(happening.event)) return
    add(happening.event)
    if (matched >= wanted.count) settle({ isThere: true, events: [...found] })
  })
  if (matched >= wanted.count) settle({ isThere: true, events: [...found] })
  return end
}
