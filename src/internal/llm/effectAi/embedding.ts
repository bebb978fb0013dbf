/**
 * An embedding model of `@effect/ai` whose calls are captured.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isList, read } from "../../../core/guard.js"
import { providerOf } from "../../../core/llm/effectAi/request.js"
import { count, member } from "../../../core/llm/formats/read.js"
import type { Call, Usage } from "../../../core/llm/model.js"
import { aside, elapsedOf } from "../../capture.js"
import { inState, snapshot, type State, stateAt } from "../../context.js"
import { withFiber } from "../../effect/fiber.js"
import { captureCall, newId, treatmentOf } from "../capture.js"
import { changePolicy, isCaptured } from "../region.js"
import { endedBy } from "../spans.js"
import { eventOptions } from "./call.js"
import type { Source } from "./source.js"

/** Most requests of one call that are remembered. */
const maxCalls = 1_000

/** What the model itself says of the tokens, which it does since version 4. */
const usageIn = (exit: Exit.Exit<unknown, unknown>): Usage | undefined => {
  const inputTokens = Exit.isSuccess(exit) ? count(member(read(exit.value, "usage"), "inputTokens")) : undefined
  return inputTokens === undefined ? undefined : { inputTokens, cacheReportingExclusive: false }
}

/** The tokens of all requests; `undefined` when one of them did not report any. */
const usageOf = (calls: ReadonlyArray<Call>): Usage | undefined => {
  let inputTokens = 0
  for (const { answer } of calls) {
    if (answer.usage?.inputTokens === undefined) return undefined
    inputTokens += answer.usage.inputTokens
  }
  return calls.length === 0 ? undefined : { inputTokens, cacheReportingExclusive: false }
}

/**
 * Captures one call as one embedding, whatever requests it takes. Up to version 4, `@effect/ai` tells neither the model
 * nor how many tokens it took: the HTTP client does, where that is captured too.
 */
export const embedding = <A, E, R>(
  source: Source,
  input: unknown,
  run: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  withFiber((fiber) => {
    const instance = source.instance(fiber)
    const { active } = instance
    const state = stateAt(fiber)
    if (active === undefined || isCaptured(state)) return run
    const origin = snapshot(fiber)
    if (instance.door.isSilent(origin, "$ai_embedding")) return run
    const { options } = source
    const uuid = newId(active, origin)
    const given = treatmentOf(active, state, options) === undefined || !isList(input) ? input : Array.from(input)
    const start = elapsedOf(origin)
    const seen: Array<Call> = []
    const tell = (call: Call): void => {
      if (seen.length < maxCalls) seen.push(call)
    }
    const inside = (state: State): State => changePolicy(state, { isCaptured: true, tell })
    return inState(run, inside).pipe(Effect.onExit((exit) => {
      const { failure, status } = endedBy(instance, origin, exit)
      const captured = captureCall(
        instance,
        origin,
        {
          kind: "embedding",
          provider: options.provider ?? seen[0]?.provider ?? providerOf(source.providerName),
          baseUrl: options.baseUrl ?? seen[0]?.baseUrl,
          request: { model: seen[0]?.request.model ?? source.modelName ?? options.model, input: () => given },
          answer: { model: seen[0]?.answer.model, usage: usageOf(seen) ?? usageIn(exit) },
          httpStatus: status ?? seen.at(-1)?.httpStatus,
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
