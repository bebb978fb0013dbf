/**
 * Capture v0, PostHog's first protocol for events: the key stands in the body, and a request is taken or refused as a
 * whole.
 */
import * as Duration from "effect/Duration"
import { formatMillis } from "../../core/event/timestamp.js"
import { summary } from "../http/client.js"
import type { Protocol } from "./transport.js"

/** PostHog answers with a few bytes, which say nothing that the status does not, except what is over its quota. */
const maxAnswerBytes = 64 * 1024

/** So long is waited for these bytes: the status is the acknowledgement. */
const bodyTimeout = Duration.millis(250)

export const captureV0 = (path: string, apiKey: string, historicalMigration: boolean): Protocol => {
  const head = `{"api_key":${JSON.stringify(apiKey)},"batch":[`
  const historical = historicalMigration ? ",\"historical_migration\":true" : ""
  const limits = { maxBytes: maxAnswerBytes, bodyTimeout }
  return {
    path,
    // It takes no other ones.
    encodings: ["gzip"],
    // The time of sending lets the server correct a clock that is wrong, so each attempt gets its own.
    envelope: (_, now) => ({ head, tail: `],"sent_at":"${formatMillis(now)}"${historical}}` }),
    limits: () => limits,
    isPerEvent: false,
    detail: summary,
    // Whether or not the body could be read.
    read: () => undefined
  }
}
