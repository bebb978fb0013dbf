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
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import { isIdentifier, merge, type Properties } from "../../core/event/properties.js"
import { isSecretByDefault, readRequest, type RequestFacts, type RequestSettings } from "../../core/http/incoming.js"
import { PostHog } from "../../PostHog.js"
import type { Options } from "../../PostHogHttp.js"
import { aside, ordinary, type Origin, withState } from "../capture.js"
import { type AllValues, currentState, type CurrentValues, type Region, showRequest, type State } from "../context.js"
import { middleware } from "../exceptions/reporters.js"
import { withoutResponses } from "../exceptions/responses.js"
import { claim, fiberName, send } from "../exceptions/tracker.js"
import { instanceOf, type Service } from "../instance.js"
import { monotonicMillis } from "../monotonic.js"

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
export interface Server<in out A> {
  /** Before the request is handled. */
  readonly begin: (observer: Observer) => Effect.Effect<void>
  readonly succeeded: (response: A, observer: Observer) => Effect.Effect<void>
  /** A response, with what of it is made after the handler in the context that the handler has left. */
  readonly sustain: (response: A, state: State, observer: Observer) => A
  readonly failed: (cause: Cause.Cause<unknown>, observer: Observer) => Effect.Effect<void>
  /** When the handler's fiber was interrupted, where nothing else tells that the request has ended. */
  readonly interrupted: ((observer: Observer) => Effect.Effect<void>) | undefined
}

/**
 * The pattern of the route, which the router tells the span of the request. Where requests are not traced the span is somebody else's, and the
 * routes of others are on it.
 */
const routeOf = (span: Tracer.AnySpan | undefined): string | undefined => {
  try {
    const route = span?._tag === "Span" && span.kind === "server" ? span.attributes.get("http.route") : undefined
    return typeof route === "string" && route !== "" ? route : undefined
  } catch {
    // A span is what a tracer made it to be.
    return undefined
  }
}

/** The region of a request, in which the route is looked up for each event: something around the router may capture before it is found. */
const regionOf = (source: unknown, span: Tracer.AnySpan | undefined): Region => {
  let found: { readonly "http.route": string } | undefined
  const lookUp = () => {
    const route = routeOf(span)
    if (route !== found?.["http.route"]) found = route === undefined ? undefined : { "http.route": route }
    return found
  }
  return { source, personless: { id: undefined }, lookUp }
}

/** What a request says about itself. */
export const requestValues = <Request, R>(
  request: Request,
  facts: RequestFacts,
  settings: Settings<Request, R>,
  known: string | undefined,
  region: Region
): AllValues => {
  let own: Properties | undefined
  let read: ReturnType<typeof readRequest> | undefined
  try {
    read = readRequest(facts, settings)
    if (settings.properties !== undefined) own = merge(settings.properties(request), undefined)
  } catch {
    // A request, or a function of the program, that throws says nothing.
  }
  if (read === undefined) return { distinctId: known }
  const { $ip: address, ...properties } = read.properties
  return {
    distinctId: known ?? read.distinctId,
    sessionId: read.sessionId,
    properties: own,
    request: { address: typeof address === "string" ? address : undefined, properties, region }
  }
}

/** The same as plain values, for a program to give them back. */
export const plainValues = <Request, R>(
  request: Request,
  facts: RequestFacts,
  settings: Settings<Request, R>
): CurrentValues => {
  const region: Region = { source: request, personless: { id: undefined }, lookUp: undefined }
  const { distinctId, properties, request: said, sessionId } = requestValues(
    request,
    facts,
    settings,
    undefined,
    region
  )
  return said === undefined
    ? {}
    : { distinctId, sessionId, properties: showRequest(merge(said.properties, properties), said) }
}

/** The response does not wait for what is captured, and where it comes from is the handler. */
const captureError = (
  service: Service,
  stateOf: (origin: Origin) => State | undefined,
  cause: Cause.Cause<unknown>,
  status: number | undefined
): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) =>
    aside(
      send(instanceOf(service), withState(fiber, stateOf(fiber)), {
        reporter: middleware,
        given: cause,
        level: "error",
        properties: { $response_status_code: status },
        fiberId: fiberName(fiber.id())
      })
    )
  )

/**
 * Milliseconds of a clock that cannot be set back: how long something takes is no matter of the time of day. Whole, as before.
 */
const elapsedOf = ({ currentDefaultServices }: Origin): number =>
  Math.floor(monotonicMillis(Context.unsafeGet(currentDefaultServices, Clock.Clock)))

const captureEnd = (
  service: Service,
  stateOf: (origin: Origin) => State | undefined,
  event: string,
  status: number | undefined,
  begin: number
): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const properties = { $response_status_code: status, duration_ms: Math.max(elapsedOf(fiber) - begin, 0) }
    const { active } = instanceOf(service)
    return active === undefined ? service.capture(event, properties) : aside(
      active.door.capture(withState(fiber, stateOf(fiber)), {
        event,
        properties,
        subject: undefined,
        options: undefined,
        kind: ordinary
      })
    )
  })

/** Handles a request in its context. */
export const within = <A, E, R, Request, R2>(
  handler: Effect.Effect<A, E, R>,
  request: Request,
  source: unknown,
  facts: RequestFacts,
  settings: Settings<Request, R2>,
  server: Server<A>
): Effect.Effect<A, E, R | R2 | PostHog> =>
  Effect.withFiberRuntime<A, E, R | R2 | PostHog>((fiber) => {
    const service = Context.unsafeGet(fiber.currentContext as Context.Context<PostHog>, PostHog)
    const region = regionOf(source, fiber.currentSpan)
    const { captureErrors, distinctId, eventOf } = settings
    const outside = fiber.getFiberRef(currentState)
    /** The context as the handler has left it: what is captured afterwards is about the same request. */
    let left: State | undefined
    let entered: State | undefined
    /** Also when the handler was interrupted, or did not come to its end in this fiber. */
    const latest = (origin: Origin): State | undefined => {
      const current = origin.getFiberRef(currentState)
      return left ?? (current.isIn(region) ? current : entered)
    }
    const leave = FiberRef.set(currentState, outside)

    const named = eventOf?.(request)
    const event = typeof named === "string" && named.trim() !== "" ? named : undefined
    const begin = event === undefined
      ? 0
      : elapsedOf(fiber)
    const observer: Observer = {
      onFailure: captureErrors ?? instanceOf(service).active?.options.errorTracking !== false
        ? (cause) => {
          const isOurs = claim(instanceOf(service), fiber, cause)
          return (status) => isOurs ? captureError(service, latest, cause, status) : Effect.void
        }
        : undefined,
      onEnd: event === undefined
        ? undefined
        : (status) => captureEnd(service, latest, event, status, begin)
    }

    // Cheaper than `Effect.locally`, and the fiber belongs to the request anyhow: where it is interrupted nothing comes after it.
    const run = (known: string | undefined): Effect.Effect<A, E, R> => {
      const inside = outside.enter(region, (under) => {
        const values = requestValues(request, facts, settings, known, region)
        return known === undefined && under.hasDistinctId ? { ...values, distinctId: undefined } : values
      })
      entered = inside
      const handled = Effect.matchCauseEffect(
        Effect.zipRight(FiberRef.set(currentState, inside), handler),
        {
          onSuccess: (response): Effect.Effect<A, E> => {
            left = fiber.getFiberRef(currentState)
            const sustained = server.sustain(response, left, observer)
            return Effect.zipRight(
              leave,
              observer.onEnd === undefined
                ? Effect.succeed(sustained)
                : Effect.as(server.succeeded(sustained, observer), sustained)
            )
          },
          onFailure: (cause): Effect.Effect<A, E> => {
            left = fiber.getFiberRef(currentState)
            return Effect.zipRight(Effect.zipRight(leave, server.failed(cause, observer)), Effect.failCause(cause))
          }
        }
      )
      if (observer.onEnd === undefined) return handled
      const { interrupted } = server
      return Effect.zipRight(
        server.begin(observer),
        interrupted === undefined ? handled : Effect.onInterrupt(handled, () => interrupted(observer))
      )
    }
    // Who a request is from is not looked up for an instance that does nothing.
    return distinctId === undefined || instanceOf(service).active === undefined ?
      run(undefined) :
      Effect.suspend(() => distinctId(request)).pipe(
        // Also when it is interrupted, which may be no more than work that another request has started and given up.
        Effect.catchAllCause(() => Effect.succeed(undefined)),
        Effect.flatMap((id) => run(isIdentifier(id) ? String(id) : undefined))
      )
  })

/** Without what says itself which response it is. */
const failureIn = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  withoutResponses(Option.getOrElse(HttpServerError.causeResponseStripped(cause)[1], () => Cause.empty))

/** Status of an answer to a failure that says no other. */
const serverError = 500

/**
 * Runs something when the request is over. A handler for the response does not always run: `Effect.timeout` around the middleware forks, and what
 * a fiber that fails has set in its references is lost with it.
 */
const atEnd = (f: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const scope = Context.getOption(fiber.currentContext as Context.Context<never>, Scope.Scope)
    return Option.isSome(scope) ? Scope.addFinalizerExit(scope.value, f) : Effect.void
  })

/**
 * A server of `@effect/platform`. Whether a failure is an exception is decided by the response that is made from it, which may happen further
 * out: an `HttpApi` makes a typed 404 of an error that is no response itself.
 */
export const platformServer: Server<HttpServerResponse.HttpServerResponse> = {
  begin: ({ onEnd }) => {
    // Once: a body that fails is answered once more, in vain. And what is kept here lives longer than the request.
    let pending = onEnd
    const end = (status: number | undefined): Effect.Effect<void> => {
      if (pending === undefined) return Effect.void
      const ended = pending(status)
      pending = undefined
      return ended
    }
    return Effect.zipRight(
      atEnd(() => end(undefined)),
      HttpApp.appendPreResponseHandler((_, response) => Effect.as(end(response.status), response))
    )
  },
  succeeded: () => Effect.void,
  // The server makes the body outside of the middleware. When that fails, the status has been sent, whatever it is.
  sustain: (response, state, { onFailure }) => {
    const { body } = response
    if (body._tag !== "Stream") return response
    const stream = onFailure === undefined ? body.stream : Stream.tapErrorCause(body.stream, (cause) => {
      const failure = failureIn(cause)
      return Cause.isInterruptedOnly(failure) ? Effect.void : onFailure(failure)(response.status)
    })
    return HttpServerResponse.setBody(
      response,
      HttpBody.stream(
        Stream.unwrapScoped(Effect.as(Effect.locallyScoped(currentState, state), stream)),
        body.contentType,
        body.contentLength
      )
    )
  },
  failed: (cause, { onFailure }) => {
    if (onFailure === undefined) return Effect.void
    const failure = failureIn(cause)
    // An interruption alone is a client that has gone, or a server that ends.
    if (Cause.isInterruptedOnly(failure)) return Effect.void
    const capture = onFailure(failure)
    let isDecided = false
    const report = (status: number): Effect.Effect<void> => {
      if (isDecided) return Effect.void
      isDecided = true
      return status < 500 ? Effect.void : capture(status)
    }
    // A middleware of `serve` comes after the response.
    const sent = Chunk.findFirst(Cause.defects(cause), HttpServerResponse.isServerResponse)
    return Option.isSome(sent) ? report(sent.value.status) : Effect.zipRight(
      atEnd((exit) => Exit.isFailure(exit) ? report(serverError) : Effect.void),
      HttpApp.appendPreResponseHandler((_, response) => Effect.as(report(response.status), response))
    )
  },
  // It cannot be interrupted outside of the handler, and answers 499.
  interrupted: undefined
}

/** Status of a request whose client has gone, as servers log it. */
const clientGone = 499

/** Where a function of the Fetch API answers, and whoever calls it decides what becomes of a failure. */
export const webServer: Server<Response> = {
  begin: () => Effect.void,
  succeeded: (response, { onEnd }) => onEnd!(response.status),
  // Its body brings its own runtime.
  sustain: (response) => response,
  failed: (cause, { onEnd, onFailure }) => {
    const failure = withoutResponses(cause)
    const captured = onFailure === undefined || Cause.isInterruptedOnly(failure)
      ? Effect.void
      : onFailure(failure)(undefined)
    return onEnd === undefined || Cause.isInterruptedOnly(cause)
      ? captured
      : Effect.zipRight(captured, onEnd(undefined))
  },
  interrupted: ({ onEnd }) => onEnd!(clientGone)
}
