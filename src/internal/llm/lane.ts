/**
 * The lane of LLM analytics: a route of PostHog's own that takes larger events than the one of all others.
 *
 * A proxy, or a PostHog that one runs oneself, may not have that route. Then its events go where they are taken.
 */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { CaptureV1 } from "../../core/event/captureV1.js"
import type { AiRouteMissing } from "../../PostHogError.js"
import { bytesOver } from "../delivery/bytes.js"
import { captureV0 } from "../delivery/captureV0.js"
import { captureV1 } from "../delivery/captureV1.js"
import type { Branch, Lane } from "../delivery/lane.js"
import * as Transport from "../delivery/transport.js"
import { bringer, firstOf, type Way } from "../delivery/ways.js"
import type { Kind } from "../diagnostics.js"
import { adopterOf, formOf } from "../form.js"
import type { Http } from "../http/client.js"
import type { Active } from "../instance.js"
import type { Resolved } from "../options.js"
import type { Topic } from "../warnings.js"

const aboutAiEvents: Topic = {
  name: "aiEvents",
  failed: "events of LLM analytics cannot be sent to",
  rejected: "events of LLM analytics are rejected by",
  recovered: "events of LLM analytics reach",
  consequence: "they are dropped",
  isDelivery: true
}

const aiRouteMissing: Kind<AiRouteMissing> = {
  tag: "AiRouteMissing",
  text: "there is no route for events of LLM analytics; they are sent another way, where large ones may not be taken",
  warns: true
}

const mebi = 1024 * 1024

/** Most bytes of an event's properties with capture v1, and of a whole event with capture v0. */
const maxBytes = 8 * mebi

/** What an event has besides its properties takes less than this. */
const aroundProperties = 64 * 1024

/** PostHog takes 20 MiB; what is sent together need not be that much. */
const maxBatchBytes = 5 * mebi

/** Large bodies take their time. */
const requestTimeout = Duration.seconds(30)

const laneOf = (options: Resolved): Lane => ({
  name: "ai",
  about: aboutAiEvents,
  limits: {
    maxBatchSize: options.maxBatchSize,
    maxBatchBytes: Math.min(options.maxBatchBytes, maxBatchBytes),
    maxEventBytes: Math.min(
      options.aiCaptureMode === "v1" ? maxBytes + aroundProperties : maxBytes,
      options.maxQueueBytes
    ),
    maxQueueBytes: options.maxQueueBytes,
    maxQueueSize: options.maxQueueSize
  },
  requestTimeout: options.isRequestTimeoutGiven ? options.requestTimeout : requestTimeout
})

const transportOf = (
  lane: Lane,
  http: Http,
  { diagnostics, newUuid, options }: Active
): Transport.Transport => {
  const { apiKey, historicalMigration, maxEventBytes } = options
  const key = apiKey === undefined ? "" : Redacted.value(apiKey)
  const by = (protocol: Transport.Protocol) => Transport.make(options, protocol, lane.requestTimeout, http, diagnostics)
  const isV1 = options.aiCaptureMode === "v1"
  const toV0 = isV1 ? adopterOf("v0") : (text: string) => text
  const v0 = (path: string, most: number): Way => ({
    path,
    transport: by(captureV0(path, key, historicalMigration)),
    bring: isV1 || most < maxBytes ? bringer(toV0, path, most) : undefined
  })
  const fallback = v0("/batch/", maxEventBytes)
  const route = v0("/i/v0/ai/batch/", maxBytes)
  const tell: Parameters<typeof firstOf>[1] = (missing) =>
    diagnostics.emit(aiRouteMissing, () => ({ _tag: "AiRouteMissing", ...missing }))
  if (!isV1) return firstOf([route, fallback], tell)
  const path = "/i/v1/ai/events"
  const first: Way = {
    path,
    transport: by(captureV1(path, key, historicalMigration, newUuid)),
    bring: undefined
  }
  return firstOf([first, route, fallback], tell)
}

/** In words why PostHog would not take the text of an event. */
const refusesOf = (form: CaptureV1 | undefined) => (text: string): string | undefined => {
  if (text.length * 3 <= maxBytes) return undefined
  const bytes = bytesOver(form === undefined ? text : form.propertiesOf(text), maxBytes)
  return bytes === undefined ? undefined : `${bytes} bytes, and PostHog takes ${maxBytes}`
}

/** The lane of an instance. Nothing of it is there before the first event. */
export const aiLane = (active: Active): Branch => {
  const { http, options } = active
  const used = formOf(options.aiCaptureMode)
  return {
    name: "ai",
    form: used,
    refuses: refusesOf(used),
    open: () => {
      if (http === undefined) throw new Error("an instance that sends nothing opens no lane")
      const lane = laneOf(options)
      return { lane, transport: transportOf(lane, http, active) }
    }
  }
}
