/**
 * When queued events are due: a fiber that is asleep while there are none, and the pause after retries that failed.
 */
import * as Effect from "effect/Effect"
import type { Resolved } from "../options.js"
import type { EventQueue } from "./eventQueue.js"
import type { Round } from "./rounds.js"

export interface Batching {
  /** Makes what is queued due when it is time, again and again. */
  readonly run: Effect.Effect<never>
  /** To be called when an event was queued. */
  readonly wake: () => void
  /** There is no reason to wait for more events. */
  readonly hurry: () => void
  /** Makes all due at once, and ends the wait of the fiber: its timer would keep an idle process alive. */
  readonly overtake: () => void
  /** No request is to be made until the pause is over, or until it is ended. */
  readonly pause: () => void
  readonly endPause: () => void
  readonly isPaused: () => boolean
}

export const make = (
  { flushAt, flushInterval, retryPause }: Pick<Resolved, "flushAt" | "flushInterval" | "retryPause">,
  queue: EventQueue,
  round: Round,
  /** Called when events have become due. */
  advance: () => void
): Batching => {
  // A latch stays open until the next wait begins: the fiber may be told to go on just before it gets to it.
  /** Open while there is something for the fiber to wait for, and whether it is. */
  const pending = Effect.unsafeMakeLatch()
  let isPending = false
  /** Open when there is no reason to wait for more events. */
  const enough = Effect.unsafeMakeLatch()
  let hurried = false
  /** Closed during a pause. */
  const resumed = Effect.unsafeMakeLatch(true)
  let paused = false
  /** Whether the fiber waits for more events, and whether somebody has overtaken it there. */
  let isCollecting = false
  let overtaken = false

  const hasEnough = (): boolean => hurried || queue.next - round.due >= flushAt || queue.bytes >= queue.maxBatchBytes

  const wait = (): void => {
    isPending = true
    pending.unsafeOpen()
  }

  const makeDue = (): void => {
    round.due = queue.next
    hurried = false
    isPending = false
    pending.unsafeClose()
    advance()
  }

  const once = Effect.gen(function*() {
    yield* pending.await
    // A flush may have come first.
    if (!isPending) return
    if (!paused) {
      isCollecting = true
      overtaken = false
      if (!hasEnough()) enough.unsafeClose()
      yield* Effect.raceFirst(Effect.sleep(flushInterval), enough.await)
      isCollecting = false
      // What this fiber was waiting to send is sent; events that came since have a wait of their own.
      if (overtaken) return
    }
    if (paused) {
      yield* Effect.raceFirst(Effect.sleep(retryPause), resumed.await)
      paused = false
    }
    makeDue()
  })

  return {
    run: Effect.forever(once),
    wake: () => {
      wait()
      if (hasEnough()) enough.unsafeOpen()
    },
    hurry: () => {
      hurried = true
      enough.unsafeOpen()
    },
    overtake: () => {
      if (isCollecting) {
        overtaken = true
        enough.unsafeOpen()
      }
      makeDue()
    },
    pause: () => {
      paused = true
      resumed.unsafeClose()
      wait()
    },
    endPause: () => {
      paused = false
      resumed.unsafeOpen()
    },
    isPaused: () => paused
  }
}
