/**
 * What a module keeps for an instance. A slot knows the type of what is in it, and is found by its name, because a
 * process may hold this package twice, and both copies have to find the same in an instance.
 */

/** What has been put into the slots of an instance, by the names of the slots. */
export type Slots = Map<string, unknown>

interface WithSlots {
  readonly slots: Slots
}

export interface Slot<A> {
  readonly get: (instance: WithSlots) => A | undefined
  /** What is there; made when it is first asked for. */
  readonly getOrMake: (instance: WithSlots, make: () => A) => A
  readonly set: (instance: WithSlots, value: A) => void
  readonly remove: (instance: WithSlots) => void
}

/** A name is for one slot only. Whoever changes the type of what is in it changes the name. */
export const slot = <A>(name: string): Slot<A> => {
  // Whatever is under the name was put there by `set` of this slot, or of its twin in the other copy.
  const get = ({ slots }: WithSlots) => slots.get(name) as A | undefined
  const set = ({ slots }: WithSlots, value: A): void => {
    slots.set(name, value)
  }
  return {
    get,
    getOrMake: (instance, make) => {
      const found = get(instance)
      if (found !== undefined) return found
      const made = make()
      set(instance, made)
      return made
    },
    set,
    remove: ({ slots }) => {
      slots.delete(name)
    }
  }
}
