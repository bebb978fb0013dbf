/**
 * Many events as the text of one answer.
 */
import type { ServerResponse } from "node:http"
import type { ReceivedEvent } from "./model.js"
import { jsonOf, viewOf } from "./view.js"

/** Writes a list piece by piece, because all events together may be more than fits into a text. */
export const write = async (response: ServerResponse, pieces: Iterable<string>): Promise<void> => {
  for (const piece of pieces) {
    if (response.destroyed) return
    if (response.write(piece)) continue
    // oxlint-disable-next-line no-await-in-loop
    await new Promise<void>((resolve) => {
      response.once("drain", resolve)
      response.once("close", resolve)
    })
  }
  response.end()
}

export function* asLines(events: ReadonlyArray<ReceivedEvent>): Iterable<string> {
  for (const event of events) yield `${jsonOf(() => viewOf(event))}\n`
}

export function* asObject(events: ReadonlyArray<ReceivedEvent>, counts: unknown): Iterable<string> {
  yield `{"counts":${jsonOf(() => counts)},"events":[`
  let comma = ""
  for (const event of events) {
    yield comma + jsonOf(() => viewOf(event))
    comma = ",\n"
  }
  yield "]}\n"
}
