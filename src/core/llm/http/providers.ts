/**
 * Who answers: providers by the name of their host, in PostHog's words.
 *
 * @since 0.1.0
 */
import { readOwn } from "../../guard.js"

/** A host of this name, and hosts below it. */
const domains: ReadonlyArray<readonly [domain: string, provider: string]> = [
  ["api.openai.com", "openai"],
  ["openai.azure.com", "azure"],
  ["openai.azure.us", "azure"],
  ["cognitiveservices.azure.com", "azure"],
  ["cognitiveservices.azure.us", "azure"],
  ["ai.azure.com", "azure"],
  ["api.anthropic.com", "anthropic"],
  ["generativelanguage.googleapis.com", "gemini"],
  ["aiplatform.googleapis.com", "google-vertex"],
  ["openrouter.ai", "openrouter"],
  ["api.groq.com", "groq"],
  ["mistral.ai", "mistral"],
  ["api.x.ai", "xai"],
  ["api.deepseek.com", "deepseek"],
  ["api.fireworks.ai", "fireworks"],
  ["api.together.xyz", "together"],
  ["api.together.ai", "together"],
  ["api.perplexity.ai", "perplexity"],
  ["api.cerebras.ai", "cerebras"],
  ["api.cohere.com", "cohere"],
  ["api.cohere.ai", "cohere"],
  ["ollama.com", "ollama"]
]

/** Hosts whose names have the region within. */
const regional: ReadonlyArray<readonly [host: RegExp, provider: string]> = [
  [/^[a-z\d-]+-aiplatform\.googleapis\.com$/, "google-vertex"],
  [/^aiplatform\.[a-z\d-]+\.rep\.googleapis\.com$/, "google-vertex"],
  [/(?:^|\.)bedrock-runtime(?:-fips)?\.[a-z\d-]+\.(?:vpce\.)?amazonaws\.com(?:\.cn)?$/, "bedrock"],
  [/^bedrock-(?:runtime|mantle)\.[a-z\d-]+\.api\.aws$/, "bedrock"]
]

/** Hosts that capture what passes through them by themselves. */
const gateways = /^(?:(?:ai-)?gateway\.(?:us|eu)|gateway)\.posthog\.com$/

/** The name of a host as certificates have it. */
const hostOf = ({ hostname }: URL): string => hostname.endsWith(".") ? hostname.slice(0, -1) : hostname

/** Whether PostHog's own gateway answers: it sends the generation itself. */
export const isGateway = (url: URL): boolean => gateways.test(hostOf(url))

/** Providers by host, with its port (`localhost:8000`) or without. */
export interface Providers {
  readonly [host: string]: string
}

/** What the program says about a host. */
const given = (url: URL, providers: Providers | undefined): string | undefined => {
  const found = readOwn(providers, url.host) ?? readOwn(providers, hostOf(url))
  return typeof found === "string" && found !== "" ? found : undefined
}

/** The provider behind a host that is known to answer as one; `undefined`: it may be any host. */
export const knownProvider = (url: URL, providers: Providers | undefined): string | undefined => {
  const said = given(url, providers)
  if (said !== undefined) return said
  const host = hostOf(url)
  const domain = domains.find(([domain]) => host === domain || host.endsWith(`.${domain}`))
  const found = domain ?? regional.find(([pattern]) => pattern.test(host))
  return found?.[1] ?? (url.port === "11434" ? "ollama" : undefined)
}

/** What is below a country as others are below `com`. */
const below = /^(?:co|com|ac|org|net|gov|edu)$/

/** The name of the provider on a host that is not known: `moonshot` for `api.moonshot.ai`. */
export const providerNamedBy = (url: URL): string => {
  const host = hostOf(url)
  const labels = host.split(".")
  if (labels.length < 2 || host.startsWith("[") || /^[\d.]+$/.test(host)) return host
  const isCountry = labels.length > 2 && labels.at(-1)!.length === 2 && below.test(labels.at(-2)!)
  return labels.at(isCountry ? -3 : -2)!
}

/** Names that libraries have for providers, and PostHog's. */
const aliases: { readonly [name: string]: string } = {
  "gcp.gemini": "gemini",
  google: "gemini",
  vertex_ai: "google-vertex",
  "gcp.vertex_ai": "google-vertex",
  "aws.bedrock": "bedrock",
  "amazon-bedrock": "bedrock",
  "az.ai.openai": "azure",
  "azure.ai.openai": "azure",
  mistral_ai: "mistral",
  x_ai: "xai",
  moonshot_ai: "moonshotai"
}

/** PostHog's name for a provider, by which it finds the prices. */
export const providerName = (name: string): string => {
  const lower = name.slice(0, 200).trim().toLowerCase()
  return String(readOwn(aliases, lower) ?? lower)
}
