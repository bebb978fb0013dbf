/**
 * The properties of the event about one call of a model, without its messages.
 *
 * @since 0.1.0
 */
import { isRecord } from "../guard.js"
import type { Call, Failure, Prices, Usage } from "./model.js"

/** What wraps the calls, as PostHog names it; events have `$lib` besides. */
export const aiLibrary = "effect-posthog"

type Members = Record<string, unknown>

/** A number of tokens; PostHog would compute with anything else. */
const countOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

/** A count of zero adds nothing to these properties, so it is left out. */
const someOf = (value: unknown): number | undefined => {
  const count = countOf(value)
  return count === 0 ? undefined : count
}

const amountOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** Gemini's names of models stand in a collection. */
const modelOf = (name: unknown): string | undefined => textOf(textOf(name)?.replace(/^models\//, ""))

/** The writes to the cache by time to live. Sent only when the two add up to the total, as PostHog asks. */
const splitOf = (
  { cacheCreation1hInputTokens, cacheCreation5mInputTokens, cacheCreationInputTokens }: Usage
): Members => {
  const hour = countOf(cacheCreation1hInputTokens)
  const minutes = countOf(cacheCreation5mInputTokens)
  const all = someOf(cacheCreationInputTokens)
  return hour === undefined || minutes === undefined || all === undefined || hour + minutes !== all ? {} : {
    $ai_cache_creation_5m_input_tokens: minutes,
    $ai_cache_creation_1h_input_tokens: hour
  }
}

/**
 * For these models PostHog adds the reasoning tokens to the output. Where the provider counts them in the output
 * already, they would be paid for twice.
 */
const addsReasoning = /gemini-(?:2\.5|3[\d.]*)-/i

const outputOf = (usage: Usage, model: string | undefined): number | undefined => {
  const output = countOf(usage.outputTokens)
  const reasoning = countOf(usage.reasoningTokens) ?? 0
  const isTwice = usage.reasoningInOutput === true && model !== undefined && addsReasoning.test(model)
  return output !== undefined && isTwice && output >= reasoning ? output - reasoning : output
}

const usageOf = (usage: Usage, model: string | undefined): Members => ({
  $ai_input_tokens: countOf(usage.inputTokens),
  $ai_output_tokens: outputOf(usage, model),
  $ai_total_tokens: countOf(usage.totalTokens),
  $ai_reasoning_tokens: someOf(usage.reasoningTokens),
  $ai_cache_read_input_tokens: someOf(usage.cacheReadInputTokens),
  $ai_cache_creation_input_tokens: someOf(usage.cacheCreationInputTokens),
  ...splitOf(usage),
  $ai_cache_reporting_exclusive: typeof usage.cacheReportingExclusive === "boolean"
    ? usage.cacheReportingExclusive
    : undefined,
  $ai_web_search_count: someOf(usage.webSearchCount),
  $ai_usage: isRecord(usage.raw) ? usage.raw : undefined
})

/** PostHog computes with prices of its own unless it is given both of the first two. */
const pricesOf = (prices: Prices): Members => {
  const input = amountOf(prices.input)
  const output = amountOf(prices.output)
  const hasBoth = input !== undefined && output !== undefined
  return {
    $ai_input_token_price: hasBoth ? input : undefined,
    $ai_output_token_price: hasBoth ? output : undefined,
    $ai_cache_read_token_price: amountOf(prices.cacheRead),
    $ai_cache_write_token_price: amountOf(prices.cacheWrite),
    $ai_request_price: amountOf(prices.request),
    $ai_web_search_price: amountOf(prices.webSearch)
  }
}

/**
 * What a failure adds to an event. `message` is what may be shown of the failure's own; it may quote what the model was
 * told.
 */
export const failureOf = (
  { code, type }: Failure,
  status: number | undefined,
  message: unknown
): Members => ({
  $ai_is_error: true,
  $ai_error: present({ type: textOf(type), code: textOf(code), status, message }),
  $ai_error_type: textOf(type)
})

/** The members that are there. */
export const present = (members: Members): Members => {
  const some: Members = {}
  for (const name of Object.keys(members)) if (members[name] !== undefined) some[name] = members[name]
  return some
}

/** Parameters that were given; the tier that was asked for is not the one that served the call. */
const parametersOf = ({ answer, request }: Call): Members => {
  const { service_tier: _, ...given } = request.parameters ?? {}
  return { ...present(given), ...present({ service_tier: textOf(answer.serviceTier) }) }
}

const maxTokensOf = ({ maxTokens, parameters = {} }: Call["request"]): number | undefined =>
  countOf(maxTokens) ?? countOf(parameters.max_tokens) ?? countOf(parameters.max_completion_tokens) ??
    countOf(parameters.max_output_tokens)

/** All that is known of a call besides messages, tools and failure. */
export const propertiesOf = (call: Call): Members => {
  const { answer, request } = call
  const model = modelOf(request.model) ?? modelOf(answer.model)
  const streamed = typeof request.streamed === "boolean" ? request.streamed : undefined
  return present({
    $ai_lib: aiLibrary,
    $ai_framework: textOf(call.framework),
    $ai_model: model,
    $ai_provider: textOf(call.provider),
    $ai_base_url: textOf(call.baseUrl),
    $ai_request_url: textOf(call.requestUrl),
    $ai_http_status: countOf(call.httpStatus),
    $ai_latency: amountOf(call.latencySeconds),
    $ai_time_to_first_token: streamed === true ? amountOf(call.firstTokenSeconds) : undefined,
    $ai_stream: streamed,
    $ai_temperature: typeof request.parameters?.temperature === "number" ? request.parameters.temperature : undefined,
    $ai_max_tokens: maxTokensOf(request),
    $ai_model_parameters: parametersOf(call),
    $ai_tokens_source: "sdk",
    ...usageOf(answer.usage ?? {}, model),
    $ai_service_tier: textOf(answer.serviceTier),
    $ai_stop_reason: textOf(answer.stopReason),
    $ai_completion_id: textOf(answer.completionId),
    $ai_provider_metadata: answer.metadata !== undefined && Object.keys(answer.metadata).length > 0
      ? answer.metadata
      : undefined,
    ...pricesOf(call.prices ?? {})
  })
}

const tokenProperties =
  /^\$ai_(?:(?:input|output|total|reasoning)_tokens|cache_\w*tokens|(?:audio|image|text)_(?:in|out)put_tokens)$/

/**
 * Properties of the program over those that are known. Counts of its own make PostHog say so, and then what is known of
 * the provider's way to count says nothing about them.
 */
export const withOwn = (known: Members, own: Members): Members => {
  if (!Object.keys(own).some((name) => tokenProperties.test(name))) return { ...known, ...own }
  const { $ai_cache_reporting_exclusive: _, ...rest } = known
  return { ...rest, $ai_tokens_source: "passthrough", ...own }
}
