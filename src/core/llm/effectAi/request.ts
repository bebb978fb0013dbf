/**
 * What `@effect/ai` and its packages note on the span of a call: the provider, the model and the parameters. These
 * stand there also when the call fails.
 *
 * @since 0.1.0
 */
import { isList } from "../../guard.js"
import { count, word } from "../formats/read.js"

/** Names of providers as `@effect/ai` and its packages write them, and PostHog's for the same. */
const providers: Readonly<Record<string, string>> = {
  "gcp.gemini": "gemini",
  "gcp.gen_ai": "gemini",
  google: "gemini",
  vertex_ai: "google-vertex",
  "gcp.vertex_ai": "google-vertex",
  "aws.bedrock": "bedrock",
  "amazon-bedrock": "bedrock",
  "az.ai.openai": "azure",
  "az.ai.inference": "azure",
  "azure.ai.openai": "azure",
  "azure.ai.inference": "azure",
  mistral_ai: "mistral",
  x_ai: "xai",
  moonshot_ai: "moonshotai"
}

/** A provider as PostHog calls it. */
export const providerOf = (name: unknown): string | undefined => {
  const said = word(name)
  return said !== undefined && Object.hasOwn(providers, said) ? providers[said] : said
}

export type Attributes = ReadonlyMap<string, unknown>

const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== null && !(isList(value) && value.length === 0)

/** Attributes, and PostHog's names for the same. */
const parameters: ReadonlyArray<readonly [string, string]> = [
  ["temperature", "temperature"],
  ["max_tokens", "max_tokens"],
  ["top_p", "top_p"],
  ["top_k", "top_k"],
  ["frequency_penalty", "frequency_penalty"],
  ["presence_penalty", "presence_penalty"],
  ["stop_sequences", "stop"],
  ["seed", "seed"]
]

/** What the attributes of a span say about the request. */
export interface Noted {
  readonly provider: string | undefined
  readonly model: string | undefined
  readonly parameters: { readonly [name: string]: unknown }
  readonly maxTokens: number | undefined
}

const withoutFolder = (model: string | undefined) => model?.replace(/^models\//, "")

export const noted = (attributes: Attributes | undefined): Noted => {
  const given: Record<string, unknown> = {}
  for (const [attribute, name] of parameters) {
    const value = attributes?.get(`gen_ai.request.${attribute}`)
    if (isGiven(value)) given[name] = value
  }
  return {
    provider: providerOf(attributes?.get("gen_ai.system") ?? attributes?.get("gen_ai.provider.name")),
    model: withoutFolder(word(attributes?.get("gen_ai.request.model"))),
    parameters: given,
    maxTokens: count(given["max_tokens"])
  }
}

/** What they say about the answer: all there is when the program's own tool has failed and took the answer with it. */
export const notedAnswer = (attributes: Attributes | undefined) => {
  const reasons = attributes?.get("gen_ai.response.finish_reasons")
  return {
    model: word(attributes?.get("gen_ai.response.model")),
    completionId: word(attributes?.get("gen_ai.response.id")),
    stopReason: word(isList(reasons) ? reasons[0] : reasons),
    serviceTier: word(attributes?.get("gen_ai.openai.response.service_tier")),
    usage: {
      inputTokens: count(attributes?.get("gen_ai.usage.input_tokens")),
      outputTokens: count(attributes?.get("gen_ai.usage.output_tokens"))
    }
  }
}
