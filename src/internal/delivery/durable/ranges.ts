/**
 * A set of numbers that come in runs.
 */
export class Ranges {
  count = 0
  /** In rising order, and apart from one another. */
  private ranges: Array<{ first: number; last: number }> = []

  /** Adds a number above all that are there. */
  add(number: number): void {
    const newest = this.ranges.at(-1)
    if (newest !== undefined && newest.last + 1 === number) newest.last = number
    else this.ranges.push({ first: number, last: number })
    this.count++
  }

  has(number: number): boolean {
    return this.ranges.some(({ first, last }) => first <= number && number <= last)
  }

  /** Those from a number on: the first and how many, of each run. */
  from(from: number): ReadonlyArray<readonly [first: number, count: number]> {
    return this.ranges.flatMap(({ first, last }) =>
      last < from ? [] : [[Math.max(first, from), last - Math.max(first, from) + 1] as const]
    )
  }

  clear(): void {
    if (this.count === 0) return
    this.count = 0
    this.ranges = []
  }

  /** Removes those that are there of `count` numbers from one on. */
  remove(from: number, count: number): void {
    const until = from + count
    this.ranges = this.ranges.flatMap((range) => {
      const { first, last } = range
      if (last < from || first >= until) return [range]
      this.count -= Math.min(last, until - 1) - Math.max(first, from) + 1
      return [
        ...(first < from ? [{ first, last: from - 1 }] : []),
        ...(last >= until ? [{ first: until, last }] : [])
      ]
    })
  }
}
