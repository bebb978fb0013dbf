/**
 * Loading flag definitions once: from PostHog, from a store that others fill, or both.
 * Long because one state is seen by all that loads definitions.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isTagged } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import { makeUuidV7 } from "../../core/event/uuid.js"
import { compileDefinitions } from "../../core/flags/definitions.js"
import * as Loading from "../../core/flags/loading.js"
import { readStored, type Stored } from "../../core/flags/stored.js"
import { messageOf } from "../../core/thrown.js"
import { FlagDefinitionStoreError, type Service } from "../../FlagDefinitionStore.js"
import { Feed } from "../feed.js"
import { type Active, type Instance, notOpen } from "../instance.js"
import { monotonicMillis } from "../monotonic.js"
import { FlagsUnavailable } from "./errors.js"
import { askDefinitions } from "./requests.js"
import * as SafeStore from "./safeStore.js"
import * as SharedLoad from "./sharedLoad.js"
import { flagsOf } from "./stages.js"
import { aboutDefinitions, kinds } from "./words.js"

export interface Settings {
  /** `undefined`: by hand only. */
  readonly interval: Duration.Duration | undefined
  readonly storeTimeout: Duration.Duration
  readonly definitions: unknown
}

export interface Loader {
  readonly current: () => Loading.Loaded | undefined
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
  /** What is loaded now, and what is installed from now on, until the end. */
  readonly installed: Stream.Stream<Loading.Loaded | undefined>
  /** Ends the lease, if this instance has it, and the streams. */
  readonly end: Effect.Effect<void>
}

/** Definitions that a slow subscriber may fall behind: who follows them wants the latest. */
const feedCapacity = 16

/** Time between two loads without a setting. */
export const defaultInterval = Duration.seconds(30)

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
  const clock = yield* Effect.clock
  const published = new Feed<Loading.Loaded | undefined>(feedCapacity)
  const newUuid = makeUuidV7((bytes) => crypto.getRandomValues(bytes))
  /** When something happened. */
  const now = () => clock.unsafeCurrentTimeMillis()
  /** When something is due. */
  const elapsed = () => monotonicMillis(clock)
  const name = Redacted.value(options.apiKey ?? Redacted.make("none"))
  const base = Duration.toMillis(settings.interval ?? defaultInterval)
  const hasKey = options.secretKey !== undefined

  let state = Loading.initial
  let lastError: ReturnType<Loader["lastError"]>

  const set = (changes: Partial<Loading.LoadState>): void => {
    state = { ...state, ...changes }
  }

  const install = (loaded: Loading.Loaded | undefined): Effect.Effect<void> =>
    Effect.sync(() => {
      set({ loaded })
      flagsOf(instance, active).minimalEvents = loaded?.definitions.minimalFlagCalledEvents ?? false
      if (loaded !== undefined) onUsable()
      published.publish(loaded)
    })

  const succeed = (source: Loading.Source, unchanged: boolean): void => {
    set({ lastSuccess: now() })
    const count = state.loaded?.definitions.keys.length ?? 0
    if (source === "server") diagnostics.succeeded(aboutDefinitions)
    diagnostics.emit(kinds.definitionsLoaded, () => ({ _tag: "DefinitionsLoaded", source, count, unchanged }))
  }

  const fail = (
    error: FlagsUnavailable,
    failure: Loading.Failure = Loading.ordinaryFailure,
    interval = base
  ): FlagsUnavailable => {
    const after = Loading.afterFailure(state, failure, interval, elapsed())
    state = after.state
    lastError = { at: now(), error }
    const { detail, reason, status } = error
    const delayMillis = settings.interval === undefined ? undefined : after.delay
    diagnostics.emit(
      kinds.definitionsFailed,
      () => ({ _tag: "DefinitionsFailed", reason, status, detail, delayMillis })
    )
    diagnostics.failed({ about: aboutDefinitions, reason, status, detail })
    return error
  }

  const storeFailed = (operation: FlagDefinitionStoreError["operation"], thrown: unknown): void => {
    const error = isStoreError(thrown)
      ? thrown
      : new FlagDefinitionStoreError({ operation, cause: thrown })
    lastError = { at: now(), error }
    const detail = messageOf(error.cause)
    diagnostics.emit(kinds.definitionStoreFailed, () => ({ _tag: "DefinitionStoreFailed", operation, detail }))
  }

  /** Installs definitions that PostHog did not give to this process; `undefined` when they are none. */
  const adopt = (stored: Stored | undefined, source: Loading.Source): Effect.Effect<void> | undefined => {
    const definitions = stored === undefined
      ? undefined
      : compileDefinitions(stored.document, options.evaluationContexts)
    return stored === undefined || definitions === undefined
      ? undefined
      : install({ definitions, source, loadedAt: stored.fetchedAt, etag: stored.etag, probed: new Map() })
  }

  /** Asks PostHog, and does what is to be done with a new answer. */
  const fetch = (
    etag: string | undefined,
    after: (document: object, etag: string | undefined) => Effect.Effect<void>
  ): Effect.Effect<FlagsUnavailable | undefined> =>
    Effect.flatMap(askDefinitions(active, instance.state, etag), (outcome) => {
      if (outcome._tag === "Failed") {
        const error = fail(outcome.error, outcome)
        return outcome.clears ? Effect.as(install(undefined), error) : Effect.succeed(error)
      }
      if (outcome._tag === "NotModified" && state.loaded !== undefined) {
        state = Loading.afterAnswer(state, Loading.confirmed(state.loaded, outcome.etag, now()))
        succeed("server", true)
        return Effect.succeed(undefined)
      }
      const document = outcome._tag === "Loaded" ? outcome.document : undefined
      const definitions = compileDefinitions(document, options.evaluationContexts)
      if (definitions === undefined) {
        return Effect.succeed(
          fail(new FlagsUnavailable({ reason: "invalid_response", detail: "these are no flag definitions" }))
        )
      }
      const loaded: Loading.Loaded = {
        definitions,
        source: "server",
        loadedAt: now(),
        etag: outcome.etag,
        probed: new Map()
      }
      state = Loading.afterAnswer(state, loaded)
      return install(loaded).pipe(
        Effect.zipRight(Effect.sync(() => succeed("server", false))),
        Effect.zipRight(after(document as object, outcome.etag)),
        Effect.as(undefined)
      )
    })

  const store = service === undefined
    ? undefined
    : SafeStore.make(service, name, newUuid(now()), settings.storeTimeout, storeFailed)

  const load: Effect.Effect<FlagsUnavailable | undefined> = Effect.suspend(() => {
    const open = instance.state()
    return open !== "open"
      ? Effect.sync(() => fail(new FlagsUnavailable({ reason: notOpen(open) })))
      : store === undefined
      ? fetch(state.loaded?.etag, () => Effect.void)
      : shared(store)
  }).pipe(
    // Total: a fault of ours is a load that failed.
    Effect.catchAllDefect((defect) =>
      Effect.sync(() => fail(new FlagsUnavailable({ reason: "connection", detail: messageOf(defect) })))
    ),
    Effect.tap((error) =>
      Effect.sync(() => {
        if (error === undefined) set({ nextLoadAt: elapsed() + base })
      })
    )
  )

  const shared = SharedLoad.make({
    hasKey,
    state: () => state,
    set,
    newRevision: () => newUuid(now()),
    now,
    elapsed,
    base,
    requestTimeout: Duration.toMillis(options.requestTimeout),
    adopt: (stored) => adopt(stored, "store"),
    fetch,
    succeed: (unchanged) => succeed("store", unchanged),
    fail,
    storeFailed
  })

  return {
    current: () => state.loaded,
    lastSuccess: () => state.lastSuccess,
    lastError: () => lastError,
    nextLoadAt: () => state.nextLoadAt,
    demandAt: () => state.demandAt,
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
      const error = new FlagsUnavailable({ reason: "invalid_response", detail: "the option definitions has none" })
      fail(error, Loading.ordinaryFailure, 0)
      return Effect.void
    }),
    canLoad: store !== undefined || (active.http !== undefined && hasKey),
    load,
    installed: published.stream(() => [state.loaded]),
    end: Effect.suspend(() => {
      published.end()
      return state.holdsLease ? store!.releaseAtEnd : Effect.void
    })
  }
})
