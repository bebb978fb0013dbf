/**
 * A request as the context of what is captured while it is handled: what it says about itself, entering it, and leaving
 * it.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { isIdentifier, merge, type Properties } from "../../core/event/layers.js"
import { readRequest, type RequestFacts } from "../../core/http/incoming.js"
import { PostHog } from "../../PostHog.js"
import { currentPlace, enterRequest, type Place, type State } from "../context.js"
import { type AllValues, type CurrentContext, type Region, showRequest } from "../contextValues.js"
import { type Fiber, referenceAt, serviceOf, setReference, spanAt, withFiber } from "../effect/fiber.js"
import { routeOf } from "../effect/route.js"
import { claim } from "../exceptions/tracker.js"
import { instanceOf } from "../instance.js"
import { captureEnd, captureError, elapsedOf } from "./report.js"
import type { Settings } from "./requestOptions.js"

/** What is to be done about a request besides handling it. */
export interface Observer {
  /**
   * Called when the handler has failed. Gives what to do once it is known that this is an exception; until then nobody
   * else reports it, such as a logger on the way out, which knows nothing of the request. `undefined`: nothing is to be
   * done.
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
  /** A response, with what of it is made after the handler in the context of the request. */
  readonly sustain: (response: A, place: Place, observer: Observer) => A
  readonly failed: (cause: Cause.Cause<unknown>, observer: Observer) => Effect.Effect<void>
  /** When the handler's fiber was interrupted, where nothing else tells that the request has ended. */
  readonly interrupted: ((observer: Observer) => Effect.Effect<void>) | undefined
}

/**
 * The region of a request, in which the route is looked up for each event: something around the router may capture
 * before it is found. Once it is found it stays, also for what the request has started and left behind.
 */
const regionOf = (source: unknown, fiber: Fiber): Region => {
  const span = spanAt(fiber)
  let found: { readonly "http.route": string } | undefined
  const lookUp = () => {
    const route = routeOf(fiber, span)
    if (route !== undefined && route !== found?.["http.route"]) found = { "http.route": route }
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
): CurrentContext => {
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

/** Handles a request in its context. */
export const within = <A, E, R, Request, R2>(
  handler: Effect.Effect<A, E, R>,
  request: Request,
  source: unknown,
  facts: RequestFacts,
  settings: Settings<Request, R2>,
  server: Server<A>
): Effect.Effect<A, E, R | R2 | PostHog> =>
  withFiber<A, E, R | R2 | PostHog>((fiber) => {
    const service = serviceOf(fiber, PostHog)
    const region = regionOf(source, fiber)
    const { captureErrors, distinctId, eventOf } = settings
    const outside = referenceAt(fiber, currentPlace)
    /** What is captured afterwards, or outside of the handler's fiber, is about the same request. */
    let place: Place | undefined
    const latest = (): State | undefined => place?.state
    const leave = setReference(currentPlace, outside)

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

    // Cheaper than `Effect.locally`, and the fiber belongs to the request anyhow: where it is interrupted nothing comes
    // after it.
    const run = (known: string | undefined): Effect.Effect<A, E, R> => {
      const entered = enterRequest(fiber, region, (under) => {
        const values = requestValues(request, facts, settings, known, region)
        return known === undefined && under.hasDistinctId ? { ...values, distinctId: undefined } : values
      })
      place = entered
      const handled = Effect.matchCauseEffect(
        Effect.zipRight(setReference(currentPlace, entered), handler),
        {
          onSuccess: (response): Effect.Effect<A, E> => {
            region.lookUp?.()
            const sustained = server.sustain(response, entered, observer)
            return Effect.zipRight(
              leave,
              observer.onEnd === undefined
                ? Effect.succeed(sustained)
                : Effect.as(server.succeeded(sustained, observer), sustained)
            )
          },
          onFailure: (cause): Effect.Effect<A, E> => {
            region.lookUp?.()
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
