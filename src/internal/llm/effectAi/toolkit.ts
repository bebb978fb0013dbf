/**
 * The tools of a call: a span for each that runs.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import { read } from "../../../core/guard.js"
import { failureIn } from "../../../core/llm/failure.js"
import { aside, elapsedOf } from "../../capture.js"
import { inState, snapshot, type State, stateAt, withState } from "../../context.js"
import { watchHandled } from "../../effect/ai.js"
import { spanAt, tracerAt, withFiber } from "../../effect/fiber.js"
import type { Active, Instance } from "../../instance.js"
import { captureStep, newId } from "../capture.js"
import { changePolicy, idsIn, inSpan } from "../region.js"
import { endedBy } from "../spans.js"
import { type AiCall, eventOptions } from "./call.js"
import type { Given, Source } from "./source.js"

/** What is more than the name and the parameters is handed on as it is. */
type Handle = (name: string, params: unknown, ...rest: ReadonlyArray<never>) => Effect.Effect<unknown, unknown, unknown>

interface WithHandler {
  readonly tools: unknown
  readonly handle: Handle
}

/** What a run of a tool belongs to. */
interface Parent {
  readonly instance: Instance
  readonly active: Active
  /** Absent: the span around it, if there is one. */
  readonly spanId?: string | undefined
  readonly traceId: string
  /** In the place of ours. */
  readonly tracer: Tracer.Tracer
}

interface Listener {
  readonly toolStarts: () => void
  readonly toolEnds: (failed: boolean) => void
}

const nobody: Listener = { toolStarts: () => {}, toolEnds: () => {} }

/** Where a toolkit that is watched already keeps the one that is not. */
const watchedKey = Symbol.for("effect-posthog/EffectAi/watched")

/** One run of a tool. What runs in it is below its span, and its calls of models are calls of their own. */
const run = (
  parent: Parent,
  options: Given,
  listener: Listener,
  name: string,
  params: unknown,
  handled: Effect.Effect<unknown, unknown, unknown>
): Effect.Effect<unknown, unknown, unknown> =>
  withFiber((fiber) => {
    const { active, instance, spanId: parentId, traceId } = parent
    const origin = snapshot(fiber)
    const spanId = newId(active, origin)
    const start = elapsedOf(origin)
    listener.toolStarts()
    const inside = (state: State): State => changePolicy(inSpan(state, spanId, traceId), { isCaptured: false })
    return watchHandled(
      handled,
      (self) => inState(Effect.withTracer(self, parent.tracer), inside),
      (exit) => {
        const ended = Exit.isSuccess(exit)
          ? returned(exit.value)
          : endedBy(instance, withState(origin, inside(stateAt(origin))), exit)
        listener.toolEnds(Exit.isFailure(exit) && ended.failure !== undefined)
        const captured = captureStep(
          instance,
          origin,
          {
            event: "$ai_span",
            type: "tool",
            latencySeconds: (elapsedOf(origin) - start) / 1000,
            input: () => params,
            output: Exit.isSuccess(exit) ? () => read(exit.value, "encodedResult") ?? null : undefined,
            failure: ended.failure,
            stopReason: ended.stopReason
          },
          {
            ...eventOptions(options),
            name,
            uuid: spanId,
            spanId,
            parentId,
            traceId,
            thrown: Exit.isFailure(exit) ? exit.cause : undefined
          }
        )
        return aside(Effect.asVoid(captured))
      }
    )
  })

/** A tool can give its failure to the model in the place of a result. */
const returned = (value: unknown) => ({
  failure: read(value, "isFailure") === true ? failureIn(read(value, "result")).failure : undefined,
  stopReason: undefined
})

const withHandle = (toolkit: WithHandler, handle: Handle): WithHandler =>
  Object.assign(Object.create(Object.getPrototypeOf(toolkit) as object | null) as object, toolkit, { handle })

/** The toolkit of a call, with each run of a tool captured. A value that is no toolkit is given back as it is. */
export const watchToolkit = (call: AiCall, options: Given, toolkit: unknown): unknown => {
  const listener: Listener = {
    toolStarts: () => call.toolStarts(),
    toolEnds: (failed) => {
      call.toolEnds()
      call.toolFailed ||= failed
    }
  }
  const watch = (resolved: unknown): unknown => {
    if (typeof read(resolved, "handle") !== "function") return resolved
    const given = resolved as WithHandler
    call.tools = given.tools
    const original = (read(given, watchedKey) ?? given) as WithHandler
    const parent = { ...call.place, tracer: tracerAt(call.origin) }
    return withHandle(
      given,
      (name, params, ...rest) =>
        run(parent, options, listener, name, params, Effect.suspend(() => original.handle(name, params, ...rest)))
    )
  }
  return Effect.isEffect(toolkit) ? Effect.map(toolkit, watch) : watch(toolkit)
}

/** A toolkit whose runs are seen where no captured model calls it: the program resolves the calls itself. */
export function watchHandlers<Toolkit extends { readonly tools: unknown; readonly handle: unknown }>(
  source: Source,
  toolkit: Toolkit
): Toolkit
export function watchHandlers(source: Source, toolkit: WithHandler): WithHandler {
  const original = (read(toolkit, watchedKey) ?? toolkit) as WithHandler
  const watched = withHandle(original, (name, params, ...rest) =>
    withFiber((fiber) => {
      const handled = Effect.suspend(() => original.handle(name, params, ...rest))
      const instance = source.instance(fiber)
      const { active } = instance
      if (active === undefined) return handled
      const origin = snapshot(fiber)
      const traceId = idsIn(stateAt(origin), active.owner).traceId ??
        spanAt(origin)?.traceId ?? newId(active, origin)
      return run(
        { instance, active, traceId, tracer: tracerAt(origin) },
        source.options,
        nobody,
        name,
        params,
        handled
      )
    }))
  return Object.assign(watched, { [watchedKey]: original })
}
