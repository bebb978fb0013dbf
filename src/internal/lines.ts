/**
 * Lines in the log of which there may be one for each request: no more of them than somebody can read.
 */

/** So many in so long, in milliseconds. */
const most = 10
const period = 60_000

export class Lines {
  private begin = Number.NEGATIVE_INFINITY
  private written = 0
  private left = 0

  constructor(
    /** Milliseconds of a clock that cannot be set back. */
    private readonly now: () => number,
    private readonly write: (line: string) => void
  ) {}

  /** The first after others that were left out says how many. */
  add(line: string): void {
    const now = this.now()
    if (now - this.begin >= period) {
      this.begin = now
      this.written = 0
    }
    if (this.written === most) {
      this.left++
      return
    }
    this.written++
    const { left } = this
    this.left = 0
    this.write(left === 0 ? line : `${line}; ${left} more lines like this were left out before`)
  }
}
