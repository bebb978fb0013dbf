/**
 * What is said about durable outboxes.
 */
import type {
  DeadLettered,
  DeadLettersRemoved,
  LinesSetAside,
  OutboxRecovered,
  StorageFailed,
  StorageRestored
} from "../../../PostHogError.js"
import type { Kind } from "../../diagnostics.js"

const recovered: Kind<OutboxRecovered> = {
  tag: "OutboxRecovered",
  text: "events that another process had left are sent by this one"
}

const failed: Kind<StorageFailed> = {
  tag: "StorageFailed",
  text: "events could not be stored; those that come now would be lost with the process",
  warns: true
}

const restored: Kind<StorageRestored> = { tag: "StorageRestored", text: "events are stored again" }

const unreadable: Kind<StorageFailed> = {
  tag: "StorageFailed",
  text: "stored events cannot be read for now; they stay where they are, and others are sent",
  warns: true
}

const readable: Kind<StorageRestored> = { tag: "StorageRestored", text: "stored events can be read again" }

const setAside: Kind<LinesSetAside> = {
  tag: "LinesSetAside",
  text: "stored events could not be read, and were set aside",
  warns: true
}

const deadLettered: Kind<DeadLettered> = { tag: "DeadLettered", text: "refused events are kept as dead letters" }

const lettersRemoved: Kind<DeadLettersRemoved> = {
  tag: "DeadLettersRemoved",
  text: "the oldest dead letters were removed for lack of room",
  warns: true
}

export const kinds = { recovered, failed, restored, unreadable, readable, setAside, deadLettered, lettersRemoved }
