/**
 * A guard against storms: lets a few of each kind through and counts the rest.
 *
 * @since 0.1.0
 */
import { Lru } from "../lru.js"

/** Tokens of one kind, as of a moment. */
interface Bucket {
  tokens: number
  at: number
  heldBack: number
  /** Which of the kind passed lately, and when. */
  readonly passed: Lru<string, number>
}

/** Different ones of a kind that are remembered at once: more than can pass at once need not be. */
const maxPassed = 20

/** For so long what is the same to the letter counts as the same occurrence, as when many fibers meet one outage. */
const concurrentMillis = 1_000

/**
 * A token bucket per key: `size` at once, one more every `refillMillis`. Knows `capacity` keys; the one that was not
 * seen for longest is forgotten first.
 */
export class TokenBuckets {
  private readonly buckets: Lru<string, Bucket>

  constructor(private readonly size: number, private readonly refillMillis: number, capacity: number) {
    this.buckets = new Lru(capacity)
  }

  /**
   * How many were held back since the last that passed, or `undefined` when this one is to be held back too: because
   * too many of the kind came, or because the one that passed a moment ago was the same.
   */
  take(key: string, identity: string, now: number): number | undefined {
    let bucket = this.buckets.get(key)
    if (bucket === undefined) {
      bucket = { tokens: this.size, at: now, heldBack: 0, passed: new Lru(maxPassed) }
      this.buckets.set(key, bucket)
    }
    // A clock that goes back gives nothing and takes nothing.
    const earned = Math.max(now - bucket.at, 0) / this.refillMillis
    bucket.tokens = Math.min(bucket.tokens + earned, this.size)
    bucket.at = now
    const isSame = Math.abs(now - (bucket.passed.get(identity) ?? Number.NEGATIVE_INFINITY)) < concurrentMillis
    if (isSame || bucket.tokens < 1) {
      bucket.heldBack++
      return undefined
    }
    bucket.tokens--
    bucket.passed.set(identity, now)
    const { heldBack } = bucket
    bucket.heldBack = 0
    return heldBack
  }
}
