/**
 * An embedding model of `@effect/ai` whose calls are captured.
 */
import * as Effect from "effect/Effect"
import { isList } from "../../core/guard.js"
import { providerOf } from "../../core/llm/effectAiRequest.js"
import { aside, elapsedOf } from "../capture.js"
import { currentState } from "../context.js"
import { captureCall, newId, originOf, treatmentOf } from "./capture.js"
import { eventOptions } from "./effectAiCall.js"
import type { Source } from "./effectAiSource.js"
import { isCaptured, withCaptured } from "./region.js"
import { endedBy } from "./spans.js"

/**
 * Captures one call as one embedding, whatever requests it takes. `@effect/ai` tells neither the model nor how many
 * tokens it took.
 */
export const embedding = <A, E, R>(
  source: Source,
  input: unknown,
  run: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const instance = source.instance(fiber)
    const { active } = instance
    const state = fiber.getFiberRef(currentState)
    if (active === undefined || isCaptured(state)) return run
    const origin = originOf(fiber)
    if (instance.door.isSilent(origin, "$ai_embedding")) return run
    const { options } = source
    const uuid = newId(active, origin)
    const given = treatmentOf(active, state, options) === undefined || !isList(input) ? input : Array.from(input)
    const start = elapsedOf(origin)
    return withCaptured(run, true).pipe(Effect.onExit((exit) => {
      const { failure, status } = endedBy(instance, origin, exit)
      const captured = captureCall(
        instance,
        origin,
        {
          kind: "embedding",
          provider: options.provider ?? providerOf(source.providerName),
          baseUrl: options.baseUrl,
          request: { model: options.model, input: () => given },
          answer: {},
          httpStatus: status,
          latencySeconds: (elapsedOf(origin) - start) / 1000,
          failure,
          prices: options.prices,
          framework: "effect-ai"
        },
        { ...eventOptions(options), uuid, spanId: uuid, thrown: exit._tag === "Failure" ? exit.cause : undefined }
      )
      return aside(Effect.asVoid(captured))
    }))
  })
