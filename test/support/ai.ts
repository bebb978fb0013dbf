/**
 * Events of LLM analytics for tests of how they are sent.
 */
import { Effect } from "effect"
import { PostHog, type PostHogError } from "effect-posthog"
import { TypeId as instanceId } from "../../src/internal/instance.js"
import type { AiInput } from "../../src/internal/llm/send.js"
import { sendAi, sendAiNow } from "../../src/internal/llm/send.js"

/** Captures one and gives its uuid. */
export const sendOne = (properties: object = {}, input: Partial<AiInput> = {}) =>
  Effect.flatMap(PostHog.PostHog, (service) =>
    Effect.withFiberRuntime<string | undefined>((fiber) => {
      const { captured, uuid } = sendAi(service[instanceId], fiber, withDefaults(properties, input))
      return Effect.as(captured, uuid)
    }))

export const sendOneNow = (properties: object = {}, input: Partial<AiInput> = {}) =>
  Effect.flatMap(
    PostHog.PostHog,
    (service) =>
      Effect.withFiberRuntime<string | undefined, PostHogError.DeliveryError>((fiber) =>
        sendAiNow(service[instanceId], fiber, withDefaults(properties, input))
      )
  )

/** Captures many, numbered by `i`, and gives their uuids. */
export const sendMany = (count: number, from = 0) =>
  Effect.forEach(Array.from({ length: count }, (_, i) => from + i), (i) => sendOne({ i }))

const withDefaults = (properties: object, input: Partial<AiInput>): AiInput => ({
  event: "$ai_generation",
  properties: properties as Record<string, unknown>,
  ...input,
  options: { distinctId: "user_1", ...input.options }
})

/** The numbers of events. */
export const numbers = (events: ReadonlyArray<{ readonly properties: { readonly [name: string]: unknown } }>) =>
  events.map(({ properties }) => properties.i)
