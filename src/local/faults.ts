/**
 * Faults of a local PostHog: what goes wrong, for which requests, and how often.
 */
import type { Fault, ReceivedRequest, Target } from "./model.js"

/** A fault and whom it hits. */
export interface Plan {
  readonly fault: Fault
  /** Default: everything. */
  readonly on?: Target | "everything" | undefined
  /** How many requests it hits. Default: all until it is stopped. */
  readonly times?: number | undefined
  /** The share of requests that it hits, from 0 to 1. Default 1. */
  readonly share?: number | undefined
}

export interface Running extends Plan {
  readonly id: number
  readonly hits: number
}

export interface Faults {
  /** Starts one; the function stops it. */
  readonly start: (plan: Plan) => { readonly id: number; readonly stop: () => Promise<void> }
  /** Stops one, or all. Resolves when the server is as before: after `refuse` it has to listen again. */
  readonly stop: (id?: number) => Promise<void>
  readonly running: () => ReadonlyArray<Running>
  /** The fault that this request gets, counted as a hit. */
  readonly next: (request: Pick<ReceivedRequest, "target" | "method">) => Fault | undefined
  /** Counts an event that a fault of some events sees. Whether it hits this one. */
  readonly isHit: (fault: Fault & { readonly kind: "partial" }) => boolean
}

/** A fault in a few words, for lists. */
export const describe = (fault: Fault): string => {
  switch (fault.kind) {
    case "status":
      return `status ${fault.status}`
    case "slow":
      return `slow ${fault.millis} ms${fault.next === undefined ? "" : `, ${describe(fault.next)}`}`
    case "wait":
      return `wait${fault.next === undefined ? "" : `, ${describe(fault.next)}`}`
    case "reset":
      return `reset ${fault.when}`
    case "partial":
      return `partial ${fault.result}`
    default:
      return fault.kind
  }
}

export interface FaultDeps {
  /** From 0 to 1, for shares. */
  readonly random: () => number
  /** Others run now. What it gives is waited for by who stopped one. */
  readonly changed: () => Promise<void> | void
}

export const makeFaults = ({ changed, random }: FaultDeps): Faults => {
  let plans: Array<Running & { hits: number }> = []
  let last = 0
  const seen = new WeakMap<Fault, number>()
  const remove = async (leaves: (plan: Running) => boolean): Promise<void> => {
    const kept = plans.filter((plan) => !leaves(plan))
    if (kept.length === plans.length) return
    plans = kept
    await changed()
  }
  /** For who waits for nothing, and is told by a hint what failed. */
  const tell = (changing: Promise<void> | void): void => {
    Promise.resolve(changing).catch(() => {})
  }
  const stop = (id?: number): Promise<void> => remove((plan) => id === undefined || plan.id === id)
  return {
    start: (plan) => {
      const id = ++last
      plans.push({ ...plan, id, hits: 0 })
      tell(changed())
      return { id, stop: () => stop(id) }
    },
    stop,
    running: () => plans.map((plan) => ({ ...plan })),
    next: ({ target }) => {
      for (const plan of plans) {
        const { fault, on = "everything", share = 1, times = Infinity } = plan
        // Whoever refuses connections has no request to answer.
        if (fault.kind === "refuse" || on !== "everything" && on !== target) continue
        if (share < 1 && random() >= share) continue
        plan.hits++
        if (plan.hits >= times) tell(remove(({ id }) => id === plan.id))
        return fault
      }
      return undefined
    },
    isHit: (fault) => {
      const count = (seen.get(fault) ?? 0) + 1
      seen.set(fault, count)
      return count % (fault.every ?? 1) === 0
    }
  }
}
