/**
 * A request as the context of what is captured while it is handled, and what is captured about it.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import { isIdentifier, type Properties } from "../core/event/properties.js"
import { isSecretByDefault, readRequest, type RequestFacts, type RequestSettings } from "../core/http/request.js"
import { PostHog, type Service } from "../PostHog.js"
import type { Options } from "../PostHogHttp.js"
import { type AllValues, currentState, type State } from "./context.js"
import { withoutResponses } from "./errors/responses.js"
import { claim, fiberName, isErrorTrackingOff, send } from "./errors/tracker.js"
import { instanceOf } from "./instance.js"

/** What a middleware does, with each option at its value or its default. */
interface Settings<Request, R> extends RequestSettings {
  readonly distinctId: Options<Request, R>["distinctId"]
  readonly properties: Options<Request, R>["properties"]
  readonly captureErrors: boolean | undefined
  readonly eventOf: ((request: Request) => string | undefined) | undefined
}

/** A function of the program's that may throw. */
const guarded = <A, B>(f: (value: A) => B, otherwise: B) => (value: A): B => {
  try {
    return f(value)
  } catch {
    return otherwise
  }
}

/** Options of the wrong type are as good as none, and so are those that throw as they are read. */
export const resolve = <Request, R>(options: Options<Request, R>): Settings<Request, R> => {
  const option = <Name extends keyof Options<Request, R>>(name: Name): Options<Request, R>[Name] => {
    try {
      return options[name]
    } catch {
      return undefined
    }
  }
  const ipHeader = option("ipHeader")
  const isSecret = option("isSecret")
  const query = option("query")
  const trustProxies = option("trustProxies")
  const distinctId = option("distinctId")
  const properties = option("properties")
  const requestEvent = option("requestEvent")
  return {
    distinctId: typeof distinctId === "function" ? distinctId : undefined,
    properties: typeof properties === "function" ? properties : undefined,
    captureErrors: option("captureErrors"),
    eventOf: typeof requestEvent === "function"
      ? guarded(requestEvent, undefined)
      : requestEvent === undefined
      ? undefined
      : () => requestEvent,
    tracingHeaders: option("tracingHeaders") !== false,
    trustProxies: typeof trustProxies === "function"
      ? guarded(trustProxies, false)
      : typeof trustProxies === "number" && trustProxies > 0
      ? Math.floor(trustProxies)
      : 0,
    ipHeader: typeof ipHeader === "string" && ipHeader !== "" ? ipHeader.toLowerCase() : undefined,
    ip: option("ip") !== false,
    userAgent: option("userAgent") !== false,
    query: query === "keep" || query === "omit" ? query : "redact",
    // In doubt it is one.
    isSecret: typeof isSecret === "function" ? guarded(isSecret, true) : isSecretByDefault
  }
}

/** What is to be done about a request besides handling it. */
export interface Observer {
  /**
   * When the handler has failed. Gives what to do once it is known that this is an exception; until then nobody else reports it, such as a
   * logger on the way out, which knows nothing of the request.
   */
  readonly onFailure:
    | ((cause: Cause.Cause<unknown>) => Effect.Effect<(status: number | undefined) => Effect.Effect<void>>)
    | undefined
  /** When the request is answered, or nobody waits for the answer any more. */
  readonly onEnd: ((status: number | undefined) => Effect.Effect<void>) | undefined
}

/** A kind of server, by what it answers with. */
export interface Server<A> {
  /** Runs a handler and calls an observer when it is time to. */
  readonly observe: <E, R>(handler: Effect.Effect<A, E, R>, observer: Observer) => Effect.Effect<A, E, R>
  /** An answer, what of it is made after the handler included, in the context that the handler has left. */
  readonly sustain: ((answer: A, state: State, observer: Observer) => A) | undefined
}

/** The pattern of the route, which the router tells the span of the request. */
const routeOf = (span: Tracer.AnySpan | undefined): string | undefined => {
  const route = span?._tag === "Span" ? span.attributes.get("http.route") : undefined
  return typeof route === "string" && route !== "" ? route : undefined
}

const valuesOf = <Request, R>(
  request: Request,
  facts: RequestFacts,
  settings: Settings<Request, R>,
  known: string | undefined
) =>
(under: State): AllValues => {
  let properties: Properties = {}
  let read: Partial<ReturnType<typeof readRequest>> = {}
  try {
    read = readRequest(facts, settings)
    properties = settings.properties?.(request) ?? {}
  } catch {
    // A request, or a function of the program, that throws says nothing.
  }
  return {
    distinctId: known ?? (under.hasDistinctId ? undefined : read.distinctId),
    sessionId: read.sessionId,
    properties: { ...read.properties, ...properties }
  }
}

/** Captures without waiting, also under the overflow policy that waits: the response does not depend on it. */
const aside = (captured: Effect.Effect<void>): Effect.Effect<void> =>
  captured === Effect.void ? captured : Effect.asVoid(Effect.forkDaemon(captured))

const captureError = (service: Service, cause: Cause.Cause<unknown>, status: number | undefined): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) =>
    aside(
      send(instanceOf(service), fiber, {
        given: cause,
        level: "error",
        boundary: { type: "middleware", handled: false, synthetic: undefined },
        source: "effect.http_middleware",
        properties: { $response_status_code: status },
        fiberId: fiberName(fiber.id()),
        isLimited: true,
        isClaimed: true
      })
    )
  )

const captureEnd = (service: Service, event: string, status: number | undefined, begin: number): Effect.Effect<void> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (end) => aside(service.capture(event, { $response_status_code: status, duration_ms: end - begin }))
  )

/** Handles a request in its context. */
export const within = <A, E, R, Request, R2>(
  handler: Effect.Effect<A, E, R>,
  request: Request,
  facts: RequestFacts,
  settings: Settings<Request, R2>,
  server: Server<A>
): Effect.Effect<A, E, R | R2 | PostHog> =>
  Effect.withFiberRuntime<A, E, R | R2 | PostHog>((fiber) => {
    const service = Context.unsafeGet(fiber.currentContext as Context.Context<PostHog>, PostHog)
    const span = fiber.currentSpan
    const { captureErrors, distinctId, eventOf } = settings
    /** The context as the handler leaves it; what is captured afterwards is about the same request. */
    let left: State | undefined
    const remember = Effect.withFiberRuntime<void>((fiber) => {
      left = fiber.getFiberRef(currentState)
      return Effect.void
    })
    const inLeft = (captured: Effect.Effect<void>) =>
      left === undefined ? captured : Effect.locally(captured, currentState, left)

    const event = eventOf?.(request)
    const begin = event === undefined
      ? 0
      : Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis()
    const capturesErrors = captureErrors ?? !isErrorTrackingOff(instanceOf(service))
    const observer: Observer = {
      onFailure: capturesErrors
        ? (cause) =>
          Effect.withFiberRuntime((fiber) => {
            const isOurs = claim(instanceOf(service), fiber, cause)
            return Effect.succeed((status) => isOurs ? inLeft(captureError(service, cause, status)) : Effect.void)
          })
        : undefined,
      onEnd: event === undefined ? undefined : (status) => inLeft(captureEnd(service, event, status, begin))
    }
    const run = (known: string | undefined) => {
      const { sustain } = server
      const sustained = sustain === undefined
        ? handler
        : Effect.map(handler, (answer) => sustain(answer, fiber.getFiberRef(currentState), observer))
      const inside = observer.onEnd !== undefined
        ? Effect.onExit(sustained, () => remember)
        : capturesErrors
        ? Effect.tapErrorCause(sustained, () => remember)
        : sustained
      return server.observe(
        Effect.locallyWith(
          inside,
          currentState,
          (state) => state.setLater(valuesOf(request, facts, settings, known), () => routeOf(span))
        ),
        observer
      )
    }
    return distinctId === undefined ? run(undefined) : Effect.suspend(() => distinctId(request)).pipe(
      // Also when it is interrupted, which may be no more than work that another request has started and given up.
      Effect.catchAllCause(() => Effect.succeed(undefined)),
      Effect.flatMap((id) => run(isIdentifier(id) ? String(id) : undefined))
    )
  })

/** Without what says itself which response it is. */
const failureIn = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  withoutResponses(Option.getOrElse(HttpServerError.causeResponseStripped(cause)[1], () => Cause.empty))

/** What a failure is worth, without answers; an interruption alone is a client that has gone, or a server that ends. */
const onFailed = (
  failure: Cause.Cause<unknown>,
  onFailure: NonNullable<Observer["onFailure"]>,
  decide: (capture: (status: number | undefined) => Effect.Effect<void>) => Effect.Effect<void>
): Effect.Effect<void> => Cause.isInterruptedOnly(failure) ? Effect.void : Effect.flatMap(onFailure(failure), decide)

/**
 * In a server of `@effect/platform`. Whether a failure is an exception is decided by the response that is made from it, which may happen
 * further out: an `HttpApi` makes a typed 404 of an error that is no response itself.
 */
export const platformServer: Server<HttpServerResponse.HttpServerResponse> = {
  observe: (handler, { onEnd, onFailure }) => {
    const failing = onFailure === undefined ?
      handler :
      Effect.tapErrorCause(handler, (cause) =>
        onFailed(failureIn(cause), onFailure, (capture) => {
          const report = (status: number) => status < 500 ? Effect.void : capture(status)
          // A middleware of `serve` comes after the response.
          const sent = Chunk.findFirst(Cause.defects(cause), HttpServerResponse.isServerResponse)
          return Option.isSome(sent)
            ? report(sent.value.status)
            : HttpApp.appendPreResponseHandler((_, response) => Effect.as(report(response.status), response))
        }))
    if (onEnd === undefined) return failing
    // A body that fails is answered once more, in vain.
    let isDone = false
    const end = (status: number) => {
      if (isDone) return Effect.void
      isDone = true
      return onEnd(status)
    }
    return Effect.zipRight(
      HttpApp.appendPreResponseHandler((_, response) => Effect.as(end(response.status), response)),
      failing
    )
  },
  // The body is made by the server, outside of the middleware. When it fails, the status has been sent, whatever it is.
  sustain: (response, state, { onFailure }) => {
    const { body } = response
    if (body._tag !== "Stream") return response
    const stream = onFailure === undefined ?
      body.stream :
      Stream.tapErrorCause(
        body.stream,
        (cause) => onFailed(failureIn(cause), onFailure, (capture) => capture(response.status))
      )
    return HttpServerResponse.setBody(
      response,
      HttpBody.stream(
        Stream.unwrapScoped(Effect.as(Effect.locallyScoped(currentState, state), stream)),
        body.contentType,
        body.contentLength
      )
    )
  }
}

/** Where a function of the Fetch API answers, and whoever calls it decides what becomes of a failure. */
export const webServer: Server<Response> = {
  observe: (handler, { onEnd, onFailure }) => {
    const failing = onFailure === undefined ?
      handler :
      Effect.tapErrorCause(
        handler,
        (cause) => onFailed(withoutResponses(cause), onFailure, (capture) => capture(undefined))
      )
    return onEnd === undefined
      ? failing
      : Effect.onExit(failing, (exit) => onEnd(exit._tag === "Success" ? exit.value.status : undefined))
  },
  // Its body brings its own runtime.
  sustain: undefined
}
