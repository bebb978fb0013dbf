/**
 * The value behind `withContext` and its kin: what has been set in a fiber, by scope, and what an event takes from it.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { type Properties, unreadable } from "../core/event/layers.js"
import type { Surroundings } from "../core/event/properties.js"
import { readOwn } from "../core/guard.js"
import {
  type Accumulated,
  addTexts,
  addValues,
  type AiPolicy,
  type AllValues,
  type ContextScope,
  emptyNode,
  globalsOf,
  instanceIn,
  type Node,
  nothing,
  type OfRequest,
  ofRequest,
  over,
  type Owner,
  partRequest,
  type Parts,
  readCapture,
  type Region,
  toSurroundings,
  withLookedUp
} from "./contextValues.js"
import {
  type Fiber,
  makeReference,
  type Origin,
  type Reference,
  referenceAt,
  setReference,
  snapshotOf,
  withFiber,
  withReference
} from "./effect/fiber.js"

/** What the events of one instance take from a context; filled as it is asked for. */
interface Memo {
  readonly lookedUp: Properties | undefined
  readonly accumulated: Accumulated
  surroundings: Surroundings | undefined
  /** Events that have values of their own. */
  readonly events: Map<string, Surroundings | undefined> | undefined
}

/**
 * An immutable context. Resolving costs merges, and one value serves all events of a region, so results are remembered.
 */
export class State {
  /** For one instance, which is nearly always the only one. */
  private owner: Owner | undefined
  private ofOwner: Memo | undefined
  /** For the others; weak, because the empty state lives as long as the process. */
  private ofOthers: WeakMap<Owner, Memo> | undefined

  /** `parts` may be a function: a request is read when its first event is captured. */
  constructor(
    private parts: Parts | (() => Parts),
    readonly region: Region | undefined,
    /** What the events of calls of models keep to; `undefined`: to what the instance says. */
    readonly ai: AiPolicy | undefined
  ) {}

  private resolved(): Parts {
    return typeof this.parts === "function" ? this.parts = this.parts() : this.parts
  }

  private get shared(): Node {
    return this.resolved().shared
  }

  private get instances(): ReadonlyMap<string, Node> {
    return this.resolved().instances
  }

  /** Whether the context for all instances has a user. */
  get hasDistinctId(): boolean {
    return this.shared.all.distinctId !== undefined
  }

  /**
   * The state of a region, with values for all instances that are made when the first event needs them. `make` must not
   * throw. A request that passes two middlewares stays one request.
   */
  enter(region: Region, make: (under: State) => AllValues): State {
    return new State(
      () => this.set(make(this), undefined, undefined).resolved(),
      this.region !== undefined && this.isIn(region) ? { ...region, personless: this.region.personless } : region,
      this.ai
    )
  }

  /** Whether this is the context of the same request. */
  isIn({ source }: Region): boolean {
    return this.region !== undefined && this.region.source === source
  }

  /** The state with values added in one scope; with a marker when they throw as they are read. */
  set(values: AllValues, scope: ContextScope | undefined, event: string | undefined): State {
    try {
      return this.unsafeSet(values, scope, event)
    } catch {
      return this.unsafeSet({ properties: unreadable, capture: readCapture(values) }, scope, event)
    }
  }

  private unsafeSet(values: AllValues, scope: ContextScope | undefined, event: string | undefined): State {
    const parted = partRequest(values)
    const region = parted.request?.region
    return this.change(
      scope,
      region === undefined || this.isIn(region) ? this.region : region,
      ({ all, events }) =>
        event === undefined
          ? { all: addValues(all, parted), events }
          : { all, events: new Map(events).set(event, addValues(events.get(event) ?? nothing, parted)) }
    )
  }

  /** What has been set, by scope. */
  get nodes(): Parts {
    return this.resolved()
  }

  /** What the request says about itself and nobody else has said since, to go on with it. */
  get request(): OfRequest | undefined {
    return this.region === undefined ? undefined : ofRequest(this.shared.all, this.region)
  }

  private change(scope: ContextScope | undefined, region: Region | undefined, f: (node: Node) => Node): State {
    const key = instanceIn(scope)
    return key === undefined
      ? new State({ shared: f(this.shared), instances: this.instances }, region, this.ai)
      : new State(
        {
          shared: this.shared,
          instances: new Map(this.instances).set(key, f(this.instances.get(key) ?? emptyNode))
        },
        region,
        this.ai
      )
  }

  /** The state with another policy for calls of models. */
  withAi(ai: AiPolicy): State {
    return new State(this.parts, this.region, ai)
  }

  /**
   * The state with properties for the events of some names, for all instances: as {@link set} with each of the names,
   * but made for regions that are entered often. The properties must be texts, and must not change.
   */
  setTexts(events: ReadonlyArray<string>, properties: Properties): State {
    const { all, events: before } = this.shared
    const after = new Map(before)
    let under: Accumulated | undefined
    let over = nothing
    for (const event of events) {
      const own = before.get(event) ?? nothing
      // Those that were the same stay the same.
      if (own !== under) {
        under = own
        over = addTexts(own, properties)
      }
      after.set(event, over)
    }
    return new State({ shared: { all, events: after }, instances: this.instances }, this.region, this.ai)
  }

  /**
   * One property of an event as it would be sent, without all that is behind the others. Not what is looked up for a
   * request.
   */
  property({ globalProperties, key }: Owner, event: string, name: string): unknown {
    const own = this.instances.get(key)
    for (const values of [own?.events.get(event), this.shared.events.get(event), own?.all, this.shared.all]) {
      if (values !== undefined && Object.hasOwn(values.properties, name)) return values.properties[name]
    }
    return readOwn(globalProperties, name)
  }

  /** What an event of an instance takes from this context. */
  surroundings(owner: Owner, event: string): Surroundings {
    const memo = this.memo(owner)
    if (memo.events?.has(event) !== true) {
      return memo.surroundings ??= toSurroundings(memo.accumulated, this.region?.personless)
    }
    let surroundings = memo.events.get(event)
    if (surroundings === undefined) {
      surroundings = toSurroundings(this.accumulate(owner, memo.lookedUp, event), this.region?.personless)
      memo.events.set(event, surroundings)
    }
    return surroundings
  }

  /** Whether nothing shall be captured, in general or by the name of an event. */
  isSilent(owner: Owner, event: string): boolean {
    const memo = this.memo(owner)
    return (memo.events?.has(event) === true ? this.accumulate(owner, memo.lookedUp, event) : memo.accumulated)
      .captures === false
  }

  /** All values for an event, or for events without values of their own, from low to high. */
  accumulated(owner: Owner, event: string | undefined): Accumulated {
    const { accumulated, lookedUp } = this.memo(owner)
    return event === undefined ? accumulated : this.accumulate(owner, lookedUp, event)
  }

  private memo(owner: Owner): Memo {
    const before = this.owner === owner ? this.ofOwner : this.ofOthers?.get(owner)
    const lookedUp = this.region?.lookUp?.()
    if (before !== undefined && before.lookedUp === lookedUp) return before
    const own = this.instances.get(owner.key)?.events
    const memo: Memo = {
      lookedUp,
      accumulated: this.accumulate(owner, lookedUp, undefined),
      surroundings: undefined,
      events: this.shared.events.size === 0 && (own === undefined || own.size === 0)
        ? undefined
        : new Map([...this.shared.events.keys(), ...own?.keys() ?? []].map((name) => [name, undefined]))
    }
    if (this.owner === undefined || this.owner === owner) {
      this.owner = owner
      this.ofOwner = memo
    } else {
      ;(this.ofOthers ??= new WeakMap()).set(owner, memo)
    }
    return memo
  }

  private accumulate(owner: Owner, lookedUp: Properties | undefined, event: string | undefined) {
    const { all, events } = this.shared
    const instance = this.instances.get(owner.key)
    const general = over(over(globalsOf(owner), withLookedUp(all, lookedUp)), instance?.all)
    return event === undefined ? general : over(over(general, events.get(event)), instance?.events.get(event))
  }
}

/** Where a fiber finds its context. In a request it stays the same, and its state changes. */
export interface Place {
  state: State
  /** Whose `setContext` changes what is here, for all fibers that find it; `undefined`: outside of a request. */
  readonly owner: Fiber | undefined
  /**
   * Fibers that have found this place, and have set something for themselves since. Not only as their reference: in
   * Effect 4 that ends with the span or other region of Effect in which it is set.
   */
  forks: WeakMap<object, Place> | undefined
}

const placeOf = (state: State, owner: Fiber | undefined): Place => ({ state, owner, forks: undefined })

/** A join keeps the parent's value: a child's identity must never become its parent's. */
export const currentPlace: Reference<Place> = makeReference(
  "effect-posthog/context/currentPlace",
  () => placeOf(new State({ shared: emptyNode, instances: new Map() }, undefined, undefined), undefined)
)

export const placeAt = (origin: Origin): Place => {
  const place = referenceAt(origin, currentPlace)
  return place.forks?.get(origin) ?? place
}

export const stateAt = (origin: Origin): State => placeAt(origin).state

/** The context of the fiber that runs it. */
export const getState: Effect.Effect<State> = /* #__PURE__ */ withFiber((fiber) => Effect.succeed(stateAt(fiber)))

/** Runs an effect, and all fibers it forks, in another context. */
export const inState: {
  (change: (state: State) => State): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, change: (state: State) => State): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, change: (state: State) => State): Effect.Effect<A, E, R> =>
    withFiber((fiber) => {
      const { owner, state } = placeAt(fiber)
      return Effect.locally(self, currentPlace, placeOf(change(state), owner && fiber))
    })
)

/**
 * Changes the context of the fiber. In a request it holds to the end of the innermost region of ours, which may be the
 * request, for all fibers of that region; but what a fiber sets that was forked in it holds for that fiber. Elsewhere
 * it holds as long as Effect lets a fiber keep what it sets.
 */
export const changeState = (change: (state: State) => State): Effect.Effect<void> =>
  withFiber((fiber) => {
    const place = placeAt(fiber)
    const state = change(place.state)
    const { owner } = place
    if (owner === undefined) return setReference(currentPlace, placeOf(state, undefined))
    if (owner === fiber) {
      place.state = state
      return Effect.void
    }
    const own = placeOf(state, fiber)
    ;(place.forks ??= new WeakMap()).set(fiber, own)
    return setReference(currentPlace, own)
  })

/**
 * The place of a request, with values that are made when the first event needs them, see {@link State.enter}. A request
 * that passes two middlewares has one.
 */
export const enterRequest = (fiber: Fiber, region: Region, make: (under: State) => AllValues): Place => {
  const outside = placeAt(fiber)
  const state = outside.state.enter(region, make)
  if (outside.owner !== fiber || !outside.state.isIn(region)) return placeOf(state, fiber)
  outside.state = state
  return outside
}

/** The same with another context, if there is one. */
export const withState = (origin: Origin, state: State | undefined): Origin =>
  state === undefined ? origin : withReference(origin, currentPlace, placeOf(state, undefined))

/** A fiber with its context as it is now, for an event that is captured when both may be others. */
export const snapshot = (fiber: Fiber): Origin => {
  const origin = snapshotOf(fiber)
  const { owner, state } = placeAt(fiber)
  return owner === undefined ? origin : withState(origin, state)
}

/** Gives the context of the code that runs, where that is known by an `AsyncLocalStorage`. A bridge sets it. */
export const asyncState: Reference<(() => State | undefined) | undefined> = makeReference(
  "effect-posthog/context/asyncState",
  (): (() => State | undefined) | undefined => undefined
)
