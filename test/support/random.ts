/** Numbers that are the same in every run with the same seed. */
export const random = (seed: number) => {
  let state = seed
  const next = (): number => {
    state = state + 0x6d2b79f5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 0x100000000
  }
  const below = (count: number): number => Math.floor(next() * count)
  const pick = <A>(values: ReadonlyArray<A>): A => values[below(values.length)]!
  /** Whether something that happens so often, of 100 times, happens now. */
  const chance = (percent: number): boolean => next() * 100 < percent
  return { below, chance, pick }
}

export type Random = ReturnType<typeof random>
