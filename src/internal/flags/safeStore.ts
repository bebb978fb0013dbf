/**
 * A store as a poller uses it: it may fail, die, hang and refuse to be interrupted, and none of that is the poller's
 * trouble.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type { Entry, FlagDefinitionStoreError, Service } from "../../FlagDefinitionStore.js"
import { disconnect } from "../effect/waiting.js"

export interface SafeStore {
  /** What is stored, if anything; `undefined`: the store does not say. */
  readonly get: Effect.Effect<Option.Option<Entry> | undefined>
  /** Whether the entry is stored now. */
  readonly put: (entry: Entry, expected: string | undefined) => Effect.Effect<boolean>
  /** Whether the lease is this holder's; `undefined`: the store does not say. */
  readonly lease: (duration: Duration.Duration) => Effect.Effect<boolean | undefined>
  /** Whether it is ended, as far as the store says. */
  readonly release: Effect.Effect<boolean>
  /**
   * The same for a finalizer, which cannot be timed out itself (docs/decisions/delivery.md, "Closing waits
   * uninterruptibly").
   */
  readonly releaseAtEnd: Effect.Effect<void>
}

export const make = (
  store: Service,
  name: string,
  holder: string,
  timeout: Duration.Duration,
  onFailure: (operation: FlagDefinitionStoreError["operation"], thrown: unknown) => void
): SafeStore => {
  const ask = <A, B>(
    operation: FlagDefinitionStoreError["operation"],
    self: () => Effect.Effect<A, FlagDefinitionStoreError>,
    otherwise: B
  ): Effect.Effect<A | B> =>
    disconnect(Effect.suspend(self)).pipe(
      Effect.timeoutFail({
        duration: timeout,
        onTimeout: () => new Error(`no reply within ${Duration.format(timeout)}`)
      }),
      Effect.catchAllCause((cause) =>
        Effect.sync(() => {
          onFailure(operation, Cause.squash(cause))
          return otherwise
        })
      )
    )

  const release = ask("release", () => Effect.as(store.release(name, holder), true), false)
  return {
    get: ask("get", () => store.get(name), undefined),
    put: (entry, expected) => ask("put", () => store.put(name, entry, expected), false),
    lease: (duration) => ask("lease", () => store.lease(name, holder, duration), undefined),
    release,
    releaseAtEnd: Effect.asVoid(Effect.flatMap(Effect.forkDaemon(Effect.interruptible(release)), Fiber.await))
  }
}
