/**
 * A map that holds at most `capacity` entries and forgets the least recently used one first.
 *
 * @since 0.1.0
 */
export class Lru<K, V> {
  // A Map iterates in the order of insertion, and a used entry is inserted anew.
  private readonly entries = new Map<K, V>()
  // Kept, because a Map remembers removed entries for a while, and a new iterator would pass over all of them each
  // time. What lies behind it was removed, or used and inserted anew.
  private oldest = this.entries.keys()

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.entries.size
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key)
    if (value !== undefined) {
      this.entries.delete(key)
      this.entries.set(key, value)
    }
    return value
  }

  set(key: K, value: V): void {
    this.entries.delete(key)
    if (this.capacity < 1) return
    if (this.entries.size >= this.capacity) this.entries.delete(this.takeOldest())
    this.entries.set(key, value)
  }

  delete(key: K): void {
    this.entries.delete(key)
  }

  private takeOldest(): K {
    let next = this.oldest.next()
    if (next.done === true) {
      this.oldest = this.entries.keys()
      next = this.oldest.next()
    }
    return next.value!
  }
}
