/**
 * When the flag definitions of an instance are loaded: one poller per instance, one load at a time.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Loaded } from "../../core/flags/loading.js"
import type { Service } from "../../FlagDefinitionStore.js"
import { FlagsUnavailable } from "../../PostHogError.js"
import { complete } from "../completion.js"
import { makeDeferred } from "../effect/waiting.js"
import type { Active, Instance } from "../instance.js"
import { monotonicMillis } from "../monotonic.js"
import { sleepIdle } from "../sleepIdle.js"
import * as Loader from "./loader.js"

export interface Poller {
  readonly loader: Loader.Loader
  /** When the next load begins, by the wall clock; `undefined` while one is under way, or when there will be none. */
  readonly nextLoadAt: () => number | undefined
  /**
   * Waits, if nothing is loaded yet, for the load that is under way or due; within the time limit of a request for
   * flags.
   */
  readonly awaitFirst: Effect.Effect<void>
  /** Loads now; a load that began earlier does not count. */
  readonly reload: Effect.Effect<void, FlagsUnavailable>
  /** What is loaded now, and what is installed from now on. Ends with the poller. */
  readonly installed: Stream.Stream<Loaded | undefined>
  readonly start: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
}

/** A load that several may wait for. */
interface Flight {
  readonly startedAt: number
  readonly result: Deferred.Deferred<FlagsUnavailable | undefined>
  /** Done as soon as there are definitions, or with the load. */
  readonly usable: Deferred.Deferred<void>
}

const settle = ({ result, usable }: Flight, error: FlagsUnavailable | undefined): void => {
  complete(usable, Effect.void)
  complete(result, Effect.succeed(error))
}

const closedError = new FlagsUnavailable({ reason: "closed" })

export const make = Effect.fnUntraced(function*(
  instance: Instance,
  active: Active,
  settings: Loader.Settings,
  store: Service | undefined
): Effect.fn.Return<Poller> {
  const scope = yield* Scope.make()
  const clock = yield* Effect.clock
  const now = () => monotonicMillis(clock)
  let flight: Flight | undefined
  let closed = false
  const loader = yield* Loader.make(instance, active, settings, store, () => {
    if (flight !== undefined) complete(flight.usable, Effect.void)
  })

  /** For people: now, and what is left by the clock that nobody sets. */
  const nextLoadAt = (): number | undefined =>
    loader.nextLoadAt() === 0
      ? undefined
      : clock.unsafeCurrentTimeMillis() + Math.max(Math.round(loader.nextLoadAt() - now()), 0)

  /** The load that is under way, or else one that begins now. */
  const begin: Effect.Effect<Flight> = Effect.suspend(() => {
    if (flight !== undefined) return Effect.succeed(flight)
    const own: Flight = {
      startedAt: now(),
      result: makeDeferred(),
      usable: makeDeferred()
    }
    flight = own
    const run = Effect.map(loader.load, (error) => {
      flight = undefined
      settle(own, error)
    })
    // In a fiber of its own: it goes on when who asked for it is interrupted, and ends with the poller.
    return Effect.as(Effect.forkIn(Effect.interruptible(run), scope), own)
  })

  const load: Effect.Effect<FlagsUnavailable | undefined> = Effect.suspend(() =>
    closed ? Effect.succeed(closedError) : Effect.flatMap(begin, ({ result }) => Deferred.await(result))
  )

  // Looks at the time again after each sleep, because a load by hand moves the next one.
  const loop: Effect.Effect<never> = Effect.forever(Effect.suspend(() => {
    const left = loader.nextLoadAt() - now()
    return flight !== undefined || left <= 0 ? Effect.asVoid(load) : sleepIdle(Duration.millis(left))
  }))

  return {
    loader,
    nextLoadAt: () =>
      settings.interval === undefined || !loader.canLoad || closed || flight !== undefined
        ? undefined
        : nextLoadAt(),
    awaitFirst: Effect.suspend(() => {
      if (loader.current() !== undefined || closed || !loader.canLoad) return Effect.void
      if (flight === undefined && now() < loader.demandAt()) return Effect.void
      return Effect.flatMap(begin, ({ startedAt, usable }) => {
        const left = startedAt + Duration.toMillis(active.options.featureFlagsRequestTimeout) - now()
        return left > 0 ? Effect.asVoid(Effect.timeoutOption(Deferred.await(usable), left)) : Effect.void
      })
    }),
    reload: Effect.suspend(() => flight === undefined ? Effect.void : Deferred.await(flight.result)).pipe(
      Effect.zipRight(load),
      Effect.flatMap((error) => error === undefined ? Effect.void : Effect.fail(error))
    ),
    installed: loader.installed,
    start: Effect.zipRight(
      loader.begin,
      Effect.suspend(() =>
        loader.canLoad
          ? Effect.asVoid(Effect.forkIn(Effect.interruptible(settings.interval === undefined ? load : loop), scope))
          : Effect.void
      )
    ),
    stop: Effect.suspend(() => {
      closed = true
      const last = flight
      flight = undefined
      return Scope.close(scope, Exit.void).pipe(
        Effect.zipRight(Effect.sync(() => {
          if (last !== undefined) settle(last, closedError)
        })),
        Effect.zipRight(loader.end)
      )
    })
  }
})
