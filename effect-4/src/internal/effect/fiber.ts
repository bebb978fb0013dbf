/**
 * What is read of a fiber without running an effect in it, the references that fibers carry, and what is done to a
 * fiber from outside. Hides where Effect keeps these values: all of them in the context of the fiber.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as EffectFiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { shared } from "../../core/shared.js"

export type Fiber = EffectFiber.Fiber<unknown, unknown>

/** A value that fibers carry, each its own. */
export type Reference<A> = Context.Reference<A>

/** Where an event comes from: a fiber, or what a logger or a runtime knows of one. */
export interface Origin {
  readonly context: Context.Context<never>
}

/** The effect that `f` makes of the fiber that runs it. */
export const withFiber = Effect.withFiber

export const referenceAt = <A>({ context }: Origin, reference: Reference<A>): A => Context.get(context, reference)

/** The innermost span, also one of another process. */
export const spanAt = ({ context }: Origin): Tracer.AnySpan | undefined =>
  Context.getOrUndefined(context, Tracer.ParentSpan)

/** Whether a span is to be told to others. */
export const isPropagated = (span: Tracer.AnySpan): boolean => !Context.get(span.annotations, Tracer.DisablePropagation)

export const tracerAt = ({ context }: Origin): Tracer.Tracer => Context.get(context, Tracer.Tracer)

/** A service that the fiber is known to have. */
export const serviceOf = <I, S>({ context }: Fiber, tag: Context.Key<I, S>): S => Context.getUnsafe(context, tag)

/** A service that the fiber may have. */
export const serviceIfAny = <I, S>({ context }: Fiber, tag: Context.Key<I, S>): Option.Option<S> =>
  Context.getOption(context, tag)

/** How Effect names the fiber in logs. */
export const nameOf = (id: number): string => `#${id}`

export const fiberName = (fiber: Fiber): string => nameOf(fiber.id)

/**
 * Interrupts a fiber without waiting for its end. It may end within the call: whoever calls has noted before what it
 * wants to know afterwards.
 */
export const interruptNow = (fiber: Fiber | undefined): void => fiber?.interruptUnsafe()

/** A reference of fibers. A fork inherits the value; a join keeps that of the fiber that joins. */
export const makeReference = <A>(name: string, initial: () => A): Reference<A> =>
  // Effect knows it by its name, and makes the first value once for each object.
  shared(`references/${name}`, () => Context.Reference<A>(name, { defaultValue: initial }))

export const getReference = <A>(reference: Reference<A>): Effect.Effect<A> => reference

/** For the rest of the innermost region that has a context of its own: that of a span, or of something provided. */
export const setReference = <A>(reference: Reference<A>, value: A): Effect.Effect<void> =>
  updateReference(reference, () => value)

/** As {@link setReference}. */
export const updateReference = <A>(reference: Reference<A>, f: (value: A) => A): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    fiber.setContext(Context.add(fiber.context, reference, f(fiber.getRef(reference))))
    return Effect.void
  })

/** Ends with an effect what that has set of a reference, also where the effect is interrupted and the fiber goes on. */
export const withinRegion = <A, E, R, B>(
  self: Effect.Effect<A, E, R>,
  reference: Reference<B>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => Effect.provideService(self, reference, fiber.getRef(reference)))

/** For all that makes a stream. */
export const streamLocally = <A, E, R, B>(
  self: Stream.Stream<A, E, R>,
  reference: Reference<B>,
  value: B
): Stream.Stream<A, E, R> => Stream.updateService(self, reference, () => value)

/** An origin with another value of one reference: what `Effect.provideService` does, without its cost. */
export const withReference = <B>({ context }: Origin, reference: Reference<B>, value: B): Origin => ({
  context: Context.add(context, reference, value)
})

/** Of a runtime, which is its context: there is no fiber yet. */
export const originOfRuntime = <R>(context: Context.Context<R>): Origin => ({
  context: context as Context.Context<never>
})

/** A service that somebody has provided: no default of Effect's. */
export const providedIn = <I, S>(context: Context.Context<never>, tag: Context.Key<I, S>): S | undefined =>
  context.mapUnsafe.get(tag.key) as S | undefined

/** All services of a runtime. */
export const servicesOf = <R>(runtime: Context.Context<R>): Context.Context<R> => runtime

/** A runtime whose fibers begin with a value of a reference. */
export const runtimeWith = <R, A>(
  context: Context.Context<R>,
  reference: Reference<A>,
  value: A
): Context.Context<R> => Context.add(context, reference, value)

/**
 * A fiber as it is now, for an event that is captured when it may be somewhere else: a context does not change, but the
 * fiber gets another one.
 */
export const snapshotOf = ({ context }: Fiber): Origin => ({ context })

export const clockOf = ({ context }: Origin): Clock.Clock => Context.get(context, Clock.Clock)

/** The clock of a program that has chosen none. The default value of the reference would be another clock each time. */
export const liveClock = /* #__PURE__ */ Context.get(/* #__PURE__ */ Context.empty(), Clock.Clock)

/** The default tracer: it makes spans and exports them nowhere. */
export const nativeTracer = Tracer.nativeTracer

/**
 * A layer that each `Effect.provide` builds anew, also within a program that has it already: Effect keeps what it has
 * built for all of the program.
 */
export const anew = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> => Layer.fresh(layer)
