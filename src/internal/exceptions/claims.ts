/**
 * Which errors were reported, and which somebody has claimed, so that one error is one event however many see it on its
 * way up.
 *
 * Effect's own reporters, where there are any, know only what they were told themselves.
 */
import { type Failure } from "../../core/exceptions/list.js"
import { marksIn } from "./cause.js"

/** When something was reported or claimed, and for which user. */
export interface Mark {
  readonly at: number
  readonly who: string | undefined
}

/** In this time an error that was reported is the same event when it comes again, on its way up a chain of calls. */
const repeatMillis = 30_000

const objectsIn = (given: unknown, failure: Failure): ReadonlyArray<object> =>
  [given, ...marksIn(failure)].filter((value): value is object => typeof value === "object" && value !== null)

/** Errors that were marked. None is kept alive by it. */
class Marks {
  private readonly marks = new WeakMap<object, Mark>()

  add(given: unknown, failure: Failure, mark: Mark): void {
    for (const value of objectsIn(given, failure)) this.marks.set(value, mark)
  }

  /** Whether all that was thrown has been marked a short time ago, for the same user. */
  has(given: unknown, failure: Failure, now: Mark): boolean {
    // A Cause that comes again brings the failures it had. In another Cause, a failure that is no object is another
    // failure.
    const [outermost] = objectsIn(given, failure)
    return (outermost !== undefined && this.isMarked(outermost, now)) ||
      marksIn(failure).every((value) => value !== undefined && this.isMarked(value, now))
  }

  private isMarked(value: object, { at, who }: Mark): boolean {
    const before = this.marks.get(value)
    // Programs keep errors in constants, with which the requests of several users fail.
    return before !== undefined && at - before.at <= repeatMillis &&
      (who === undefined || before.who === undefined || who === before.who)
  }
}

/** The errors that one instance has seen. */
export class Claims {
  private readonly reported = new Marks()
  private readonly claimed = new Marks()

  isReported(given: unknown, failure: Failure, now: Mark): boolean {
    return this.reported.has(given, failure, now)
  }

  isClaimed(given: unknown, failure: Failure, now: Mark): boolean {
    return this.claimed.has(given, failure, now)
  }

  report(given: unknown, failure: Failure, now: Mark): void {
    this.reported.add(given, failure, now)
  }

  /** Reserves a failure for the caller. `false`: it is reserved or reported already. */
  claim(given: unknown, failure: Failure, now: Mark): boolean {
    if (this.isReported(given, failure, now) || this.isClaimed(given, failure, now)) return false
    this.claimed.add(given, failure, now)
    return true
  }
}
