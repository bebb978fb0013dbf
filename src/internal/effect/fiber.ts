/**
 * What is read of a fiber without running an effect in it, the references that fibers carry, and what is done to a
 * fiber from outside. Hides where Effect keeps these values (`FiberRef`, `FiberRefs`, `FiberId`, `DefaultServices`).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { identity } from "effect/Function"
import { globalValue } from "effect/GlobalValue"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"

export type Fiber = RuntimeFiber<unknown, unknown>

/** A value that fibers carry, each its own. */
export type Reference<A> = FiberRef.FiberRef<A>

/** Where an event comes from: a fiber, or what a logger or a runtime knows of one. */
export interface Origin {
  readonly getFiberRef: <A>(ref: Reference<A>) => A
  readonly currentDefaultServices: Context.Context<DefaultServices.DefaultServices>
  readonly currentTracer: Tracer.Tracer
  readonly currentSpan: Tracer.AnySpan | undefined
}

/** The effect that `f` makes of the fiber that runs it. */
export const withFiber = Effect.withFiberRuntime

export const referenceAt = <A>(origin: Origin, reference: Reference<A>): A => origin.getFiberRef(reference)

/** The innermost span, also one of another process. */
export const spanAt = (origin: Origin): Tracer.AnySpan | undefined => origin.currentSpan

/** Whether a span is to be told to others. */
export const isPropagated = (span: Tracer.AnySpan): boolean => !Context.get(span.context, Tracer.DisablePropagation)

export const tracerAt = (origin: Origin): Tracer.Tracer => origin.currentTracer

/** A service that the fiber is known to have. */
export const serviceOf = <I, S>({ currentContext }: Fiber, tag: Context.Tag<I, S>): S =>
  Context.unsafeGet(currentContext as Context.Context<I>, tag)

/** A service that the fiber may have. */
export const serviceIfAny = <I, S>({ currentContext }: Fiber, tag: Context.Tag<I, S>): Option.Option<S> =>
  Context.getOption(currentContext, tag)

/** How Effect names the fiber in logs. Its own `threadName` sorts sets to name a single fiber. */
export const nameOf = (id: FiberId.FiberId): string => id._tag === "Runtime" ? `#${id.id}` : FiberId.threadName(id)

export const fiberName = (fiber: Fiber): string => nameOf(fiber.id())

/** Interrupts a fiber without waiting for its end. */
export const interruptNow = (fiber: Fiber | undefined): void => fiber?.unsafeInterruptAsFork(FiberId.none)

/** A reference of fibers. A fork inherits the value; a join keeps that of the fiber that joins. */
export const makeReference = <A>(name: string, initial: () => A): Reference<A> =>
  globalValue(Symbol.for(name), () => FiberRef.unsafeMake(initial(), { join: (parent) => parent }))

export const getReference = FiberRef.get

/** For the rest of the fiber. */
export const setReference = FiberRef.set

/** For the rest of the fiber. */
export const updateReference = FiberRef.update

/** Ends with an effect what that has set of a reference, also where the effect is interrupted and the fiber goes on. */
export const withinRegion = <A, E, R, B>(
  self: Effect.Effect<A, E, R>,
  reference: Reference<B>
): Effect.Effect<A, E, R> => Effect.locallyWith(self, reference, identity)

/** For all that makes a stream. */
export const streamLocally = <A, E, R, B>(
  self: Stream.Stream<A, E, R>,
  reference: Reference<B>,
  value: B
): Stream.Stream<A, E, R> => Stream.unwrapScoped(Effect.as(Effect.locallyScoped(reference, value), self))

/** An origin with another value of one reference: what `Effect.locally` does, without its cost. */
export const withReference = <B>(origin: Origin, reference: Reference<B>, value: B): Origin => ({
  getFiberRef: <A>(ref: Reference<A>): A => ref as unknown === reference ? value as A & B : origin.getFiberRef(ref),
  currentDefaultServices: origin.currentDefaultServices,
  currentTracer: origin.currentTracer,
  currentSpan: origin.currentSpan
})

/** From the data that a logger gets: the fiber may have ended already. */
export const originOf = (refs: FiberRefs.FiberRefs, context: Context.Context<never>): Origin => {
  const services = FiberRefs.getOrDefault(refs, DefaultServices.currentServices)
  return {
    getFiberRef: (ref) => FiberRefs.getOrDefault(refs, ref),
    currentDefaultServices: services,
    currentTracer: Context.get(services, Tracer.Tracer),
    currentSpan: Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
  }
}

/** Of a runtime: there is no fiber yet. */
export const originOfRuntime = <R>({ context, fiberRefs }: Runtime.Runtime<R>): Origin =>
  originOf(fiberRefs, context as Context.Context<never>)

/** A service that somebody has provided: no default of Effect's. */
export const providedIn = <I, S>(context: Context.Context<never>, tag: Context.Tag<I, S>): S | undefined =>
  Option.getOrUndefined(Context.getOption(context, tag))

/** All services of a runtime. */
export const servicesOf = <R>({ context }: Runtime.Runtime<R>): Context.Context<R> => context

/** A runtime whose fibers begin with a value of a reference. */
export const runtimeWith = <R, A>(
  runtime: Runtime.Runtime<R>,
  reference: Reference<A>,
  value: A
): Runtime.Runtime<R> => Runtime.setFiberRef(runtime, reference, value)

/** A fiber as it is now, for an event that is captured when it may be somewhere else. */
export const snapshotOf = (fiber: Fiber): Origin => {
  const refs = fiber.getFiberRefs()
  return {
    getFiberRef: (ref) => FiberRefs.getOrDefault(refs, ref),
    currentDefaultServices: fiber.currentDefaultServices,
    currentTracer: fiber.currentTracer,
    currentSpan: fiber.currentSpan
  }
}

export const clockOf = ({ currentDefaultServices }: Origin): Clock.Clock =>
  Context.unsafeGet(currentDefaultServices, Clock.Clock)

/** The clock of a program that has chosen none. */
export const liveClock = /* #__PURE__ */ Context.get(DefaultServices.liveServices, Clock.Clock)

/** The default tracer: it makes spans and exports them nowhere. */
export const nativeTracer = /* #__PURE__ */ Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** A layer that each `Effect.provide` builds anew, also within a program that has it already. */
export const anew = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> => layer
