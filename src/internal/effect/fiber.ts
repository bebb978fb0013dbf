/**
 * What is read of a fiber without running an effect in it. The only file that knows where Effect keeps these values.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import type * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/** Where an event comes from: a fiber, or what a logger or a runtime knows of one. */
export interface Origin {
  readonly getFiberRef: <A>(ref: FiberRef.FiberRef<A>) => A
  readonly currentDefaultServices: Context.Context<DefaultServices.DefaultServices>
  readonly currentTracer: Tracer.Tracer
  readonly currentSpan: Tracer.AnySpan | undefined
}

/** The same with another value of one reference: what `Effect.locally` does, without its cost. */
export const withReference = <B>(origin: Origin, reference: FiberRef.FiberRef<B>, value: B): Origin => ({
  getFiberRef: <A>(ref: FiberRef.FiberRef<A>): A =>
    ref as unknown === reference ? value as A & B : origin.getFiberRef(ref),
  currentDefaultServices: origin.currentDefaultServices,
  currentTracer: origin.currentTracer,
  currentSpan: origin.currentSpan
})

/** The span in which something with these services runs. */
const spanIn = (context: Context.Context<never>): Tracer.AnySpan | undefined =>
  Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))

/** Of what a logger is told, or of a runtime: there is no fiber any more, or none yet. */
export const originOf = (refs: FiberRefs.FiberRefs, context: Context.Context<never>): Origin => {
  const services = FiberRefs.getOrDefault(refs, DefaultServices.currentServices)
  return {
    getFiberRef: (ref) => FiberRefs.getOrDefault(refs, ref),
    currentDefaultServices: services,
    currentTracer: Context.get(services, Tracer.Tracer),
    currentSpan: spanIn(context)
  }
}

export const clockOf = ({ currentDefaultServices }: Origin): Clock.Clock =>
  Context.unsafeGet(currentDefaultServices, Clock.Clock)
