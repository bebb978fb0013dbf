/**
 * What tests use of `@effect/vitest`, for Effect 4: its own version for that asks for a Vitest that does not run on the
 * oldest Node that the library supports.
 */
import { Cause, type Duration, Effect, Exit, Fiber, Layer, Logger, ManagedRuntime, type Scope } from "effect"
import { TestClock, TestConsole } from "effect/testing"
import * as V from "vitest"

export * from "vitest"

type Services = TestClock.TestClock | TestConsole.TestConsole

interface Tester<R> {
  <A, E>(name: string, self: () => Effect.Effect<A, E, R>, timeout?: number | V.TestOptions): void
}

interface Effects<R> extends Tester<R> {
  readonly skip: Tester<R>
  readonly only: Tester<R>
  readonly skipIf: (condition: unknown) => Tester<R>
  readonly runIf: (condition: unknown) => Tester<R>
}

/** The logger of the program is not wanted in tests that run on the clock of tests; each may add its own. */
const layer = Layer.mergeAll(TestClock.layer(), TestConsole.layer, Logger.layer([]))

const run = async <A, E>(effect: Effect.Effect<A, E>, context: V.TestContext): Promise<void> => {
  const fiber = Effect.runFork(effect)
  context.onTestFinished(() => Effect.runPromise(Fiber.interrupt(fiber)))
  const exit = await Effect.runPromise(Fiber.await(fiber), { signal: context.signal })
  if (Exit.isSuccess(exit)) return
  const [first, ...others] = Cause.prettyErrors(exit.cause)
  if (first === undefined || Cause.hasInterruptsOnly(exit.cause)) {
    throw new Error("All fibers interrupted without errors.")
  }
  for (const error of others) console.error(error)
  throw first
}

const tester = <R>(it: typeof V.it, provide: <A, E>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E>) => {
  const on =
    (it: (name: string, options: V.TestOptions, self: (context: V.TestContext) => Promise<void>) => void): Tester<R> =>
    (name, self, timeout) =>
      it(
        name,
        typeof timeout === "number" ? { timeout } : timeout ?? {},
        (context) => run(provide(Effect.suspend(self)), context)
      )
  const effects: Effects<R> = Object.assign(on(it), {
    skip: on(it.skip),
    only: on(it.only),
    skipIf: (condition: unknown) => on(it.skipIf(condition)),
    runIf: (condition: unknown) => on(it.runIf(condition))
  })
  return effects
}

const onTestClock = <A, E>(effect: Effect.Effect<A, E, Services | Scope.Scope>): Effect.Effect<A, E> =>
  Effect.provide(Effect.scoped(effect), layer)

const withLayer = <R, E>(given: Layer.Layer<R, E, Services>, options?: { readonly timeout?: Duration.Input }) =>
(
  name: string,
  tests: (it: typeof V.it & { readonly effect: Effects<R | Services | Scope.Scope> }) => void
): void => {
  V.describe(name, () => {
    const runtime = ManagedRuntime.make(Layer.provideMerge(given, layer))
    V.afterAll(() => runtime.dispose(), options?.timeout === undefined ? undefined : 60_000)
    const effect = tester<R | Services | Scope.Scope>(
      V.it,
      (self) =>
        Effect.flatMap(
          Effect.orDie(runtime.contextEffect),
          (context) => Effect.provideContext(Effect.scoped(self), context)
        )
    )
    tests(Object.assign(
      (...given: Parameters<typeof V.it>) => V.it(...given),
      V.it,
      { effect }
    ) as never)
  })
}

/** `scoped` and `scopedLive` are the same as `effect` and `live`, which have a scope in Effect 4. */
export const it = Object.assign(((...given: Parameters<typeof V.it>) => V.it(...given)) as typeof V.it, V.it, {
  // They ask what they are called on.
  skipIf: (condition: unknown) => V.it.skipIf(condition),
  runIf: (condition: unknown) => V.it.runIf(condition),
  effect: tester<Services | Scope.Scope>(V.it, onTestClock),
  scoped: tester<Services | Scope.Scope>(V.it, onTestClock),
  live: tester<Scope.Scope>(V.it, Effect.scoped),
  scopedLive: tester<Scope.Scope>(V.it, Effect.scoped),
  layer: withLayer
})
