/**
 * Loading flag definitions once: from PostHog, from a store that others fill, or both.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isTagged } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { makeUuidV7 } from "../../core/event/uuid.js"
import { compileDefinitions, type Definitions } from "../../core/flags/definitions.js"
import { readStored, type Stored, writeStored } from "../../core/flags/stored.js"
import { messageOf } from "../../core/thrown.js"
import { type Entry, FlagDefinitionStoreError, type Service } from "../../FlagDefinitionStore.js"
import { FlagsUnavailable } from "../../PostHogError.js"
import { type Active, type Instance, notOpen } from "../instance.js"
import { monotonicMillis } from "../monotonic.js"
import { askDefinitions, type Outcome } from "./requests.js"
import * as SafeStore from "./safeStore.js"
import { flagsOf } from "./stages.js"

/** Where definitions came from. */
export type Source = "server" | "store" | "options"

/** Definitions that evaluations work with. */
export interface Loaded {
  readonly definitions: Definitions
  readonly source: Source
  /** When PostHog gave or confirmed them; `undefined`: not known. */
  readonly loadedAt: number | undefined
  readonly etag: string | undefined
  /** Keys that were asked for and that the definitions do not have, and whether PostHog has them; until the next load. */
  readonly probed: Map<string, boolean>
}

export interface Settings {
  /** `undefined`: by hand only. */
  readonly interval: Duration.Duration | undefined
  readonly storeTimeout: Duration.Duration
  readonly definitions: unknown
}

export interface Loader {
  readonly current: () => Loaded | undefined
  readonly lastSuccess: () => number | undefined
  readonly lastError: () =>
    | { readonly at: number; readonly error: FlagsUnavailable | FlagDefinitionStoreError }
    | undefined
  /** When to load next by `monotonicMillis`, as far as the last load says; 0 before the first. */
  readonly nextLoadAt: () => number
  /** From when on, by the same clock, evaluations that have no definitions may ask for a load. */
  readonly demandAt: () => number
  /** Takes over the definitions of the settings, if there are any. */
  readonly begin: Effect.Effect<void>
  /** Whether there is anything to load from. */
  readonly canLoad: boolean
  /** Never fails; gives what went wrong. */
  readonly load: Effect.Effect<FlagsUnavailable | undefined>
  /** What is loaded now, and what is installed from now on. */
  readonly installed: Stream.Stream<Loaded | undefined>
  /** Ends the lease, if this instance has it. */
  readonly end: Effect.Effect<void>
}

/** Longest wait between two loads that PostHog refuses, unless the interval is longer (PROTOCOL of PostHog's SDKs, section 7.1). */
const maxBackoff = 60_000

/** Time between two loads without a setting. */
export const defaultInterval = Duration.seconds(30)

/** Least time between two loads that evaluations ask for because there are no definitions, in milliseconds. */
const demandPause = 1_000

/** How long to wait before each look at an empty store whose lease somebody has, in milliseconds. */
const looks = [250, 500, 1000]

/** Most keys that are remembered as not defined here. */
const maxProbed = 1_000

/** PostHog has no longer keys. */
const maxKey = 400

/** Remembers whether PostHog has a flag of this key: if not, it is not asked again before the next load. */
export const rememberProbed = ({ probed }: Loaded, key: string, isThere: boolean): void => {
  if (probed.size < maxProbed && key.length <= maxKey) probed.set(key, isThere)
}

/** By its tag: the store may come from another copy of this package, whose class is another one. */
const isStoreError = (thrown: unknown): thrown is FlagDefinitionStoreError => {
  try {
    return isTagged(thrown, "FlagDefinitionStoreError")
  } catch {
    return false
  }
}

export const make = Effect.fnUntraced(function*(
  instance: Instance,
  active: Active,
  settings: Settings,
  service: Service | undefined,
  /** Called as soon as there are definitions, which may be long before the load is over. */
  onUsable: () => void
): Effect.fn.Return<Loader> {
  const { diagnostics, options } = active
  const { state } = instance
  const clock = yield* Effect.clock
  const published = yield* SubscriptionRef.make<Loaded | undefined>(undefined)
  const newUuid = makeUuidV7((bytes) => crypto.getRandomValues(bytes))
  /** When something happened. */
  const now = () => clock.unsafeCurrentTimeMillis()
  /** When something is due. */
  const elapsed = () => monotonicMillis(clock)
  const holder = newUuid(now())
  const name = Redacted.value(options.apiKey ?? Redacted.make("none"))
  const base = Duration.toMillis(settings.interval ?? defaultInterval)
  const hasKey = options.secretKey !== undefined

  let current: Loaded | undefined
  /** How many loads in a row PostHog refused with a status after which to wait longer. */
  let refusals = 0
  /** Set while the last answer was that the project is over its quota: what is stored must not come back. */
  let cleared = false
  let holdsLease = false
  /** Revision of what is stored, if it is what is loaded. */
  let seen: string | undefined
  let lastSuccess: number | undefined
  let lastError: ReturnType<Loader["lastError"]>
  let nextLoadAt = 0
  let demandAt = 0

  const install = (loaded: Loaded | undefined): Effect.Effect<void> =>
    Effect.suspend(() => {
      current = loaded
      flagsOf(instance, active).minimalEvents = loaded?.definitions.minimalFlagCalledEvents ?? false
      if (loaded !== undefined) onUsable()
      return SubscriptionRef.set(published, loaded)
    })

  /** Keeps what is loaded, as of now. */
  const confirm = (etag: string | undefined): void => {
    if (current !== undefined) {
      current = { ...current, loadedAt: now(), etag: etag ?? current.etag, probed: new Map() }
    }
  }

  const succeed = (source: Source, unchanged: boolean): void => {
    lastSuccess = now()
    const count = current?.definitions.keys.length ?? 0
    diagnostics.emit("DefinitionsLoaded", () => ({ _tag: "DefinitionsLoaded", source, count, unchanged }))
  }

  const storeFailed = (operation: FlagDefinitionStoreError["operation"], thrown: unknown): void => {
    const error = isStoreError(thrown)
      ? thrown
      : new FlagDefinitionStoreError({ operation, cause: thrown })
    lastError = { at: now(), error }
    const detail = messageOf(error.cause)
    diagnostics.emit("DefinitionStoreFailed", () => ({ _tag: "DefinitionStoreFailed", operation, detail }))
  }

  /** Compiles definitions; whatever they are, nothing is thrown. */
  const compile = (document: unknown): Definitions | undefined => {
    try {
      return compileDefinitions(document, options.evaluationContexts)
    } catch {
      return undefined
    }
  }

  /** Installs definitions that PostHog did not give to this process; `undefined` when they are none. */
  const adopt = (stored: Stored | undefined, source: Source): Effect.Effect<void> | undefined => {
    const definitions = stored === undefined ? undefined : compile(stored.document)
    return stored === undefined || definitions === undefined
      ? undefined
      : install({ definitions, source, loadedAt: stored.fetchedAt, etag: stored.etag, probed: new Map() })
  }

  /** Takes over what is stored, unless nobody can read it. */
  const takeOver = (entry: Entry): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const adopted = adopt(readStored(entry.document), "store")
      if (adopted === undefined) {
        storeFailed("get", new Error("what is stored are no flag definitions"))
        return Effect.succeed(false)
      }
      seen = entry.revision
      return Effect.as(adopted, true)
    })

  const keepIn =
    (store: SafeStore.SafeStore, expected: string | undefined) =>
    (document: object, etag: string | undefined): Effect.Effect<void> =>
      Effect.suspend(() => {
        const revision = newUuid(now())
        let text: string
        try {
          text = writeStored(document, etag, now())
        } catch (error) {
          // It nests too deep to be written. What is loaded stays.
          storeFailed("put", error)
          return Effect.void
        }
        return Effect.map(
          store.put({ revision, document: text }, expected),
          (isStored) => {
            seen = isStored ? revision : undefined
          }
        )
      })

  const keepNothing = () => Effect.void

  const fail = (error: FlagsUnavailable, delay: number): FlagsUnavailable => {
    lastError = { at: now(), error }
    const { detail, reason, status } = error
    const delayMillis = settings.interval === undefined ? undefined : delay
    diagnostics.emit(
      "DefinitionsFailed",
      () => ({ _tag: "DefinitionsFailed", reason, status, detail, delayMillis }),
      reason
    )
    nextLoadAt = elapsed() + delay
    demandAt = elapsed() + Math.min(delay, demandPause)
    return error
  }

  const failed = ({ backsOff, clears, error, retryAfter }: Extract<Outcome, { _tag: "Failed" }>) =>
    Effect.suspend(() => {
      if (backsOff) refusals++
      const backoff = backsOff ? Math.min(maxBackoff, base * 2 ** refusals) : 0
      const delay = Math.max(base, backoff, Math.min(retryAfter ?? 0, maxBackoff))
      fail(error, delay)
      if (backsOff || clears) demandAt = nextLoadAt
      if (!clears) return Effect.succeed(error)
      cleared = true
      return Effect.as(install(undefined), error)
    })

  /** Asks PostHog, and stores what is new when there is an `after`. */
  const fetch = (
    etag: string | undefined,
    after: (document: object, etag: string | undefined) => Effect.Effect<void>
  ): Effect.Effect<FlagsUnavailable | undefined> =>
    Effect.flatMap(askDefinitions(active, state, etag), (outcome) => {
      if (outcome._tag === "Failed") return failed(outcome)
      const definitions = outcome._tag === "NotModified" ? current?.definitions : compile(outcome.document)
      if (definitions === undefined) {
        const error = new FlagsUnavailable({ reason: "invalid_response", detail: "these are no flag definitions" })
        return failed({ _tag: "Failed", error, clears: false, backsOff: false, retryAfter: undefined })
      }
      refusals = 0
      cleared = false
      if (outcome._tag === "NotModified") {
        confirm(outcome.etag)
        succeed("server", true)
        return Effect.succeed(undefined)
      }
      const { document, etag } = outcome
      return install({ definitions, source: "server", loadedAt: now(), etag, probed: new Map() }).pipe(
        Effect.zipRight(Effect.sync(() => succeed("server", false))),
        Effect.zipRight(after(document as object, etag)),
        Effect.as(undefined)
      )
    })

  /** How long this instance is the one that asks: over its next load, so that nobody steps in while it is well. */
  const leaseFor = (millis: number): Duration.Duration =>
    Duration.millis(Math.max(millis, Duration.toMillis(options.requestTimeout)) + base)

  /** Who has the lease may be loading just now: looks for what it stores, for a moment. */
  const lookAgain = (store: SafeStore.SafeStore): Effect.Effect<Entry | undefined> =>
    Effect.gen(function*() {
      for (const millis of looks) {
        yield* Effect.sleep(millis)
        const found = yield* store.get
        if (found !== undefined && Option.isSome(found)) return found.value
      }
      return undefined
    })

  const loadLeased = Effect.fnUntraced(function*(
    store: SafeStore.SafeStore,
    found: Option.Option<Entry> | undefined
  ): Effect.fn.Return<FlagsUnavailable | undefined> {
    const stored = found === undefined ? undefined : Option.getOrUndefined(found)
    const isBetter = current === undefined ? !cleared : current.source === "options"
    // Without definitions those of the store are better than none, whatever PostHog will say.
    if (isBetter && stored !== undefined) yield* takeOver(stored)
    // A store that lost what was in it, or has something else, wants the whole answer.
    const etag = found === undefined || stored?.revision === seen ? current?.etag : undefined
    const error = yield* fetch(
      stored === undefined && found !== undefined ? undefined : etag,
      keepIn(store, stored?.revision)
    )
    if (error !== undefined) {
      // Too many requests is about the project; anything else another instance may do better.
      if (error.status === 429) {
        yield* store.lease(leaseFor(nextLoadAt - elapsed()))
      } else {
        holdsLease = !(yield* store.release)
      }
    }
    return error
  })

  const loadShared = Effect.fnUntraced(function*(
    store: SafeStore.SafeStore
  ): Effect.fn.Return<FlagsUnavailable | undefined> {
    // A store whose answer is lost may have given the lease all the same; so may one that is asked as the scope closes.
    holdsLease = hasKey
    const [leased, found] = yield* Effect.all(
      [hasKey ? store.lease(leaseFor(base)) : Effect.succeed(false), store.get],
      { concurrency: 2 }
    )
    holdsLease = leased !== false
    if (leased !== false) return yield* loadLeased(store, found)
    const isMissing = found === undefined || Option.isNone(found)
    const stored = !isMissing ? found.value : current === undefined && hasKey ? yield* lookAgain(store) : undefined
    const isNew = stored !== undefined && (current === undefined || stored.revision !== seen)
    if (isNew && (yield* takeOver(stored))) {
      succeed("store", false)
      return undefined
    }
    if (current !== undefined) {
      if (found !== undefined && !isNew) {
        if (stored !== undefined) {
          current = { ...current, probed: new Map() }
          succeed("store", true)
        }
        return undefined
      }
      // The store's part has been told already; what is here stays.
      nextLoadAt = elapsed() + base
      return isNew
        ? new FlagsUnavailable({ reason: "invalid_response", detail: "what is stored are no flag definitions" })
        : new FlagsUnavailable({ reason: "connection", detail: "the store of definitions did not answer" })
    }
    return hasKey
      // Better than no flags. Only who has the lease writes.
      ? yield* fetch(undefined, keepNothing)
      : fail(new FlagsUnavailable({ reason: "no_definitions", detail: "the store has none" }), base)
  })

  const store = service === undefined
    ? undefined
    : SafeStore.make(service, name, holder, settings.storeTimeout, storeFailed)

  const load: Effect.Effect<FlagsUnavailable | undefined> = Effect.suspend(() => {
    const state = instance.state()
    return state !== "open"
      ? Effect.sync(() => fail(new FlagsUnavailable({ reason: notOpen(state) }), base))
      : store === undefined
      ? fetch(current?.etag, keepNothing)
      : loadShared(store)
  }).pipe(
    // Total: a fault of ours is a load that failed.
    Effect.catchAllDefect((defect) =>
      Effect.sync(() => fail(new FlagsUnavailable({ reason: "connection", detail: messageOf(defect) }), base))
    ),
    Effect.tap((error) =>
      Effect.sync(() => {
        if (error === undefined) nextLoadAt = elapsed() + base
      })
    )
  )

  return {
    current: () => current,
    lastSuccess: () => lastSuccess,
    lastError: () => lastError,
    nextLoadAt: () => nextLoadAt,
    demandAt: () => demandAt,
    begin: Effect.suspend(() => {
      const { definitions } = settings
      if (definitions === undefined) return Effect.void
      const adopted = adopt(
        typeof definitions === "string"
          ? readStored(definitions)
          : { document: definitions, etag: undefined, fetchedAt: undefined },
        "options"
      )
      if (adopted !== undefined) return Effect.zipRight(adopted, Effect.sync(() => succeed("options", false)))
      fail(new FlagsUnavailable({ reason: "invalid_response", detail: "the option definitions has none" }), 0)
      return Effect.void
    }),
    canLoad: store !== undefined || (active.http !== undefined && hasKey),
    load,
    installed: published.changes,
    end: Effect.suspend(() => holdsLease ? store!.releaseAtEnd : Effect.void)
  }
})
