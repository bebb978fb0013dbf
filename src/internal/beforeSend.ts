/**
 * The hooks that see each event before it is sent.
 */
import { isTooLarge, type Writer } from "../core/event/json.js"
import { checkEvent, type WireEvent } from "../core/event/wireEvent.js"
import { describe } from "../core/thrown.js"
import type { DropReason } from "../PostHogError.js"
import type { BeforeSend } from "./options.js"

/** Why a hook's event is not sent. */
export interface Refused {
  readonly reason: Extract<DropReason, "before_send" | "before_send_failed">
  readonly event: string
  readonly uuid: string
  readonly detail: string | undefined
}

/**
 * Shows the text of an event to the hooks, as plain values of their own, and writes anew what they return. Throws
 * `TooLarge` when that is too large.
 */
export const applyHooks = (
  hooks: ReadonlyArray<BeforeSend>,
  text: string,
  write: (writer: Writer, event: WireEvent) => string,
  writer: Writer
): string | Refused => {
  let event = JSON.parse(text) as WireEvent
  const { event: name, uuid } = event
  const failed = (detail: string): Refused => ({ reason: "before_send_failed", event: name, uuid, detail })
  for (const hook of hooks) {
    let checked: WireEvent | string
    try {
      const result = hook(event)
      if (result === null || result === undefined) {
        return { reason: "before_send", event: name, uuid, detail: undefined }
      }
      checked = checkEvent(result)
    } catch (error) {
      return failed(`it threw ${describe(error)}`)
    }
    if (typeof checked === "string") return failed(checked)
    event = checked
  }
  try {
    return write(writer, event)
  } catch (error) {
    if (isTooLarge(error)) throw error
    return failed("it returned properties that throw as they are read")
  }
}
