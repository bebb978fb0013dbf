/**
 * How much time sending may take, while the instance is open and while it closes.
 */

/** The part of the time for closing that one attempt gets at least. */
const leastShare = 0.1

/**
 * So long a request may take while the instance closes, in milliseconds, whatever its share is: a first request needs
 * several round trips for its connection, and a command line tool has half a second for everything.
 */
const leastRequest = 1_000

/**
 * A pause is that much shorter than half of what is left. A request after it that hangs for half of the time, too,
 * would else be made anew at the very moment of the end.
 */
const pauseFactor = 0.9

/** Times are milliseconds, moments those of `Elapsed`. */
export class Budget {
  /** When the instance will have closed. */
  private end: number | undefined
  /** What one attempt gets at least; 0 while the instance is open. */
  least = 0

  constructor(private readonly requestTimeout: number) {}

  /** From now on the instance closes. */
  close(now: number, millis: number): void {
    this.end = now + millis
    this.least = millis * leastShare
  }

  /** When a request that is made now is answered, or will have timed out. */
  answeredBy(now: number): number {
    return now + this.requestTimeout
  }

  /**
   * When a request that has no answer yet is to be made anew. Never, because it times out; but while closing it gets no
   * more than half of what is left, or a second: a server that hangs once must not use up all of it.
   */
  resendAt(now: number): number {
    const share = Math.max(this.share(now), leastRequest)
    return share < this.requestTimeout ? now + share : Number.POSITIVE_INFINITY
  }

  /** Cuts a pause in the same way. */
  cut(pauseMillis: number, now: number): number {
    return Math.min(pauseMillis, this.share(now) * pauseFactor)
  }

  private share(now: number): number {
    return this.end === undefined ? Number.POSITIVE_INFINITY : Math.max((this.end - now) / 2, this.least)
  }
}
