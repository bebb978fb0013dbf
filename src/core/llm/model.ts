/**
 * One call of a model in one form for all providers, and the interface that each provider's format implements.
 *
 * What a call said and got is given by functions: it is looked at only when an event will show it.
 *
 * @since 0.1.0
 */

/** How many tokens a call took, as the provider reported it. What was not reported is absent: it is not zero. */
export interface Usage {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly totalTokens?: number | undefined
  /** Part of the output, except for Gemini, which reports it beside. */
  readonly reasoningTokens?: number | undefined
  /**
   * Whether the reasoning is in `outputTokens` too. PostHog adds it for models of Gemini, whose API counts it apart.
   */
  readonly reasoningInOutput?: boolean | undefined
  readonly cacheReadInputTokens?: number | undefined
  /** Tokens written to the cache. */
  readonly cacheCreationInputTokens?: number | undefined
  /** Anthropic's split of the writes by how long they are kept: both, or none. */
  readonly cacheCreation5mInputTokens?: number | undefined
  readonly cacheCreation1hInputTokens?: number | undefined
  /** Whether the tokens of the cache are *not* counted in `inputTokens`. Without it PostHog guesses. */
  readonly cacheReportingExclusive?: boolean | undefined
  readonly webSearchCount?: number | undefined
  /** The provider's own object, from which PostHog reads the counts of audio and images. */
  readonly raw?: unknown
}

/** A piece of a message: a text, a call of a tool, an image. */
export interface Part {
  readonly type: string
  readonly [member: string]: unknown
}

/** A message in the form that PostHog shows. */
export interface Message {
  readonly role: string
  readonly content: string | ReadonlyArray<Part>
  readonly [member: string]: unknown
}

/** Why a call failed. Holds nothing of the request: no key, no prompt. */
export interface Failure {
  /** The provider's type of the error, or the name of the class. */
  readonly type?: string | undefined
  readonly code?: string | undefined
  /** For people. May quote the prompt, so it is left out in privacy mode. */
  readonly message?: string | undefined
}

/** What the request says. */
export interface RequestFacts {
  readonly model?: string | undefined
  readonly streamed: boolean
  /** Messages, the system's in front; of an embedding the text or the texts. */
  readonly input: () => unknown
  /** Those that were given, by the names that PostHog knows (`$ai_model_parameters`). */
  readonly parameters: { readonly [name: string]: unknown }
  /** The limit for the output, whatever the provider calls it. */
  readonly maxTokens?: number | undefined
  /** The definitions of tools as they were sent; `undefined`: none. */
  readonly tools?: (() => unknown) | undefined
}

/** What the answer says. */
export interface AnswerFacts {
  readonly model?: string | undefined
  /** The provider's id of the answer. */
  readonly completionId?: string | undefined
  /** The provider's word. */
  readonly stopReason?: string | undefined
  readonly usage?: Usage | undefined
  /** The tier that served the call. */
  readonly serviceTier?: string | undefined
  readonly metadata?: { readonly [name: string]: unknown } | undefined
  /** An answer can be a failure whatever its status says. */
  readonly failure?: Failure | undefined
  /** Messages, one for each choice. */
  readonly output: () => ReadonlyArray<Message>
  /** The provider is still working; a later request with this id gets the rest. */
  readonly pendingId?: string | undefined
  /** How long the provider says that it worked, for an answer that is asked for later. */
  readonly workedSeconds?: number | undefined
}

/** Puts a streamed answer together. Holds no more text than it was allowed to. */
export interface StreamReader {
  /**
   * Takes the next piece, parsed. Gives whether it holds something of the answer: the first such piece is the first
   * token.
   */
  readonly read: (piece: unknown) => boolean
  /** What is known by now. */
  readonly answer: () => AnswerFacts
}

/** How one kind of a provider's requests and answers is read. None of it throws for a value of JSON. */
export interface Format {
  readonly kind: "generation" | "embedding"
  readonly request: (body: unknown, endpoint: Endpoint) => RequestFacts
  readonly answer: (body: unknown) => AnswerFacts
  /** `limit`: most characters of text that are kept. Absent: such answers are not streamed. */
  readonly stream?: ((limit: number) => StreamReader) | undefined
}

/** What the address of a request says about a call. */
export interface Endpoint {
  /** As PostHog knows it: `openai`, `anthropic`, `gemini`. */
  readonly provider: string
  /** Scheme, host and the path before the provider's own: `https://api.openai.com/v1`. */
  readonly baseUrl: string
  readonly format: Format
  /** The model where it stands in the path. */
  readonly model?: string | undefined
  /** Whether the path says that the answer is streamed. */
  readonly streamed?: boolean | undefined
  /** The id of the answer that is asked for, where the request asks for an earlier one. */
  readonly retrieves?: string | undefined
}

/** Prices in US dollars of one token, request or search. Those that are absent are PostHog's. */
export interface Prices {
  /** With `output`, or without effect. */
  readonly input?: number | undefined
  readonly output?: number | undefined
  readonly cacheRead?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly request?: number | undefined
  readonly webSearch?: number | undefined
}

/** All about one call. */
export interface Call {
  readonly kind: "generation" | "embedding"
  readonly provider: string | undefined
  readonly baseUrl?: string | undefined
  /** Without what is secret in it. */
  readonly requestUrl?: string | undefined
  readonly request: Partial<RequestFacts>
  readonly answer: Partial<AnswerFacts>
  /** `undefined`: there was no answer. */
  readonly httpStatus?: number | undefined
  readonly latencySeconds?: number | undefined
  readonly firstTokenSeconds?: number | undefined
  readonly failure?: Failure | undefined
  readonly prices?: Prices | undefined
  /** `$ai_framework`. */
  readonly framework?: string | undefined
}
