/**
 * The calls of models that are under way in an instance: which requests are watched, and the event of each.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PropertiesInput } from "../../../core/event/layers.js"
import type { Redact } from "../../../core/llm/content.js"
import { callsGateway, requestUrlOf } from "../../../core/llm/http/address.js"
import { endpointOf } from "../../../core/llm/http/endpoint.js"
import { Exchange } from "../../../core/llm/http/exchange.js"
import type { Providers } from "../../../core/llm/http/providers.js"
import type { Call, Endpoint, Prices, RequestFacts } from "../../../core/llm/model.js"
import { describe } from "../../../core/thrown.js"
import type { GatewayCalled } from "../../../PostHogError.js"
import type { Origin } from "../../capture.js"
import { stateAt } from "../../context.js"
import type { Kind } from "../../diagnostics.js"
import { clockOf } from "../../effect/fiber.js"
import type { Active, Instance } from "../../instance.js"
import { monotonicMillis } from "../../monotonic.js"
import { sleepIdle } from "../../sleepIdle.js"
import { slot } from "../../slot.js"
import { captureCall, type EventOptions, treatmentOf } from "../capture.js"
import { isCaptured, listenerIn } from "../region.js"

const gatewayCalled: Kind<GatewayCalled> = {
  tag: "GatewayCalled",
  text: "a language model is called through PostHog's gateway, which captures the call itself",
  warns: true
}

/**
 * How calls of models are captured.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Providers by host, with its port or without: `{ "llm.example.com": "openai" }`. For hosts that are not known, such
   * as a proxy of one's own. Default: known hosts, and others where path and body look like a call.
   */
  readonly providers?: Providers | undefined
  /**
   * Whether streams of OpenAI's Chat Completions are asked for the number of tokens, which they tell only then. It
   * changes such requests, unless they say something about it themselves (`stream_options.include_usage`), and the
   * program gets a last piece without choices. Default `false`: such calls have no tokens and no costs.
   */
  readonly includeUsage?: boolean | undefined
  /** Whether messages are left out. Default: as the instance and the region say. */
  readonly privacyMode?: boolean | undefined
  /** Whether messages are sent whole. Default: as the region and the instance say. */
  readonly fullCapture?: boolean | undefined
  /** Sees messages before they are sent, after the functions of the instance and of the region. Default: none. */
  readonly redact?: Redact | undefined
  /** More properties of the events. They win over what is known of the call. */
  readonly properties?: PropertiesInput | undefined
  /** Prices of a model in US dollars, where PostHog's are not yours. Default: PostHog computes the costs. */
  readonly prices?: ((model: string, provider: string) => Prices | undefined) | undefined
}

/** A request as far as it is looked at. */
export interface Request {
  readonly method: string
  /** Whole. */
  readonly url: string
  /** The value of a header, asked by its name in lower case. */
  readonly header: (name: string) => string | null | undefined
  /** The body, parsed; `undefined` when it is not at hand. Asked again, it gives the same. */
  readonly body: () => unknown
}

/** What is known of a call whose answer the provider makes meanwhile. */
interface Pending {
  readonly call: Call
  readonly origin: Origin
  readonly start: number
}

/** Most answers that are awaited in this way. */
const maxPending = 1_000

/** Most calls of which the instance knows that they are under way. What is beyond is captured, unless it ends first. */
const maxOpen = 10_000

/** Longest request body that is read, in bytes. */
export const maxRequest = 8 * 1024 * 1024

/** Most characters of the text of a stream. */
const maxText = 200_000

/** Most characters where everything is captured. */
const maxFullText = 8 * 1024 * 1024

/** So long the body of a refusal is awaited, in milliseconds, when the program does not read it. */
const grace = 1_000

/**
 * Whatever can still read an answer holds this object. When it is collected, nothing can read more of the answer, and
 * the exchange ends. Therefore the exchange must not hold this object.
 */
export class Watched {
  constructor(readonly exchange: Exchange) {}
}

/** What runs now or later, without anybody who waits. */
const run = (effect: Effect.Effect<unknown>): void => {
  Effect.runFork(effect)
}

const exchangesSlot = /* #__PURE__ */ slot<Exchanges>("llm/exchanges")

export class Exchanges {
  private readonly open = new Set<Exchange>()
  private readonly pending = new Map<string, Pending>()
  private readonly collected = typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<Exchange>((exchange) => exchange.abandon())
  private hasToldGateway = false

  private constructor(private readonly instance: Instance, private readonly active: Active) {}

  /** Those of an instance; `undefined`: it takes no events. */
  static of(instance: Instance): Exchanges | undefined {
    const { active } = instance
    if (active === undefined) return undefined
    return exchangesSlot.getOrMake(instance, () => {
      const made = new Exchanges(instance, active)
      instance.closing.add(() => made.close())
      return made
    })
  }

  /** Watches a request that is about to be sent; `undefined`: the request is not captured. */
  watch(origin: Origin, request: Request, options: Options): Watched | undefined {
    try {
      const endpoint = endpointOf(request, options.providers)
      if (endpoint === undefined) {
        this.tellGateway(request.url)
        return undefined
      }
      const state = stateAt(origin)
      const event = endpoint.format.kind === "embedding" ? "$ai_embedding" : "$ai_generation"
      const isOthers = isCaptured(state) && listenerIn(state) === undefined
      if (isOthers || this.instance.door.isSilent(origin, event)) return undefined
      return this.start(origin, request, endpoint, event, options)
    } catch (thrown) {
      run(this.instance.door.refuse(origin, "$ai_generation", `its request cannot be read: ${describe(thrown)}`))
      return undefined
    }
  }

  private start(
    origin: Origin,
    request: Request,
    endpoint: Endpoint,
    event: string,
    options: Options
  ): Watched {
    const clock = clockOf(origin)
    const treatment = treatmentOf(this.active, stateAt(origin), options)
    const start = monotonicMillis(clock)
    const exchange: Exchange = new Exchange({
      endpoint,
      requestUrl: requestUrlOf(request.url),
      request: (): RequestFacts => endpoint.format.request(request.body(), endpoint),
      now: () => monotonicMillis(clock),
      limit: treatment === undefined ? 0 : treatment.full ? maxFullText : maxText,
      onEnd: (call) => {
        this.open.delete(exchange)
        this.ended({ call, origin, start }, endpoint.retrieves, options)
      },
      onFault: (thrown) => {
        this.open.delete(exchange)
        run(this.instance.door.refuse(origin, event, `the call cannot be read: ${describe(thrown)}`))
      }
    })
    if (this.open.size < maxOpen) this.open.add(exchange)
    const watched = new Watched(exchange)
    this.collected?.register(watched, exchange)
    return watched
  }

  /** The provider has refused. Programs often do not read why. */
  refused({ exchange }: Watched, origin: Origin): void {
    const clock = clockOf(origin)
    run(
      sleepIdle(Duration.millis(grace)).pipe(
        Effect.zipRight(Effect.sync(() => {
          if (!exchange.isRead) exchange.abandon()
        })),
        Effect.withClock(clock)
      )
    )
  }

  /** Redirects call nothing. */
  dismiss({ exchange }: Watched): void {
    exchange.dismiss()
    this.open.delete(exchange)
  }

  private ended(made: Pending, retrieves: string | undefined, options: Options): void {
    const { call } = made
    const { pendingId } = call.answer
    if (retrieves !== undefined) {
      const before = this.pending.get(retrieves)
      if (before === undefined || pendingId !== undefined || call.answer.completionId !== retrieves) return
      this.pending.delete(retrieves)
      const now = made.start + (call.latencySeconds ?? 0) * 1000
      this.capture({
        ...before,
        call: {
          ...call,
          request: before.call.request,
          latencySeconds: call.answer.workedSeconds ?? (now - before.start) / 1000
        }
      }, options)
      return
    }
    if (pendingId === undefined) return this.capture(made, options)
    if (this.pending.size >= maxPending) this.forgetOldest()
    this.pending.set(pendingId, made)
  }

  private forgetOldest(): void {
    for (const id of this.pending.keys()) {
      this.pending.delete(id)
      return
    }
  }

  private capture({ call, origin }: Pending, options: Options): void {
    try {
      const listener = listenerIn(stateAt(origin))
      if (listener !== undefined) return listener(call)
      run(captureCall(this.instance, origin, priced(call, options), eventOptions(options)))
    } catch (thrown) {
      run(this.instance.door.refuse(origin, "$ai_generation", `the call cannot be captured: ${describe(thrown)}`))
    }
  }

  private tellGateway(url: string): void {
    if (this.hasToldGateway || !callsGateway(url)) return
    this.hasToldGateway = true
    this.active.diagnostics.emit(gatewayCalled, () => ({ _tag: "GatewayCalled", url: requestUrlOf(url) ?? "" }))
  }

  /** The instance closes: captures what is known of each call, because later it takes no events. */
  private close(): void {
    for (const exchange of this.open) exchange.abandon()
    this.open.clear()
  }
}

const priced = (call: Call, { prices }: Options): Call => {
  if (prices === undefined) return call
  const model = call.request.model ?? call.answer.model
  return model === undefined ? call : { ...call, prices: prices(model, call.provider ?? "") }
}

const eventOptions = ({ fullCapture, privacyMode, properties, redact }: Options): EventOptions => ({
  fullCapture,
  privacyMode,
  properties,
  redact
})

/**
 * What a request says in its body: the text, the bytes or neither. Read once, and only when it is not larger than a
 * bound.
 */
export const bodyOf = (given: unknown): () => unknown => {
  let parsed: { readonly value: unknown } | undefined
  return () => (parsed ??= { value: parse(given) }).value
}

const parse = (given: unknown): unknown => {
  try {
    const text = typeof given === "string"
      ? given
      : (given instanceof Uint8Array || given instanceof ArrayBuffer) && given.byteLength <= maxRequest
      ? new TextDecoder().decode(given)
      : undefined
    return text === undefined || text.length > maxRequest ? undefined : JSON.parse(text)
  } catch {
    // No JSON, or memory that was given away.
    return undefined
  }
}
