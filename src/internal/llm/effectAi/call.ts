/**
 * One call of a model through `@effect/ai`, from its beginning to the event about it.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import { isList, read } from "../../../core/guard.js"
import { offered, promptMessages, toolDefinitions } from "../../../core/llm/effectAi/messages.js"
import { type Attributes, noted, notedAnswer, providerOf } from "../../../core/llm/effectAi/request.js"
import type { AnswerFacts, Failure } from "../../../core/llm/model.js"
import { aside, elapsedOf } from "../../capture.js"
import { inState, snapshot, stateAt, withState } from "../../context.js"
import { telling } from "../../effect/ai.js"
import { type Fiber, type Origin, spanAt, tracerAt } from "../../effect/fiber.js"
import type { Active, Instance } from "../../instance.js"
import { captureCall, newId, roomOf, treatmentOf } from "../capture.js"
import { changePolicy, idsIn, inSpan, isCaptured } from "../region.js"
import { endedBy } from "../spans.js"
import type { Given, Source } from "./source.js"

/** What this integration calls itself in `$ai_framework`. */
const framework = "effect-ai"

/** What the methods of a language model are given. */
export interface ModelOptions {
  readonly prompt: unknown
  readonly toolkit?: unknown
  readonly toolChoice?: unknown
}

/** How a call has ended. */
export interface Ending {
  readonly answer: Partial<AnswerFacts>
  readonly failure?: Failure | undefined
  readonly httpStatus?: number | undefined
  /** What it failed with. */
  readonly thrown?: Cause.Cause<unknown> | undefined
}

/** Most spans of one call that are kept. */
const maxSpans = 16

const isPrompt = (prompt: unknown): boolean =>
  typeof prompt === "string" || isList(prompt) || isList(read(prompt, "content"))

/** Messages that can be taken once only are taken once, and given to the model as a list. */
const repeatable = (options: ModelOptions): ModelOptions => {
  const { prompt } = options
  if (isPrompt(prompt) || typeof read(prompt, Symbol.iterator) !== "function") return options
  return { ...options, prompt: Array.from(prompt as Iterable<unknown>) }
}

export class AiCall {
  readonly options: ModelOptions
  readonly spanId: string
  readonly traceId: string
  /** As whoever is below this call. */
  readonly inside: Origin
  /** The tools that the call had, once they are known. */
  tools: unknown
  /** Whether a tool has failed, and the call with it. */
  toolFailed = false
  /** Whether media are sent. */
  readonly whole: boolean
  /** Characters of a streamed answer that are kept. */
  readonly limit: number
  private readonly tracer: Tracer.Tracer
  private readonly spans: Array<Tracer.Span> = []
  private readonly messages: ReadonlyArray<unknown> | undefined
  private readonly start: number
  private firstToken: number | undefined
  private runningTools = 0
  private toolsSince = 0
  private toolMillis = 0
  private isDone = false

  constructor(
    private readonly source: Source,
    readonly instance: Instance,
    readonly active: Active,
    readonly origin: Origin,
    private readonly method: "generateText" | "generateObject" | "streamText",
    options: ModelOptions
  ) {
    this.spanId = newId(active, origin)
    const state = stateAt(origin)
    this.traceId = idsIn(state, active.owner).traceId ?? spanAt(origin)?.traceId ?? this.spanId
    this.inside = withState(origin, inSpan(state, this.spanId, this.traceId))
    const treatment = treatmentOf(active, state, source.options)
    this.options = repeatable(options)
    // As it is now: the program may change what it has given, and what is not sent is not looked at.
    this.whole = treatment?.full === true
    this.messages = treatment === undefined ? undefined : promptMessages(this.options.prompt, this.whole)
    this.limit = treatment === undefined ? 0 : roomOf(active, treatment.full)
    // Attributes of the span say what the request was, also when it fails.
    this.tracer = telling(tracerAt(origin), (name, span) => {
      if (name === `LanguageModel.${method}` && this.spans.length < maxSpans) this.spans.push(span)
    })
    this.start = elapsedOf(origin)
  }

  /** Runs a part of the call: others that see calls of models leave this one alone. */
  readonly around = <B, E, R>(self: Effect.Effect<B, E, R>): Effect.Effect<B, E, R> =>
    inState(
      Effect.withTracer(self, this.tracer),
      (state) => changePolicy(state, { isCaptured: true })
    )

  /** Where what belongs to this call is in the tree. */
  get place() {
    return { instance: this.instance, active: this.active, spanId: this.spanId, traceId: this.traceId }
  }

  token(): void {
    this.firstToken ??= this.now
  }

  toolStarts(): void {
    if (this.runningTools++ === 0) this.toolsSince = this.now
  }

  toolEnds(): void {
    if (--this.runningTools === 0) this.toolMillis += this.now - this.toolsSince
  }

  /** What the provider said came while tools ran: until now it was its time as well. */
  goesOn(): void {
    this.toolMillis = 0
    this.toolsSince = this.now
  }

  private get now(): number {
    return elapsedOf(this.origin)
  }

  /** The provider as the span says it, or whoever made the model. */
  get said(): string | undefined {
    return noted(this.attributes).provider ?? providerOf(this.source.providerName) ?? this.source.options.provider
  }

  /** Of several spans, the last that names a model: a model may ask another one. */
  private get attributes(): Attributes | undefined {
    const all = this.spans.map((span) => read(span, "attributes") as Attributes | undefined)
      .filter((attributes) => typeof read(attributes, "get") === "function")
    return all.filter((attributes) => attributes?.has("gen_ai.request.model")).at(-1) ?? all.at(-1)
  }

  /** The time of the provider, without that of the program's tools. */
  private get latencyMillis(): number {
    const { now } = this
    return now - this.start - this.toolMillis - (this.runningTools > 0 ? now - this.toolsSince : 0)
  }

  /** Captures the call, once. */
  finish({ answer, failure, httpStatus, thrown }: Ending): Effect.Effect<void> {
    if (this.isDone) return Effect.void
    this.isDone = true
    const { messages, source: { options }, tools } = this
    const attributes = this.attributes
    const request = noted(attributes)
    const further = notedAnswer(attributes)
    const provider = options.provider ?? request.provider ?? providerOf(this.source.providerName)
    const definitions = offered(tools, this.options.toolChoice)
    const captured = captureCall(
      this.instance,
      this.origin,
      {
        kind: "generation",
        provider,
        baseUrl: options.baseUrl,
        request: {
          model: request.model ?? this.source.modelName,
          streamed: this.method === "streamText",
          input: () => messages,
          parameters: request.parameters,
          maxTokens: request.maxTokens,
          tools: definitions.length === 0 ? undefined : () => toolDefinitions(definitions, this.source.ask)
        },
        answer: {
          ...answer,
          model: answer.model ?? further.model ?? options.model,
          completionId: answer.completionId ?? further.completionId,
          // The word of the provider, where somebody has noted it.
          stopReason: answer.stopReason === interrupted ? interrupted : further.stopReason ?? answer.stopReason,
          serviceTier: answer.serviceTier ?? further.serviceTier,
          usage: answer.usage ?? further.usage
        },
        // Packages that note whom they ask do so over HTTP, and what came was an answer.
        httpStatus: httpStatus ?? (failure === undefined && answer.stopReason !== interrupted &&
            request.provider !== undefined
          ? 200
          : undefined),
        latencySeconds: this.latencyMillis / 1000,
        firstTokenSeconds: this.firstToken === undefined ? undefined : (this.firstToken - this.start) / 1000,
        failure,
        prices: options.prices,
        framework
      },
      { ...eventOptions(options), uuid: this.spanId, spanId: this.spanId, traceId: this.traceId, thrown }
    )
    return aside(Effect.asVoid(captured))
  }
}

/** `$ai_stop_reason` of a call that the program itself has ended. */
export const interrupted = "interrupted"

export const eventOptions = ({ fullCapture, privacyMode, properties, redact }: Given) => ({
  fullCapture,
  privacyMode,
  properties,
  redact
})

/**
 * A call that begins here; `undefined` where there is nothing to capture: nobody takes events, or somebody who knows
 * more captures it.
 */
export const begin = (
  source: Source,
  fiber: Fiber,
  method: "generateText" | "generateObject" | "streamText",
  options: ModelOptions
): AiCall | undefined => {
  const instance = source.instance(fiber)
  const { active } = instance
  if (active === undefined || isCaptured(stateAt(fiber))) return undefined
  const origin = snapshot(fiber)
  return instance.door.isSilent(origin, "$ai_generation") && instance.door.isSilent(origin, "$ai_span")
    ? undefined
    : new AiCall(source, instance, active, origin, method, options)
}

/** How a call ended; `answer` is what came of it. */
export const endingOf = (
  exit: Exit.Exit<unknown, unknown>,
  call: Pick<AiCall, "toolFailed" | "instance" | "inside">,
  answer: Partial<AnswerFacts>
): Ending => {
  if (Exit.isSuccess(exit)) return { answer }
  const { failure, status } = endedBy(call.instance, call.inside, exit)
  if (failure === undefined) return { answer: { ...answer, stopReason: interrupted } }
  // The tool has failed, and its span says so. The model has not.
  return call.toolFailed ? { answer } : { answer, failure, httpStatus: status, thrown: exit.cause }
}
