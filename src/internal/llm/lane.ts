/**
 * The lane of LLM analytics: a route of PostHog's own that takes larger events than the one of all others.
 *
 * A proxy, or a PostHog that one runs oneself, may not have that route. Then its events go where they are taken.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type CaptureV1, captureV1 as makeForm } from "../../core/event/captureV1.js"
import { makeUuidV7 } from "../../core/event/uuid.js"
import type { AiRouteMissing } from "../../PostHogError.js"
import type { Batch } from "../delivery/batch.js"
import { captureV0 } from "../delivery/captureV0.js"
import { captureV1 } from "../delivery/captureV1.js"
import type { SendFailure } from "../delivery/failure.js"
import type { Branch, Lane } from "../delivery/lane.js"
import * as Transport from "../delivery/transport.js"
import type { Diagnostics, Kind } from "../diagnostics.js"
import type { Http } from "../http/client.js"
import type { Active } from "../instance.js"
import type { Resolved } from "../options.js"
import { libraryName, libraryVersion } from "../version.js"
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

const form = /* #__PURE__ */ makeForm(libraryName, libraryVersion)

const encoder = new TextEncoder()

/** Bytes of a text, where there may be more of them than that. */
const bytesOver = (text: string, most: number): number | undefined => {
  // No unit of UTF-16 has more than three bytes.
  if (text.length * 3 <= most) return undefined
  const bytes = encoder.encode(text).length
  return bytes > most ? bytes : undefined
}

/** A route of PostHog's, and how events get there. */
interface Way {
  readonly path: string
  readonly transport: Transport.Transport
  /** The events as this route takes them, and why it does not take some. `undefined`: as they are. */
  readonly bring: ((batch: Batch) => Brought) | undefined
}

interface Brought {
  /** `undefined`: it takes none of them. */
  readonly batch: Batch | undefined
  /** Positions of its events among all. */
  readonly kept: ReadonlyArray<number>
  readonly refusals: ReadonlyMap<number, Transport.Refusal>
}

/** Brings events into the form of capture v0. */
const bringer = (toV0: (text: string) => string, path: string, most: number) => (batch: Batch): Brought => {
  const texts: Array<string> = []
  const kept: Array<number> = []
  const refusals = new Map<number, Transport.Refusal>()
  for (let position = 0; position < batch.count; position++) {
    const text = toV0(batch.text(position))
    const bytes = bytesOver(text, most)
    if (bytes === undefined) {
      texts.push(text)
      kept.push(position)
    } else {
      refusals.set(position, { reason: "too_large", detail: `${bytes} bytes, and ${path} takes ${most}` })
    }
  }
  return { batch: texts.length === 0 ? undefined : batch.rewritten(texts), kept, refusals }
}

type Sent = Effect.Effect<Transport.Results | undefined, SendFailure>

const sendBy = (
  { bring, transport }: Way,
  ...[batch, label, mayGoOn]: Parameters<Transport.Transport["send"]>
): Sent => {
  if (bring === undefined) return transport.send(batch, label, mayGoOn)
  const { batch: brought, kept, refusals } = bring(batch)
  const sent: Sent = brought === undefined ? Effect.succeed(undefined) : transport.send(brought, label, mayGoOn)
  if (refusals.size === 0) return sent
  return Effect.map(sent, (results): Transport.Results => {
    const verdicts: Array<Transport.Results["verdicts"][number]> = Array.from({ length: batch.count }, () => "ok")
    for (const [position, refusal] of refusals) verdicts[position] = refusal
    results?.verdicts.forEach((verdict, i) => verdicts[kept[i]!] = verdict)
    return { _tag: "Results", status: results?.status ?? 200, verdicts, retryAfter: results?.retryAfter }
  })
}

/** Whether there is no such route. */
const isMissing = (failure: SendFailure): failure is Extract<SendFailure, { readonly _tag: "Rejected" }> =>
  failure._tag === "Rejected" && (failure.status === 404 || failure.status === 405)

/** Sends by the first route that the server has. A route that is missing is not tried again. */
const firstOf = (ways: readonly [Way, ...ReadonlyArray<Way>], diagnostics: Diagnostics): Transport.Transport => {
  let current = 0
  /** A missing route that has not been reported yet. */
  let untold: { readonly path: string; readonly status: number } | undefined

  const tell = (taken: number): void => {
    if (untold === undefined) return
    const { path, status } = untold
    untold = undefined
    const instead = ways[taken]!.path
    diagnostics.emit(aiRouteMissing, () => ({ _tag: "AiRouteMissing", path, status, instead }))
  }

  const send: Transport.Transport["send"] = (batch, label, mayGoOn) =>
    Effect.suspend(() => {
      const taken = current
      const sent = sendBy(ways[taken]!, batch, label, mayGoOn)
      if (taken === ways.length - 1) {
        return Effect.map(sent, (results) => {
          tell(taken)
          return results
        })
      }
      return Effect.matchEffect(sent, {
        onSuccess: (results) => {
          tell(taken)
          return Effect.succeed(results)
        },
        onFailure: (failure): Sent => {
          if (!isMissing(failure)) return Effect.fail(failure)
          if (taken === 0) untold ??= { path: ways[0].path, status: failure.status }
          // Another request may have come back with the same answer first.
          current = Math.max(current, taken + 1)
          return send(batch, label, mayGoOn)
        }
      })
    })

  return { fitting: (batch, count) => ways[current]!.transport.fitting?.(batch, count) ?? count, send }
}

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

const transportOf = (options: Resolved, lane: Lane, http: Http, diagnostics: Diagnostics): Transport.Transport => {
  const { apiKey, historicalMigration, maxEventBytes } = options
  const key = apiKey === undefined ? "" : Redacted.value(apiKey)
  const by = (protocol: Transport.Protocol) => Transport.make(options, protocol, lane.requestTimeout, http, diagnostics)
  const isV1 = options.aiCaptureMode === "v1"
  const toV0 = isV1 ? form.toV0 : (text: string) => text
  const v0 = (path: string, most: number): Way => ({
    path,
    transport: by(captureV0(path, key, historicalMigration)),
    bring: isV1 || most < maxBytes ? bringer(toV0, path, most) : undefined
  })
  const fallback = v0("/batch/", maxEventBytes)
  const route = v0("/i/v0/ai/batch/", maxBytes)
  if (!isV1) return firstOf([route, fallback], diagnostics)
  const path = "/i/v1/ai/events"
  const newUuid = makeUuidV7((bytes) => crypto.getRandomValues(bytes))
  const first: Way = { path, transport: by(captureV1(path, key, historicalMigration, newUuid)), bring: undefined }
  return firstOf([first, route, fallback], diagnostics)
}

/** In words why PostHog would not take the text of an event. */
const refusesOf = (form: CaptureV1 | undefined) => (text: string): string | undefined => {
  if (text.length * 3 <= maxBytes) return undefined
  const bytes = bytesOver(form === undefined ? text : form.propertiesOf(text), maxBytes)
  return bytes === undefined ? undefined : `${bytes} bytes, and PostHog takes ${maxBytes}`
}

/** The lane of an instance. Nothing of it is there before the first event. */
export const aiLane = ({ diagnostics, http, options }: Active): Branch => {
  const used = options.aiCaptureMode === "v1" ? form : undefined
  return {
    name: "ai",
    form: used,
    refuses: refusesOf(used),
    open: () => {
      if (http === undefined) throw new Error("an instance that sends nothing opens no lane")
      const lane = laneOf(options)
      return { lane, transport: transportOf(options, lane, http, diagnostics) }
    }
  }
}
