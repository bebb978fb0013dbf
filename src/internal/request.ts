/**
 * A request as the context of what is captured while it is handled, and what is captured about it.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
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
  readonly options: Options<Request, R>
}

/** A function of the program's that may throw. */
const guarded = <A, B>(f: (value: A) => B, otherwise: B) => (value: A): B => {
  try {
    return f(value)
  } catch {
    return otherwise
  }
}

/** Options of the wrong type are as good as none. */
export const resolve = <Request, R>(options: Options<Request, R>): Settings<Request, R> => {
  const { ipHeader, isSecret, query, trustProxies } = options
  return {
    options,
    tracingHeaders: options.tracingHeaders !== false,
    trustProxies: typeof trustProxies === "function"
      ? guarded(trustProxies, false)
      : typeof trustProxies === "number" && trustProxies > 0
      ? Math.floor(trustProxies)
      : 0,
    ipHeader: typeof ipHeader === "string" && ipHeader !== "" ? ipHeader.toLowerCase() : undefined,
    ip: options.ip !== false,
    userAgent: options.userAgent !== false,
    query: query === "keep" || query === "omit" ? query : "redact",
    // In doubt it is one.
    isSecret: typeof isSecret === "function" ? guarded(isSecret, true) : isSecretByDefault
  }
}

/** What is to be done about a request besides handling it. */
export interface Observer {
  /**
   * Called when the handler has failed. Gives what to do once it is known that this is an exception; until then nobody else reports
   * it, such as a logger on the way out, which knows nothing of the request. `undefined`: nothing is to be done.
   */
  readonly onFailure:
    | ((cause: Cause.Cause<unknown>) => (status: number | undefined) => Effect.Effect<void>)
    | undefined
  /** When the request is answered, or nobody waits for the answer any more. */
  readonly onEnd: ((status: number | undefined) => Effect.Effect<void>) | undefined
}

/** When a kind of server calls an observer. */
export interface Server<in A> {
  /** Before the request is handled. */
  readonly begin: (observer: Observer) => Effect.Effect<void>
  readonly succeeded: (response: A, observer: Observer) => Effect.Effect<void>
  readonly failed: (cause: Cause.Cause<unknown>, observer: Observer) => Effect.Effect<void>
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
  known: string | undefined,
  span: Tracer.AnySpan | undefined
) =>
(under: State): AllValues => {
  let properties: Properties = {}
  let read: Partial<ReturnType<typeof readRequest>> = {}
  try {
    read = readRequest(facts, settings)
    properties = settings.options.properties?.(request) ?? {}
  } catch {
    // A request, or a function of the program, that throws says nothing.
  }
  const route = routeOf(span)
  return {
    distinctId: known ?? (under.hasDistinctId ? undefined : read.distinctId),
    sessionId: read.sessionId,
    properties: {
      ...read.properties,
      ...(route === undefined ? undefined : { "http.route": route }),
      ...properties
    }
  }
}

/** Captures without waiting, also under the overflow policy that waits: the response does not depend on it. */
const aside = (captured: Effect.Effect<void>): Effect.Effect<void> =>
  captured === Effect.void ? captured : Effect.asVoid(Effect.forkDaemon(captured))

const routeProperty = (span: Tracer.AnySpan | undefined) => {
  const route = routeOf(span)
  return route === undefined ? undefined : { "http.route": route }
}

const captureError = (service: Service, cause: Cause.Cause<unknown>, status: number | undefined): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) =>
    aside(
      send(instanceOf(service), fiber, {
        given: cause,
        level: "error",
        boundary: { type: "middleware", handled: false, synthetic: undefined },
        source: "effect.http_middleware",
        properties: { $response_status_code: status, ...routeProperty(fiber.currentSpan) },
        fiberId: fiberName(fiber.id()),
        isLimited: true,
        isClaimed: true
      })
    )
  )

const captureEnd = (service: Service, event: string, status: number | undefined, begin: number): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.flatMap(Clock.currentTimeMillis, (end) =>
      aside(
        service.capture(event, {
          $response_status_code: status,
          duration_ms: end - begin,
          ...routeProperty(fiber.currentSpan)
        })
      ))
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
    const { captureErrors, distinctId, requestEvent } = settings.options
    const outside = fiber.getFiberRef(currentState)
    /** The context as the handler has left it: what is captured afterwards is about the same request. */
    let left: State | undefined
    const inLeft = (captured: Effect.Effect<void>) =>
      left === undefined ? captured : Effect.locally(captured, currentState, left)
    const leave = (): Effect.Effect<void> => {
      left = fiber.getFiberRef(currentState)
      return FiberRef.set(currentState, outside)
    }

    const event = typeof requestEvent === "function" ? guarded(requestEvent, undefined)(request) : requestEvent
    const begin = event === undefined
      ? 0
      : Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis()
    const observer: Observer = {
      onFailure: captureErrors ?? !isErrorTrackingOff(instanceOf(service))
        ? (cause) => {
          const isOurs = claim(instanceOf(service), fiber, cause)
          return (status) => isOurs ? inLeft(captureError(service, cause, status)) : Effect.void
        }
        : undefined,
      onEnd: event === undefined
        ? undefined
        : (status) => inLeft(captureEnd(service, event, status, begin))
    }

    // Cheaper than `Effect.locally`, and the fiber belongs to the request anyhow: where it is interrupted nothing comes after it.
    const run = (known: string | undefined): Effect.Effect<A, E, R> => {
      const inside = outside.setLater(valuesOf(request, facts, settings, known, span))
      const handled = Effect.matchCauseEffect(
        Effect.zipRight(FiberRef.set(currentState, inside), handler),
        {
          onSuccess: (response): Effect.Effect<A, E> =>
            Effect.zipRight(
              leave(),
              observer.onEnd === undefined
                ? Effect.succeed(response)
                : Effect.as(server.succeeded(response, observer), response)
            ),
          onFailure: (cause): Effect.Effect<A, E> =>
            Effect.zipRight(Effect.zipRight(leave(), server.failed(cause, observer)), Effect.failCause(cause))
        }
      )
      return observer.onEnd === undefined ? handled : Effect.zipRight(server.begin(observer), handled)
    }
    return typeof distinctId !== "function" ? run(undefined) : Effect.suspend(() => distinctId(request)).pipe(
      Effect.catchAllCause((cause) => Cause.isInterrupted(cause) ? Effect.interrupt : Effect.succeed(undefined)),
      Effect.flatMap((id) => run(isIdentifier(id) ? String(id) : undefined))
    )
  })

/** Without what says itself which response it is. */
const failureIn = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  withoutResponses(Option.getOrElse(HttpServerError.causeResponseStripped(cause)[1], () => Cause.empty))

/**
 * A server of `@effect/platform`. Whether a failure is an exception is decided by the response that is made from it, which may happen further
 * out: an `HttpApi` makes a typed 404 of an error that is no response itself.
 */
export const platformServer: Server<unknown> = {
  begin: ({ onEnd }) => HttpApp.appendPreResponseHandler((_, response) => Effect.as(onEnd!(response.status), response)),
  succeeded: () => Effect.void,
  failed: (cause, { onFailure }) => {
    if (onFailure === undefined) return Effect.void
    const failure = failureIn(cause)
    // An interruption alone is a client that has gone, or a server that ends.
    if (Cause.isInterruptedOnly(failure)) return Effect.void
    const capture = onFailure(failure)
    const report = (status: number) => status < 500 ? Effect.void : capture(status)
    // A middleware of `serve` comes after the response.
    const sent = Chunk.findFirst(Cause.defects(cause), HttpServerResponse.isServerResponse)
    return Option.isSome(sent)
      ? report(sent.value.status)
      : HttpApp.appendPreResponseHandler((_, response) => Effect.as(report(response.status), response))
  }
}

/** Where a function of the Fetch API answers, and whoever calls it decides what becomes of a failure. */
export const webServer: Server<Response> = {
  begin: () => Effect.void,
  succeeded: (response, { onEnd }) => onEnd!(response.status),
  failed: (cause, { onEnd, onFailure }) => {
    const failure = withoutResponses(cause)
    const captured = onFailure === undefined || Cause.isInterruptedOnly(failure)
      ? Effect.void
      : onFailure(failure)(undefined)
    return onEnd === undefined ? captured : Effect.zipRight(captured, onEnd(undefined))
  }
}
