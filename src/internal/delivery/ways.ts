/**
 * Routes of PostHog's that take the same events, the best first. A proxy, or a PostHog that one runs oneself, may not
 * have the first ones. Then the events go where they are taken.
 */
import * as Effect from "effect/Effect"
import type { Batch } from "./batch.js"
import { bytesOver } from "./bytes.js"
import type { SendFailure } from "./failure.js"
import type { Refusal, Results, Transport } from "./transport.js"

/** A route, and how events get there. */
export interface Way {
  readonly path: string
  readonly transport: Transport
  /** The events as this route takes them, and why it does not take some. `undefined`: as they are. */
  readonly bring: ((batch: Batch) => Brought) | undefined
}

interface Brought {
  /** `undefined`: it takes none of them. */
  readonly batch: Batch | undefined
  /** Positions of its events among all. */
  readonly kept: ReadonlyArray<number>
  readonly refusals: ReadonlyMap<number, Refusal>
}

/** Brings events into another form, for a route that takes no more than so many bytes of each. */
export const bringer = (change: (text: string) => string, path: string, most: number) => (batch: Batch): Brought => {
  const texts: Array<string> = []
  const kept: Array<number> = []
  const refusals = new Map<number, Refusal>()
  for (let position = 0; position < batch.count; position++) {
    const text = change(batch.text(position))
    const bytes = bytesOver(text, most)
    if (bytes === undefined) {
      texts.push(text)
      kept.push(position)
    } else {
      refusals.set(position, {
        result: "drop",
        reason: "too_large",
        detail: `${bytes} bytes, and ${path} takes ${most}`
      })
    }
  }
  return { batch: texts.length === 0 ? undefined : batch.rewritten(texts), kept, refusals }
}

type Sent = Effect.Effect<Results | undefined, SendFailure>

const sendBy = ({ bring, transport }: Way, ...[batch, label, mayGoOn]: Parameters<Transport["send"]>): Sent => {
  if (bring === undefined) return transport.send(batch, label, mayGoOn)
  const { batch: brought, kept, refusals } = bring(batch)
  const sent: Sent = brought === undefined ? Effect.succeed(undefined) : transport.send(brought, label, mayGoOn)
  if (refusals.size === 0) return sent
  return Effect.map(sent, (results): Results => {
    const verdicts: Array<Results["verdicts"][number]> = Array.from({ length: batch.count }, () => "ok")
    for (const [position, refusal] of refusals) verdicts[position] = refusal
    results?.verdicts.forEach((verdict, i) => verdicts[kept[i]!] = verdict)
    return { _tag: "Results", status: results?.status ?? 200, verdicts, retryAfter: results?.retryAfter }
  })
}

/** A route that is not there, and where events go instead. */
export interface Missing {
  readonly path: string
  readonly status: number
  readonly instead: string
}

/** Whether there is no such route. */
const isMissing = (failure: SendFailure): failure is Extract<SendFailure, { readonly _tag: "Rejected" }> =>
  failure._tag === "Rejected" && (failure.status === 404 || failure.status === 405)

/**
 * Sends by the first route that the server has. A route that is missing is not tried again. `tell` is called once, when
 * another has taken events: a host where nothing is there says nothing about its routes.
 */
export const firstOf = (
  ways: readonly [Way, ...ReadonlyArray<Way>],
  tell: (missing: Missing) => void
): Transport => {
  let current = 0
  /** A missing route that has not been told yet. */
  let untold: Omit<Missing, "instead"> | undefined

  const succeeded = (taken: number): void => {
    if (untold === undefined) return
    const missing: Missing = { ...untold, instead: ways[taken]!.path }
    untold = undefined
    tell(missing)
  }

  const send: Transport["send"] = (batch, label, mayGoOn) =>
    Effect.suspend(() => {
      const taken = current
      const sent = Effect.map(sendBy(ways[taken]!, batch, label, mayGoOn), (results) => {
        succeeded(taken)
        return results
      })
      if (taken === ways.length - 1) return sent
      return Effect.catchAll(sent, (failure): Sent => {
        if (!isMissing(failure)) return Effect.fail(failure)
        if (taken === 0) untold ??= { path: ways[0].path, status: failure.status }
        // Another request may have come back with the same answer first.
        current = Math.max(current, taken + 1)
        return send(batch, label, mayGoOn)
      })
    })

  return {
    endpoint: () => ways[current]!.transport.endpoint?.(),
    fitting: (batch, count) => ways[current]!.transport.fitting?.(batch, count) ?? count,
    send
  }
}
