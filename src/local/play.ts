/**
 * How a fault is played to who sent a request.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { type Answer, type Exchange, type Fault, json, maxTimer, type Target } from "./model.js"

/** What the route answers, or a fault in its place. */
export type Routed = (resultFor?: Exchange["resultFor"]) => Promise<Answer | Fault>

export interface Stage {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: Target
  readonly send: (answer: Answer) => void
  /** What the route answers when nobody stands before it. */
  readonly direct: Routed
  /** Sends the beginning of an answer only. */
  readonly sendHalf: (answer: Answer, then: () => void) => void
  /** Whether the next event is one of those that a fault hits. */
  readonly isHit: (fault: Fault & { readonly kind: "partial" }) => boolean
}

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, Math.min(millis, maxTimer)).unref()
  })

const jsonType = { "content-type": "application/json" }

const garbage: Answer = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: "<!doctype html><title>Welcome</title><h1>Welcome to this network</h1>"
}

/** What PostHog answers when somebody has used up what was paid for. What is sent then is gone. */
const overQuota = (target: Target, limited: ReadonlyArray<string> | undefined): Answer => {
  switch (target) {
    case "flags":
      return json(200, {
        flags: {},
        errorsWhileComputingFlags: false,
        quotaLimited: limited ?? ["feature_flags"]
      })
    case "definitions":
      return json(402, { type: "quota_limited", detail: "the quota of requests for feature flags is used up" })
    default:
      return json(200, { status: 1, quota_limited: limited ?? [target === "replay" ? "recordings" : "events"] })
  }
}

export const play = async (fault: Fault | undefined, stage: Stage, routed: Routed): Promise<void> => {
  const { request, send, sendHalf, target } = stage
  /** Goes on with what the route answers. */
  const answer = async (then: (answer: Answer) => void, resultFor?: Exchange["resultFor"]): Promise<void> => {
    const answered = await routed(resultFor)
    if (!("kind" in answered)) return then(answered)
    return play(answered, stage, stage.direct)
  }
  switch (fault?.kind) {
    case undefined:
    case "refuse":
      return answer(send)
    case "status":
      return send({ status: fault.status, headers: { ...jsonType, ...fault.headers }, body: fault.body ?? "" })
    case "slow":
      await pause(fault.millis)
      return play(fault.next, stage, routed)
    case "wait":
      await fault.until
      return play(fault.next, stage, routed)
    case "silent":
      return
    case "reset":
      if (fault.when === "after") return answer(() => request.socket.resetAndDestroy())
      request.socket.resetAndDestroy()
      return
    case "cut": {
      const then = fault.stays === true ? () => {} : () => request.socket.destroy()
      const { body, status } = fault
      if (body !== undefined) return sendHalf({ status: status ?? 200, headers: jsonType, body }, then)
      return answer((whole) => sendHalf({ ...whole, status: status ?? whole.status }, then))
    }
    case "garbage":
      return send(garbage)
    case "quota":
      return send(overQuota(target, fault.limited))
    case "partial":
      return answer(send, () => stage.isHit(fault) ? { result: fault.result, details: fault.details } : undefined)
    default:
      throw new Error("no such fault")
  }
}
