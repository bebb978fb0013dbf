/**
 * Whether requests for queued events may be made. When the retries of a batch are used up, sending pauses; after the
 * pause one small request finds out whether the server is back.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { interruptNow } from "../effect/fiber.js"
import type { Resolved } from "../options.js"
import type { Retryable } from "./failure.js"
import * as Schedules from "./schedules.js"

/** So many events are in the request that finds out. */
export const probeSize = 10

export class Circuit {
  /** Pauses that have begun so far. */
  pauses = 0
  /** What ends the pause that is. */
  private paused: Fiber.RuntimeFiber<unknown> | "until a flush" | undefined
  /**
   * Whether a pause is over, and there was no answer since. Then one request is made at a time, and not made again when
   * it fails: the next pause begins.
   */
  isProbing = false

  constructor(
    private readonly options: Pick<Resolved, "maxConcurrentRequests" | "retryPause" | "background">,
    private readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.RuntimeFiber<A>,
    /** Called when a pause is over. */
    private readonly onOver: () => void
  ) {}

  /** Whether nobody knows that the server is there. */
  get isOpen(): boolean {
    return this.paused !== undefined || this.isProbing
  }

  /** How many requests may be under way. */
  get most(): number {
    return this.paused !== undefined ? 0 : this.isProbing ? 1 : this.options.maxConcurrentRequests
  }

  /**
   * Begins a pause, or begins the one that is anew, after this failure. Gives how long it is in milliseconds;
   * `undefined`: until a flush.
   */
  pause(failure: Retryable): number | undefined {
    const { background, retryPause } = this.options
    const millis = background ? Math.max(Duration.toMillis(retryPause), Schedules.askedFor(failure)) : undefined
    this.end()
    this.pauses++
    this.paused = millis === undefined
      ? "until a flush"
      : this.fork(Effect.map(Effect.flatten(Schedules.stepper(Schedules.resumption(millis))), () => this.probe()))
    return millis
  }

  private probe(): void {
    if (this.paused === undefined) return
    this.paused = undefined
    this.isProbing = true
    this.onOver()
  }

  /** There is no reason to wait, or to be careful. */
  end(): void {
    if (typeof this.paused === "object") interruptNow(this.paused)
    this.paused = undefined
    this.isProbing = false
  }

  /**
   * A server has answered a request, before which so many pauses had begun. Gives whether that is news: of one that was
   * made before the pause it says nothing about now.
   */
  answered(pauses: number): boolean {
    const isNews = pauses === this.pauses
    if (isNews) this.isProbing = false
    return isNews
  }
}
