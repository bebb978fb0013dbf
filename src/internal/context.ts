/**
 * The value behind `PostHogContext`: what has been set in a fiber, by scope, and what an event takes from it.
 */
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { Surroundings } from "../core/event/compose.js"
import { type Groups, isIdentifier, makeLayer, merge, type Properties } from "../core/event/properties.js"
import type { Scope, Values } from "../PostHogContext.js"

/** Values that have accumulated in one scope, the session among the properties. Never changed. */
interface Accumulated {
  readonly distinctId: string | undefined
  readonly groups: Groups | undefined
  readonly properties: Properties
}

/** One scope's values, for all events and for single ones. */
interface Node {
  readonly all: Accumulated
  readonly events: ReadonlyMap<string, Accumulated>
}

/** Whose events are resolved: the instance's key, and the properties that lie under every context. */
export interface Owner {
  readonly key: string
  readonly globalProperties: Properties
}

/** What the events of one instance take from a context. */
interface Memo {
  readonly surroundings: Surroundings
  /** Events that have values of their own; filled as they come. */
  readonly events: Map<string, Surroundings | undefined>
}

const nothing: Accumulated = { distinctId: undefined, groups: undefined, properties: {} }
const emptyNode: Node = { all: nothing, events: new Map() }

/** An immutable context. Resolving costs merges, and one value serves all events of a region, so results are remembered. */
export class State {
  /** Per instance; weak, because the empty state lives as long as the process. */
  private readonly memos = new WeakMap<Owner, Memo>()

  constructor(
    private readonly shared: Node,
    private readonly instances: ReadonlyMap<string, Node>
  ) {}

  /** The state with values added in one scope; the same state when the values throw as they are read. */
  set(values: Values, scope: Scope | undefined, event: string | undefined): State {
    try {
      return this.unsafeSet(values, scope, event)
    } catch {
      return this
    }
  }

  private unsafeSet(values: Values, scope: Scope | undefined, event: string | undefined): State {
    const key = scope?.instance?.key
    const node = key === undefined ? this.shared : this.instances.get(key) ?? emptyNode
    const next: Node = event === undefined
      ? { all: addValues(node.all, values), events: node.events }
      : { all: node.all, events: new Map(node.events).set(event, addValues(node.events.get(event) ?? nothing, values)) }
    return key === undefined
      ? new State(next, this.instances)
      : new State(this.shared, new Map(this.instances).set(key, next))
  }

  /** What an event of an instance takes from this context. */
  surroundings(owner: Owner, event: string): Surroundings {
    let memo = this.memos.get(owner)
    if (memo === undefined) {
      const names = [...this.shared.events.keys(), ...this.instances.get(owner.key)?.events.keys() ?? []]
      memo = {
        surroundings: toSurroundings(this.accumulated(owner, undefined)),
        events: new Map(names.map((name) => [name, undefined]))
      }
      this.memos.set(owner, memo)
    }
    if (memo.events.size === 0 || !memo.events.has(event)) return memo.surroundings
    let surroundings = memo.events.get(event)
    if (surroundings === undefined) {
      surroundings = toSurroundings(this.accumulated(owner, event))
      memo.events.set(event, surroundings)
    }
    return surroundings
  }

  /** All values for an event, or for events without values of their own, from low to high. */
  accumulated(owner: Owner, event: string | undefined): Accumulated {
    const instance = this.instances.get(owner.key)
    const global: Accumulated = { distinctId: undefined, groups: undefined, properties: owner.globalProperties }
    return [
      this.shared.all,
      instance?.all,
      event === undefined ? undefined : this.shared.events.get(event),
      event === undefined ? undefined : instance?.events.get(event)
    ].reduce<Accumulated>(
      (under, over) =>
        over === undefined ? under : {
          distinctId: over.distinctId ?? under.distinctId,
          groups: mergeGroups(under.groups, over.groups),
          properties: merge(under.properties, over.properties)
        },
      global
    )
  }
}

const toSurroundings = ({ distinctId, groups, properties }: Accumulated): Surroundings => ({
  distinctId,
  groups,
  layers: Object.keys(properties).length === 0 ? [] : [makeLayer(properties)]
})

const mergeGroups = (under: Groups | undefined, over: Groups | undefined): Groups | undefined =>
  over === undefined ? under : merge(under, over) as Groups

/** Copies, so that a later change of the caller's objects changes nothing here. */
const addValues = (under: Accumulated, values: Values): Accumulated => ({
  distinctId: isIdentifier(values.distinctId) ? String(values.distinctId) : under.distinctId,
  groups: mergeGroups(under.groups, values.groups),
  properties: merge(
    merge(under.properties, values.properties),
    isIdentifier(values.sessionId) ? { $session_id: String(values.sessionId) } : undefined
  )
})

/** The fiber's context. A join keeps the parent's value: a child's identity must never become its parent's. */
export const currentState: FiberRef.FiberRef<State> = globalValue(
  Symbol.for("effect-posthog/PostHogContext/currentState"),
  () => FiberRef.unsafeMake(new State(emptyNode, new Map()), { join: (parent) => parent })
)
