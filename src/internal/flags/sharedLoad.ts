/**
 * A load of one who shares a store with others: runs what `core/flags/loading.ts` decides.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Loading from "../../core/flags/loading.js"
import { readStored, type Stored, writeStored } from "../../core/flags/stored.js"
import type { Entry, FlagDefinitionStoreError } from "../../FlagDefinitionStore.js"
import { FlagsUnavailable } from "./errors.js"
import type { SafeStore } from "./safeStore.js"

/** What the loader does for it. */
interface Parts {
  readonly hasKey: boolean
  readonly state: () => Loading.LoadState
  readonly set: (changes: Partial<Loading.LoadState>) => void
  readonly newRevision: () => string
  readonly now: () => number
  readonly elapsed: () => number
  /** The interval, in milliseconds. */
  readonly base: number
  readonly requestTimeout: number
  /** `undefined`: these are no definitions. */
  readonly adopt: (stored: Stored | undefined) => Effect.Effect<void> | undefined
  readonly fetch: (
    etag: string | undefined,
    after: (document: object, etag: string | undefined) => Effect.Effect<void>
  ) => Effect.Effect<FlagsUnavailable | undefined>
  readonly succeed: (unchanged: boolean) => void
  readonly fail: (error: FlagsUnavailable) => FlagsUnavailable
  readonly storeFailed: (operation: FlagDefinitionStoreError["operation"], thrown: unknown) => void
}

/** How long to wait before each look at an empty store whose lease somebody has, in milliseconds. */
const looks = [250, 500, 1000]

const keepNothing = () => Effect.void

const foundOf = (got: Option.Option<Entry> | undefined): Loading.Found<Entry> | undefined =>
  got === undefined ? undefined : { entry: Option.getOrUndefined(got) }

export const make = (parts: Parts): (store: SafeStore) => Effect.Effect<FlagsUnavailable | undefined> => {
  const { base, fail, fetch, hasKey, set, state, storeFailed } = parts

  /** Takes over what is stored, unless nobody can read it. */
  const takeOver = ({ document, revision }: Entry): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const adopted = parts.adopt(readStored(document))
      if (adopted === undefined) {
        storeFailed("get", new Error("what is stored are no flag definitions"))
        return Effect.succeed(false)
      }
      set({ seen: revision })
      return Effect.as(adopted, true)
    })

  const keepIn =
    (store: SafeStore, expected: string | undefined) =>
    (document: object, etag: string | undefined): Effect.Effect<void> =>
      Effect.suspend(() => {
        const revision = parts.newRevision()
        let text: string
        try {
          text = writeStored(document, etag, parts.now())
        } catch (error) {
          // It nests too deep to be written. What is loaded stays.
          storeFailed("put", error)
          return Effect.void
        }
        return Effect.map(store.put({ revision, document: text }, expected), (isStored) => {
          set({ seen: isStored ? revision : undefined })
        })
      })

  /** How long this instance is the one that asks: over its next load, so that nobody steps in while it is well. */
  const leaseFor = (millis: number): Duration.Duration => Duration.millis(Math.max(millis, parts.requestTimeout) + base)

  /** Who has the lease may be loading just now: looks for what it stores, for a moment. */
  const lookAgain = Effect.fnUntraced(function*(store: SafeStore): Effect.fn.Return<Loading.Found<Entry> | undefined> {
    for (const millis of looks) {
      yield* Effect.sleep(millis)
      const found = foundOf(yield* store.get)
      if (found?.entry !== undefined) return found
    }
    return undefined
  })

  /** The load of the one who has the lease. */
  const lead = Effect.fnUntraced(function*(
    store: SafeStore,
    found: Loading.Found<Entry> | undefined
  ): Effect.fn.Return<FlagsUnavailable | undefined> {
    if (Loading.beginsWithStored(state(), found)) yield* takeOver(found!.entry!)
    const error = yield* fetch(Loading.etagFor(state(), found), keepIn(store, found?.entry?.revision))
    // Too many requests is about the project; anything else another instance may do better.
    if (error?.status === 429) yield* store.lease(leaseFor(state().nextLoadAt - parts.elapsed()))
    else if (error !== undefined) set({ holdsLease: !(yield* store.release) })
    return error
  })

  /**
   * The definitions that are loaded stay, and the caller of `reload` gets the reason. Faults of the store have been
   * reported already.
   */
  const stay = (reason: FlagsUnavailable["reason"], detail: string): FlagsUnavailable => {
    set({ nextLoadAt: parts.elapsed() + base })
    return new FlagsUnavailable({ reason, detail })
  }

  /** The load of everybody else. */
  const join = Effect.fnUntraced(function*(
    store: SafeStore,
    first: Loading.Found<Entry> | undefined
  ): Effect.fn.Return<FlagsUnavailable | undefined> {
    let found = first
    let step = Loading.follow(state(), found, hasKey, false)
    if (step === "look") {
      found = yield* lookAgain(store)
      step = Loading.follow(state(), found, hasKey, true)
    }
    if (step === "adopt") {
      if (yield* takeOver(found!.entry!)) {
        parts.succeed(false)
        return undefined
      }
      if (state().loaded !== undefined) return stay("invalid_response", "what is stored are no flag definitions")
      step = Loading.follow(state(), undefined, hasKey, true)
    }
    const { loaded } = state()
    switch (step) {
      case "confirm":
        if (loaded !== undefined) set({ loaded: { ...loaded, probed: new Map() } })
        parts.succeed(true)
        return undefined
      case "unanswered":
        return stay("connection", "the store of definitions did not answer")
      case "ask":
        // Only who has the lease writes.
        return yield* fetch(undefined, keepNothing)
      case "nothing":
        return fail(new FlagsUnavailable({ reason: "no_definitions", detail: "the store has none" }))
      default:
        return undefined
    }
  })

  return Effect.fnUntraced(function*(store) {
    // A store whose answer is lost may have given the lease all the same; so may one that is asked as the scope closes.
    set({ holdsLease: hasKey })
    const [leased, got] = yield* Effect.all(
      [hasKey ? store.lease(leaseFor(base)) : Effect.succeed(false), store.get],
      { concurrency: 2 }
    )
    set({ holdsLease: leased !== false })
    return yield* (leased === false ? join : lead)(store, foundOf(got))
  })
}
