/**
 * From what a program says about a call or a step to what is captured.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { canonicalUuid } from "../../core/event/uuid.js"
import { isRecord } from "../../core/guard.js"
import { failureIn, type Told } from "../../core/llm/failure.js"
import { readId } from "../../core/llm/ids.js"
import type { Call } from "../../core/llm/model.js"
import { propertiesOf } from "../../core/llm/properties.js"
import type { Origin } from "../capture.js"
import { thrownIn, toFailure } from "../exceptions/cause.js"
import type { Instance } from "../instance.js"
import { givenDuration } from "../optionKinds.js"
import { captureCall, captureStep, type EventOptions } from "./capture.js"
import type {
  CaptureOptions,
  EmbeddingOptions,
  EvaluationOptions,
  GenerationOptions,
  LeafOptions,
  NodeOptions
} from "./given.js"
import { newIdOf } from "./spans.js"

const secondsOf = (given: Duration.DurationInput | undefined): number | undefined => {
  const duration = givenDuration(given)
  return duration === undefined ? undefined : Duration.toMillis(duration) / 1_000
}

const lazy = (value: unknown): (() => unknown) | undefined =>
  value === undefined ? undefined : typeof value === "function" ? value as () => unknown : () => value

/** PostHog shows lists of messages; a text is one of them. */
const messages = (value: unknown, role: string): (() => unknown) | undefined => {
  const get = lazy(value)
  if (get === undefined) return undefined
  return () => {
    const given = get()
    return typeof given === "string" ? [{ role, content: given }] : given
  }
}

const toldOf = (error: unknown): Told | undefined => {
  if (error === undefined || error === null) return undefined
  if (typeof error === "string") return { failure: { message: error }, status: undefined }
  const failure = toFailure(error)
  return failure === undefined ? undefined : failureIn(thrownIn(failure)[0])
}

/** Options with ids that PostHog takes. */
export const placeOf = (options: CaptureOptions & Partial<NodeOptions>): EventOptions => {
  const { error, id, parentId, sessionId, traceId, ...rest } = options
  return {
    ...rest,
    spanId: readId(id),
    parentId: parentId === null ? null : readId(parentId),
    traceId: readId(traceId),
    sessionId: readId(sessionId),
    thrown: error
  }
}

/** The uuid for an event that the instance did not take. */
export const uuidOf = (instance: Instance, origin: Origin, { uuid }: { readonly uuid?: string | undefined }): string =>
  canonicalUuid(uuid) ?? newIdOf(instance, origin)

export const callOf = (
  kind: "generation" | "embedding",
  options: GenerationOptions,
  told: Told | undefined
): Call => ({
  kind,
  provider: options.provider,
  baseUrl: options.baseUrl,
  request: {
    model: options.model,
    ...(typeof options.streamed === "boolean" ? { streamed: options.streamed } : undefined),
    ...(options.input === undefined
      ? undefined
      : { input: (kind === "embedding" ? lazy(options.input) : messages(options.input, "user"))! }),
    parameters: isRecord(options.parameters) ? options.parameters : {},
    tools: lazy(options.tools)
  },
  answer: {
    completionId: options.completionId,
    stopReason: options.stopReason,
    usage: options.usage,
    serviceTier: options.serviceTier,
    ...(options.output === undefined
      ? undefined
      : { output: messages(options.output, "assistant") as Call["answer"]["output"] & (() => never) })
  },
  httpStatus: options.httpStatus ?? told?.status,
  latencySeconds: secondsOf(options.latency),
  firstTokenSeconds: secondsOf(options.timeToFirstToken),
  failure: told?.failure,
  prices: options.prices
})

/** What throws as it is read is an event that says nothing but that it was there. */
const orRefused = (
  instance: Instance,
  origin: Origin,
  event: string,
  make: () => Effect.Effect<string>
): Effect.Effect<string> => {
  try {
    return make()
  } catch {
    return Effect.as(
      instance.door.refuse(origin, event, "an argument throws as it is read"),
      newIdOf(instance, origin)
    )
  }
}

export const capture = (
  instance: Instance,
  origin: Origin,
  kind: "generation" | "embedding",
  options: EmbeddingOptions & GenerationOptions
): Effect.Effect<string> =>
  orRefused(instance, origin, `$ai_${kind}`, () =>
    Effect.map(
      captureCall(instance, origin, callOf(kind, options, toldOf(options.error)), placeOf(options)),
      (uuid) => uuid ?? uuidOf(instance, origin, options)
    ))

export const captureSpan = (
  instance: Instance,
  origin: Origin,
  name: string,
  options: LeafOptions
): Effect.Effect<string> =>
  orRefused(instance, origin, "$ai_span", () => {
    const told = toldOf(options.error)
    return Effect.map(
      captureStep(instance, origin, {
        event: "$ai_span",
        type: options.type,
        latencySeconds: secondsOf(options.latency),
        failure: told?.failure,
        httpStatus: options.httpStatus ?? told?.status,
        input: lazy(options.input),
        output: lazy(options.output)
      }, { ...placeOf(options), name }),
      (uuid) => uuid ?? uuidOf(instance, origin, options)
    )
  })

/** The properties of an evaluation, with those of the call that judged. */
export const evaluationProperties = (name: string, options: EvaluationOptions): object => {
  const { judge, range, reasoning, result, targetEventId, targetEventType } = options
  const isScore = typeof result === "number"
  const {
    $ai_lib: lib,
    $ai_model_parameters: _,
    ...judged
  } = judge === undefined ? { $ai_lib: undefined } : propertiesOf(callOf("generation", judge, undefined))
  return {
    ...judged,
    ...(lib === undefined ? undefined : { $ai_lib: lib }),
    $ai_evaluation_name: name,
    $ai_evaluation_result_type: isScore ? "numeric" : "boolean",
    ...(isScore
      ? {
        $ai_evaluation_numeric_result: result,
        ...(range === undefined ? undefined : {
          $ai_evaluation_numeric_result_min: range[0],
          $ai_evaluation_numeric_result_max: range[1]
        })
      }
      : { $ai_evaluation_result: result }),
    ...(reasoning === undefined ? undefined : { $ai_evaluation_reasoning: reasoning }),
    ...(targetEventId === undefined ? undefined : {
      $ai_target_event_id: targetEventId,
      $ai_target_event_type: targetEventType ?? "$ai_generation"
    })
  }
}
