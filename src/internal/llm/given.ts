/**
 * What a program can say about traces, spans and calls of models.
 */
import type * as Duration from "effect/Duration"
import type { PropertiesInput } from "../../core/event/layers.js"
import type { Redact } from "../../core/llm/content.js"
import type { Prices, Usage } from "../../core/llm/model.js"
import type { CaptureOptions as EventOptions } from "../capture.js"

/**
 * How the content of an event is treated: messages of calls, input and output of spans.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContentOptions {
  /**
   * `true`: the content is not looked at and not sent. `true` of the instance or of the region
   * cannot be undone here. Default: `false`.
   */
  readonly privacyMode?: boolean | undefined
  /** Whether the content is sent whole. Default: what the region says, else the instance's `fullAiCapture`. */
  readonly fullCapture?: boolean | undefined
  /** Sees each text and each part, after the functions of the instance and of the region. Default: none. */
  readonly redact?: Redact | undefined
}

/**
 * What can be said about every event here.
 *
 * @since 0.1.0
 * @category models
 */
export interface CaptureOptions extends EventOptions, ContentOptions {
  /** Further properties; they win over those that are made of the other options. Default none. */
  readonly properties?: PropertiesInput | undefined
  /**
   * The trace. Characters that PostHog does not take in an id become `_`. Default: the trace around, else the one of
   * the tracer's span, else one of its own.
   */
  readonly traceId?: string | undefined
  /** Groups traces, such as those of one conversation. Default: the session around. */
  readonly sessionId?: string | undefined
}

/**
 * Options of `withTrace`. `A` is what the effect gives.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceOptions<in A = unknown> extends EventOptions, ContentOptions {
  /**
   * The id of the trace. Default: the id of the tracer's trace, for the first trace in it; else a new UUID v7. Of a
   * trace within a trace always a new one.
   */
  readonly id?: string | undefined
  /** `$ai_span_name` of the trace. */
  readonly name?: string | undefined
  /** The session to which the trace belongs. Default: the session around. */
  readonly sessionId?: string | undefined
  /** What it begins with; a function is called at the beginning. */
  readonly input?: unknown
  /** What it gives, or a function that makes it of what the effect gives. */
  readonly output?: ((a: A) => unknown) | string | number | boolean | object | undefined
  /** Further properties of the trace. */
  readonly properties?: PropertiesInput | undefined
}

/**
 * Options of `withSpan`. `A` is what the effect gives.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpanOptions<in A = unknown> extends Omit<TraceOptions<A>, "name" | "sessionId"> {
  /** The id of the span. Default: a new UUID v7. */
  readonly id?: string | undefined
  /** What kind of step it is, such as `tool`, `agent`, `retriever`, `chain`. */
  readonly type?: string | undefined
}

/**
 * Options of a node that is captured at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodeOptions extends CaptureOptions {
  /** `$ai_span_id`. Default: the uuid of the event. */
  readonly id?: string | undefined
  /** `$ai_parent_id`. Default: the span around, else the trace. `null`: none. */
  readonly parentId?: string | null | undefined
  /** How long it took. */
  readonly latency?: Duration.DurationInput | undefined
  /** What it failed with: a text, an error, or anything else that was thrown. */
  readonly error?: unknown
  /** Status of the answer. Default: that of the error, if it has one. */
  readonly httpStatus?: number | undefined
}

/**
 * Options of `span`.
 *
 * @since 0.1.0
 * @category models
 */
export interface LeafOptions extends NodeOptions {
  /** What kind of step it is, such as `tool`, `agent`, `retriever`, `chain`. */
  readonly type?: string | undefined
  /** What it began with. A function is called when the event needs it. */
  readonly input?: unknown
  /** What it gave. A function is called when the event needs it. */
  readonly output?: unknown
}

/**
 * Options of `embedding`.
 *
 * @since 0.1.0
 * @category models
 */
export interface EmbeddingOptions extends NodeOptions {
  /** As the provider calls it. */
  readonly model?: string | undefined
  /** As PostHog calls it: `openai`, `anthropic`, `gemini`, `azure`, `bedrock`, … */
  readonly provider?: string | undefined
  /** `$ai_span_name`. */
  readonly name?: string | undefined
  /** The text or the texts. A function is called when the event needs them. */
  readonly input?: unknown
  /** Counts of tokens. What the provider has not reported must be absent: 0 is a count. */
  readonly usage?: Usage | undefined
  /** Prices of your own, in US dollars for one token. Default: PostHog's. */
  readonly prices?: Prices | undefined
  /** Scheme, host and path of the provider, such as `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined
}

/**
 * Options of `generation`.
 *
 * @since 0.1.0
 * @category models
 */
export interface GenerationOptions extends EmbeddingOptions {
  /** Messages, or a text of the user. A function is called when the event needs them. */
  readonly input?: unknown
  /** Messages, or a text of the assistant. A function is called when the event needs them. */
  readonly output?: unknown
  /** Definitions of tools, as they were sent. */
  readonly tools?: unknown
  /** Parameters of the model by the provider's names, such as `temperature` and `max_tokens`. */
  readonly parameters?: { readonly [name: string]: unknown } | undefined
  /** Whether the answer was streamed. */
  readonly streamed?: boolean | undefined
  /** Time to the first token, of a streamed answer. */
  readonly timeToFirstToken?: Duration.DurationInput | undefined
  /** Why the model stopped, in the provider's word. */
  readonly stopReason?: string | undefined
  /** The provider's id of the answer. */
  readonly completionId?: string | undefined
  /** The tier that served the call. */
  readonly serviceTier?: string | undefined
}

/**
 * Options of `evaluation`.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvaluationOptions extends CaptureOptions {
  /** What was found. A number is a score. */
  readonly result: boolean | number
  /** Least and greatest score that is possible. */
  readonly range?: readonly [min: number, max: number] | undefined
  /** Why, in words. */
  readonly reasoning?: string | undefined
  /** Uuid of the event that was evaluated, such as `generation` gives it. */
  readonly targetEventId?: string | undefined
  /** Name of that event. Default `$ai_generation`, when there is a `targetEventId`. */
  readonly targetEventType?: string | undefined
  /** The model that judged, and what it took. */
  readonly judge?: Pick<GenerationOptions, "model" | "provider" | "usage"> | undefined
}
