/**
 * Everything that a local PostHog knows, and then what happens, as lines of JSON: each a list of messages. Who does not
 * read is left behind, not waited for.
 */
import type { ServerResponse } from "node:http"
import type { Local } from "./local.js"
import type { Happening } from "./model.js"
import { cutViewOf, jsonOf } from "./view.js"

/** How long messages are gathered for one line. */
const batchMillis = 60

/** What may wait for a reader: one who is further behind is sent away, and may come again. */
const maxBacklog = 8 * 1024 * 1024

/** Messages in one line of what is there already. */
const replayed = 200

const lengthOf = (texts: { readonly [name: string]: string }): number =>
  Object.values(texts).reduce((length, text) => length + text.length, 0)

/** What a message takes at most that is cut, about. */
const sizeOf = (happening: Happening): number => {
  switch (happening.type) {
    case "event":
      return 500 + Math.min(happening.event.bytes, 40_000)
    case "request": {
      const { headers, path, query } = happening.request
      return 500 + path.length + query.length + lengthOf(headers)
    }
    default:
      return 500
  }
}

/** What the page is told of one happening. */
const messageOf = (happening: Happening, state: (what: string) => unknown): unknown => {
  switch (happening.type) {
    case "event":
      return { type: "event", event: cutViewOf(happening.event) }
    case "again":
      return { type: "again", seq: happening.event.seq, times: happening.event.times }
    case "changed":
      return { type: "changed", what: happening.what, state: state(happening.what) }
    default:
      return happening
  }
}

/** Ends with the response. `state` is what is told of flags, faults and the like as a whole. */
export const stream = (
  response: ServerResponse,
  local: Local,
  state: (what: string) => unknown,
  since = 0
): void => {
  const { store } = local
  let pending: Array<Happening> = []
  /** What has changed, among what is pending. */
  const states = new Set<string>()
  let backlog = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let isReplaying = true
  let isOver = false

  const end = (): void => {
    isOver = true
    clearTimeout(timer)
    unsubscribe()
    pending = []
  }
  const leave = (): void => {
    end()
    response.destroy()
  }
  const line = (messages: ReadonlyArray<() => unknown>): string => `[${messages.map(jsonOf).join(",")}]\n`
  const messages = (happenings: ReadonlyArray<Happening>): ReadonlyArray<() => unknown> => [
    ...happenings.map((happening) => () => messageOf(happening, state)),
    () => ({ type: "counts", counts: store.counts })
  ]
  const flush = (): void => {
    timer = undefined
    if (isOver || isReplaying || pending.length === 0) return
    const happenings = pending
    pending = []
    backlog = 0
    states.clear()
    try {
      response.write(line(messages(happenings)))
    } catch {
      // What is too much for one text.
      return leave()
    }
    if (response.writableLength > maxBacklog) leave()
  }
  const unsubscribe = store.subscribe((happening) => {
    if (happening.type === "changed") {
      // It is told of as it is then: a second time would be the same, and may be as large as all definitions.
      if (states.has(happening.what)) return
      states.add(happening.what)
    }
    pending.push(happening)
    backlog += sizeOf(happening)
    // What is there already is never the reason for which a reader is too slow.
    if (backlog + (isReplaying ? 0 : response.writableLength) > maxBacklog) leave()
    else if (!isReplaying) timer ??= setTimeout(flush, batchMillis)
  })
  response.once("close", end)
  response.on("error", end)

  const drained = (): Promise<void> =>
    new Promise((resolve) => {
      response.once("drain", resolve)
      response.once("close", resolve)
    })

  const replay = async (): Promise<void> => {
    const known: ReadonlyArray<Happening> = [
      ...store.hints.map((hint) => ({ type: "hint" as const, hint })),
      ...store.requests.map((request) => ({ type: "request" as const, request })),
      ...store.evaluations.map((evaluation) => ({ type: "evaluation" as const, evaluation })),
      ...store.events.filter(({ seq }) => seq > since).map((event) => ({ type: "event" as const, event })),
      ...(["flags", "faults", "origins", "report"] as const).map((what) => ({ type: "changed" as const, what }))
    ]
    for (let at = 0; at < known.length; at += replayed) {
      const goesOn = response.write(line(messages(known.slice(at, at + replayed))))
      // Back-pressure.
      // oxlint-disable-next-line no-await-in-loop
      if (!goesOn) await drained()
      if (isOver) return
    }
    response.write(line([() => ({ type: "replayed" })]))
    isReplaying = false
    flush()
  }
  void replay()
}
