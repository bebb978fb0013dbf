/**
 * LLM analytics: traces, spans and calls of models, as PostHog's `$ai_*` events. A trace and its spans are regions of
 * the program: what runs in them, in other fibers too, finds its place in the tree by itself.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { LlmAnalytics } from "effect-posthog"
 *
 * declare const search: (query: string) => Effect.Effect<ReadonlyArray<string>>
 *
 * const agent = Effect.gen(function*() {
 *   const found = yield* search("weather in Paris").pipe(
 *     LlmAnalytics.withSpan("search", { type: "retriever", output: (found) => found })
 *   )
 *   yield* LlmAnalytics.generation({ model: "gpt-5-mini", provider: "openai", input: found.join("\n") })
 * }).pipe(LlmAnalytics.withTrace({ name: "agent" }))
 * ```
 *
 * Long because of the documentation of overloads.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type { PropertiesInput } from "./core/event/layers.js"
import type { Redact, Where } from "./core/llm/content.js"
import { readId } from "./core/llm/ids.js"
import type { Failure, Message, Part, Prices, Usage } from "./core/llm/model.js"
import { inState, stateAt } from "./internal/context.js"
import * as internal from "./internal/llm/byHand.js"
import { captureAny, captureAnyNow } from "./internal/llm/capture.js"
import type {
  CaptureOptions,
  EmbeddingOptions,
  EvaluationOptions,
  GenerationOptions,
  LeafOptions,
  SpanOptions,
  TraceOptions
} from "./internal/llm/given.js"
import { changePolicy, idsIn, inSession, inSpan, policyIn } from "./internal/llm/region.js"
import { ask, newIdOf, ownerOf, spanRegion, traceRegion } from "./internal/llm/spans.js"
import type { PostHog } from "./PostHog.js"
import type { DeliveryError } from "./PostHogError.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Failure,
  /**
   * @since 0.1.0
   * @category models
   */
  Message,
  /**
   * @since 0.1.0
   * @category models
   */
  Part,
  /**
   * @since 0.1.0
   * @category models
   */
  Prices,
  /**
   * @since 0.1.0
   * @category models
   */
  Redact,
  /**
   * @since 0.1.0
   * @category models
   */
  Usage,
  /**
   * @since 0.1.0
   * @category models
   */
  Where
}

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  CaptureOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  ContentOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  EmbeddingOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  EvaluationOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  GenerationOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  LeafOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  NodeOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  SpanOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  TraceOptions
} from "./internal/llm/given.js"

/**
 * Runs an effect, and all fibers it forks, as one trace: one interaction with a user of the program. The calls of
 * models, spans, metrics, feedback and exceptions in it carry its id, in other processes too that go on with a carrier.
 *
 * At the end `$ai_trace` is captured when it has a name, an input or an output, or when it failed; PostHog makes up the
 * others of what is in them. An interruption is no failure.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withTrace: {
  /**
   * Runs an effect, and all fibers it forks, as one trace.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A = unknown>(
    options?: TraceOptions<A>
  ): <B extends A, E, R>(self: Effect.Effect<B, E, R>) => Effect.Effect<B, E, R | PostHog>
  /**
   * Runs an effect, and all fibers it forks, as one trace.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, options?: TraceOptions<A>): Effect.Effect<A, E, R | PostHog>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(self: Effect.Effect<A, E, R>, options: TraceOptions<A> = {}): Effect.Effect<A, E, R | PostHog> =>
    ask((instance, fiber) => traceRegion(self, instance, fiber, options))
)

/**
 * Runs an effect, and all fibers it forks, as part of a session, which groups traces: those of one conversation, for
 * instance. It is another one than PostHog's `$session_id`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSession: {
  /**
   * Runs an effect, and all fibers it forks, as part of a session, which groups traces.
   *
   * @since 0.1.0
   * @category combinators
   */
  (id: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect, and all fibers it forks, as part of a session, which groups traces.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, id: string): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, id: string): Effect.Effect<A, E, R> => {
  const sessionId = readId(id)
  return sessionId === undefined
    ? self
    : inState(self, (state) => inSession(state, sessionId))
})

/**
 * Runs an effect, and all fibers it forks, as one step of a trace: a tool, a retrieval, an agent. What is captured in
 * it is below it in the tree. At the end `$ai_span` is captured, with the time it took and with the failure or the
 * defect if there was one. An interruption is no failure: `$ai_stop_reason` is `interrupted`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSpan: {
  /**
   * Runs an effect, and all fibers it forks, as one step of a trace.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A = unknown>(
    name: string,
    options?: SpanOptions<A>
  ): <B extends A, E, R>(self: Effect.Effect<B, E, R>) => Effect.Effect<B, E, R | PostHog>
  /**
   * Runs an effect, and all fibers it forks, as one step of a trace.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, name: string, options?: SpanOptions<A>): Effect.Effect<A, E, R | PostHog>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    name: string,
    options: SpanOptions<A> = {}
  ): Effect.Effect<A, E, R | PostHog> => ask((instance, fiber) => spanRegion(self, instance, fiber, name, options))
)

/**
 * Runs an effect below a span that is captured elsewhere: by `span(name, { id })` when it is known how it went, or by
 * another program. For what cannot be a region.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withParent: {
  /**
   * Runs an effect below a span that is captured elsewhere.
   *
   * @since 0.1.0
   * @category combinators
   */
  (spanId: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect below a span that is captured elsewhere.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, spanId: string): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, spanId: string): Effect.Effect<A, E, R> => {
  const id = readId(spanId)
  return id === undefined ? self : inState(self, (state) => inSpan(state, id, undefined))
})

/**
 * Runs an effect whose calls of models use a prompt from PostHog: their events say its name and version.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPrompt: {
  /**
   * Runs an effect whose calls of models use a prompt from PostHog.
   *
   * @since 0.1.0
   * @category combinators
   */
  (
    prompt: { readonly name: string; readonly version?: number | undefined }
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect whose calls of models use a prompt from PostHog.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    prompt: { readonly name: string; readonly version?: number | undefined }
  ): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    { name, version }: { readonly name: string; readonly version?: number | undefined }
  ): Effect.Effect<A, E, R> =>
    inState(
      self,
      (state) => state.setTexts(["$ai_generation"], { $ai_prompt_name: name, $ai_prompt_version: version ?? null })
    )
)

/**
 * Runs an effect in which the content of events is not looked at and not sent: no messages, no input and output of
 * spans, and of errors type, code and status only.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPrivacyMode = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  inState(self, (state) => changePolicy(state, { privacyMode: true }))

/**
 * Runs an effect in which the content of events is sent whole: media stay, nothing is cut or replaced.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withFullCapture = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  inState(self, (state) => changePolicy(state, { fullCapture: true }))

/**
 * Runs an effect in which a function sees each text and each part of the content before it is sent, after the functions
 * of the instance and of the regions around.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withRedaction: {
  /**
   * Runs an effect in which a function sees each text and each part of the content before it is sent.
   *
   * @since 0.1.0
   * @category combinators
   */
  (redact: Redact): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect in which a function sees each text and each part of the content before it is sent.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, redact: Redact): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, redact: Redact): Effect.Effect<A, E, R> =>
    inState(self, (state) => changePolicy(state, { redact: [...policyIn(state).redact, redact] }))
)

/**
 * Captures one call of a language model (`$ai_generation`), which is over. Never fails. Gives the id of the event,
 * which is its `$ai_span_id` too, unless the options say another one.
 *
 * @since 0.1.0
 * @category accessors
 */
export const generation = (options: GenerationOptions): Effect.Effect<string, never, PostHog> =>
  ask((instance, fiber) => internal.capture(instance, fiber, "generation", options))

/**
 * Captures one call of an embedding model (`$ai_embedding`), which is over. As {@link generation}.
 *
 * @since 0.1.0
 * @category accessors
 */
export const embedding = (options: EmbeddingOptions): Effect.Effect<string, never, PostHog> =>
  ask((instance, fiber) => internal.capture(instance, fiber, "embedding", options))

/**
 * Captures a step of a trace that is over (`$ai_span`), with nothing below it. As {@link generation}. Most steps are
 * better told with {@link withSpan}.
 *
 * @since 0.1.0
 * @category accessors
 */
export const span = (name: string, options: LeafOptions = {}): Effect.Effect<string, never, PostHog> =>
  ask((instance, fiber) => internal.captureSpan(instance, fiber, name, options))

/**
 * Captures what somebody says about a trace (`$ai_feedback`). Never fails. Gives the id of the event.
 *
 * @since 0.1.0
 * @category accessors
 */
export const feedback = (text: string, options: CaptureOptions = {}): Effect.Effect<string, never, PostHog> =>
  capture("$ai_feedback", { $ai_feedback_text: text }, options)

/**
 * Captures a measure of a trace (`$ai_metric`), such as `metric("quality", 4)`. Never fails. Gives the id of the event.
 *
 * @since 0.1.0
 * @category accessors
 */
export const metric = (
  name: string,
  value: string | number | boolean,
  options: CaptureOptions & {
    /** Why, in words. */
    readonly comment?: string | undefined
  } = {}
): Effect.Effect<string, never, PostHog> =>
  capture(
    "$ai_metric",
    {
      $ai_metric_name: name,
      // PostHog takes texts only.
      $ai_metric_value: String(value),
      ...(options.comment === undefined ? undefined : { $ai_metric_comment: options.comment })
    },
    options
  )

/**
 * Captures an evaluation of your own (`$ai_evaluation`). Never fails. Gives the id of the event.
 *
 * @since 0.1.0
 * @category accessors
 */
export const evaluation = (name: string, options: EvaluationOptions): Effect.Effect<string, never, PostHog> =>
  Effect.suspend(() => capture("$ai_evaluation", internal.evaluationProperties(name, options), options))

/**
 * Captures an event of LLM analytics by its name: `$ai_generation`, `$ai_span`, `$ai_trace`, `$ai_embedding`,
 * `$ai_metric`, `$ai_feedback` or `$ai_evaluation`. It has the ids of the trace around, and its properties are sent as
 * they are: neither privacy mode nor redaction concerns them. Never fails. Gives the uuid of the event.
 *
 * @since 0.1.0
 * @category accessors
 */
export const capture = (
  event: string,
  properties?: PropertiesInput,
  options: CaptureOptions = {}
): Effect.Effect<string, never, PostHog> =>
  ask((instance, fiber) =>
    Effect.map(
      captureAny(instance, fiber, event, properties, internal.placeOf(options)),
      (uuid) => uuid ?? internal.uuidOf(instance, fiber, options)
    )
  )

/**
 * Sends one event past the queue and waits until PostHog acknowledged it, for instance before a serverless function
 * freezes. As {@link capture} otherwise. Gives the event's uuid; none when there was nothing to send.
 *
 * @since 0.1.0
 * @category accessors
 */
export const captureNow = (
  event: string,
  properties?: PropertiesInput,
  options: CaptureOptions = {}
): Effect.Effect<Option.Option<string>, DeliveryError, PostHog> =>
  ask((instance, fiber) =>
    Effect.map(
      captureAnyNow(instance, fiber, event, properties, internal.placeOf(options)),
      Option.fromNullable
    )
  )

const current = (name: "traceId" | "sessionId" | "parentId") =>
  ask((instance, fiber) =>
    Effect.sync(() => {
      const ids = idsIn(stateAt(fiber), ownerOf(instance))
      return Option.fromNullable(name === "parentId" && ids.parentId === ids.traceId ? undefined : ids[name])
    })
  )

/**
 * The id of the trace around, if there is one.
 *
 * @since 0.1.0
 * @category accessors
 */
export const currentTraceId: Effect.Effect<Option.Option<string>, never, PostHog> = /* #__PURE__ */ current("traceId")

/**
 * The id of the session around, if there is one.
 *
 * @since 0.1.0
 * @category accessors
 */
export const currentSessionId: Effect.Effect<Option.Option<string>, never, PostHog> = /* #__PURE__ */ current(
  "sessionId"
)

/**
 * The id of the innermost span around, if there is one.
 *
 * @since 0.1.0
 * @category accessors
 */
export const currentSpanId: Effect.Effect<Option.Option<string>, never, PostHog> = /* #__PURE__ */ current("parentId")

/**
 * A new id for a trace, a session or a span: a UUID v7.
 *
 * @since 0.1.0
 * @category accessors
 */
export const newId: Effect.Effect<string, never, PostHog> = /* #__PURE__ */ ask((instance, fiber) =>
  Effect.sync(() => newIdOf(instance, fiber))
)
