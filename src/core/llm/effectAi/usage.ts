/**
 * How many tokens a call took, from what `@effect/ai` says at its end. PostHog computes costs from it, and each
 * provider counts in another way.
 *
 * @since 0.1.0
 */
import { isObject } from "../../guard.js"
import { count, list, member, record } from "../formats/read.js"
import type { Usage } from "../model.js"

/** How a provider counts the tokens of its cache. */
type Way = "anthropic" | "google" | "bedrock" | "inclusive"

/** The part itself says whose it is, whatever the model is called. */
const wayOf = (finish: unknown, provider: string | undefined): Way => {
  if (record(member(finish, "metadata", "anthropic")) !== undefined) return "anthropic"
  if (record(member(finish, "metadata", "google")) !== undefined) return "google"
  if (record(member(finish, "metadata", "bedrock")) !== undefined) return "bedrock"
  switch (provider) {
    case "anthropic":
    case "bedrock":
      return provider
    case "gemini":
    case "google-vertex":
      return "google"
    default:
      return "inclusive"
  }
}

interface Counts extends Usage {
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
}

/** The sum is worth nothing where a part is missing: packages add what they do not know as zero. */
const common = (usage: unknown): Counts => {
  const inputTokens = count(member(usage, "inputTokens"))
  const outputTokens = count(member(usage, "outputTokens"))
  const total = count(member(usage, "totalTokens"))
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens === undefined || outputTokens === undefined ? undefined : total,
    reasoningTokens: count(member(usage, "reasoningTokens")),
    cacheReadInputTokens: count(member(usage, "cachedInputTokens"))
  }
}

/**
 * Usage since version 4, which says itself what is in what. Where PostHog takes the cache to be apart (`way`), the
 * tokens apart from it are sent; else all of them.
 */
const inParts = (usage: unknown, way: Way): Usage => {
  const input = member(usage, "inputTokens")
  const output = member(usage, "outputTokens")
  const total = count(member(input, "total"))
  const uncached = count(member(input, "uncached"))
  const isApart = uncached !== undefined && (total === undefined || way === "anthropic" || way === "bedrock")
  const reasoningTokens = count(member(output, "reasoning"))
  const all = count(member(output, "total"))
  const text = count(member(output, "text"))
  return {
    inputTokens: isApart ? uncached : total,
    // Of Google's models PostHog adds the thoughts itself.
    outputTokens: way === "google" && reasoningTokens !== undefined ? text ?? all : all,
    totalTokens: total === undefined || all === undefined ? undefined : total + all,
    reasoningTokens,
    cacheReadInputTokens: count(member(input, "cacheRead")),
    cacheCreationInputTokens: count(member(input, "cacheWrite")),
    cacheReportingExclusive: isApart
  }
}

/** Anthropic's split of what was written to the cache: both, when they are all of it. */
const split = (usage: unknown, writes: number | undefined): Usage => {
  const short = count(member(usage, "cache_creation", "ephemeral_5m_input_tokens"))
  const long = count(member(usage, "cache_creation", "ephemeral_1h_input_tokens"))
  return short !== undefined && long !== undefined && short + long === writes
    ? { cacheCreation5mInputTokens: short, cacheCreation1hInputTokens: long }
    : {}
}

/**
 * In a stream `metadata` has what Anthropic said at its *beginning*: the counts of the cache are final, others are not.
 */
const ofAnthropic = (usage: unknown, counts: Counts, streamed: boolean): Usage => {
  const writes = count(member(usage, "cache_creation_input_tokens"))
  return {
    ...counts,
    cacheReadInputTokens: counts.cacheReadInputTokens ?? count(member(usage, "cache_read_input_tokens")),
    cacheCreationInputTokens: writes,
    ...split(usage, writes),
    cacheReportingExclusive: true,
    webSearchCount: streamed ? undefined : count(member(usage, "server_tool_use", "web_search_requests")),
    raw: streamed ? undefined : usage
  }
}

/** Tokens for the use of tools are billed as input. Thoughts are counted beside the output, and PostHog knows it. */
const ofGoogle = (usage: unknown, grounding: unknown, counts: Counts): Usage => {
  const forTools = count(member(usage, "toolUsePromptTokenCount")) ?? 0
  const isGrounded = ["webSearchQueries", "groundingChunks"].some((name) => list(member(grounding, name)).length > 0)
  return {
    ...counts,
    inputTokens: counts.inputTokens === undefined ? undefined : counts.inputTokens + forTools,
    cacheReportingExclusive: counts.cacheReadInputTokens === undefined ? undefined : false,
    webSearchCount: isGrounded ? 1 : undefined,
    raw: usage
  }
}

/** Usage from the part `finish`. `searches`: calls of the provider's own search among the parts. */
export const usageOf = (
  finish: unknown,
  provider: string | undefined,
  streamed: boolean,
  searches: number
): Usage => {
  const given = member(finish, "usage")
  const searched = (usage: Usage): Usage =>
    usage.webSearchCount === undefined && searches > 0 ? { ...usage, webSearchCount: searches } : usage
  const way = wayOf(finish, provider)
  if (isObject(member(given, "inputTokens"))) return searched(inParts(given, way))
  const counts = common(given)
  switch (way) {
    case "anthropic":
      return searched(ofAnthropic(member(finish, "metadata", "anthropic", "usage"), counts, streamed))
    case "google": {
      const said = member(finish, "metadata", "google")
      return searched(ofGoogle(member(said, "usageMetadata"), member(said, "groundingMetadata"), counts))
    }
    case "bedrock":
      return searched({
        ...counts,
        cacheCreationInputTokens: count(member(finish, "metadata", "bedrock", "usage", "cacheWriteInputTokens")),
        cacheReportingExclusive: true
      })
    case "inclusive":
      return searched({ ...counts, cacheReportingExclusive: false })
  }
}
