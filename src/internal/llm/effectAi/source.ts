/**
 * What is the same for all calls of one model of `@effect/ai`.
 */
import type { PropertiesInput } from "../../../core/event/layers.js"
import type { Redact } from "../../../core/llm/content.js"
import type { Prices } from "../../../core/llm/model.js"
import type { Fiber } from "../../effect/fiber.js"
import type { Instance } from "../../instance.js"

/**
 * What can be said about the calls of a model that is captured. What is absent is taken from where the call is made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Given {
  /**
   * The provider as PostHog knows it, such as `groq`, where another one's package is used. Default: what the package
   * says.
   */
  readonly provider?: string | undefined
  /** The model, where neither the request nor the answer names it: `@effect/ai` does not say it of embeddings. */
  readonly model?: string | undefined
  /** Scheme, host and prefix of the provider's interface, such as `https://api.openai.com/v1`. Default: absent. */
  readonly baseUrl?: string | undefined
  /** Prices in US dollars of one token. Default: those that PostHog knows. */
  readonly prices?: Prices | undefined
  /** Properties of the events. They win over those that are known of the call. */
  readonly properties?: PropertiesInput | undefined
  /** Whether messages, arguments and results of tools are left out. Default: the context's, else the instance's. */
  readonly privacyMode?: boolean | undefined
  /** Whether they are sent whole, with media. Default: the context's, else the instance's. */
  readonly fullCapture?: boolean | undefined
  /** Changes or removes a text or a part before it is sent. Default: none. */
  readonly redact?: Redact | undefined
}

export interface Source {
  readonly options: Given
  /** What `@effect/ai` calls the provider where it says so (`Model.ProviderName`). */
  readonly providerName: string | undefined
  /** The model for which the layer was made, where `@effect/ai` says so. */
  readonly modelName: string | undefined
  /** Where the events of a fiber go. */
  readonly instance: (fiber: Fiber) => Instance
  /** What `@effect/ai` says about its tools. */
  readonly ask: {
    readonly schema: (tool: object) => unknown
    readonly description: (tool: object) => unknown
  }
}
