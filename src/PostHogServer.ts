/**
 * A PostHog on this machine, for tests and for development: it speaks PostHog's protocol to any SDK, keeps what
 * arrives, says why it refused something, answers feature flags, and misbehaves on request. Only for Node.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog } from "effect-posthog"
 * import * as PostHogServer from "effect-posthog/PostHogServer"
 *
 * const test = Effect.gen(function*() {
 *   yield* PostHog.capture("order completed", { total: 42 }, { distinctId: "ada" })
 *   const [event] = yield* PostHogServer.waitFor("order completed")
 *   console.assert(event?.properties.total === 42)
 * })
 *
 * Effect.runPromise(test.pipe(Effect.provide(PostHogServer.layerTest())))
 * ```
 *
 * Unlike `PostHogTest`, which keeps events in the instance itself, this has the network in between: what is tested is
 * what leaves the process. Waiting takes real time, also under `TestClock`, because the server is outside of the
 * program.
 *
 * It is no part of the index, so that no program gets a server with the library: import it from its own path.
 *
 * Long because of documentation: a server, its accessors, and its faults.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Entry } from "./core/exceptions/list.js"
import { read } from "./core/guard.js"
import { messageOf } from "./core/thrown.js"
import { Feed } from "./internal/feed.js"
import { compose, present } from "./internal/liveLayers.js"
import { report } from "./internal/localReport.js"
import { control } from "./local/control.js"
import type { Plan } from "./local/faults.js"
import type { LocalServer } from "./local/local.js"
import type { Evaluation, Fault, Happening, ReceivedEvent, ReceivedRequest, Target } from "./local/model.js"
import type { Report } from "./local/reports.js"
import { makeServer } from "./local/server.js"
import type { Options as LocalOptions } from "./local/settings.js"
import { isAccepted, waitFor as wait } from "./local/wait.js"
import { quoted } from "./local/words.js"
import * as PostHog from "./PostHog.js"
import type * as PostHogConfig from "./PostHogConfig.js"
import type { ConfigurationError } from "./PostHogError.js"
import type { FlagOverride } from "./PostHogTest.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Evaluation,
  /**
   * @since 0.1.0
   * @category models
   */
  Fault,
  /**
   * @since 0.1.0
   * @category models
   */
  Happening,
  /**
   * @since 0.1.0
   * @category models
   */
  ReceivedEvent,
  /**
   * @since 0.1.0
   * @category models
   */
  ReceivedRequest,
  /**
   * @since 0.1.0
   * @category models
   */
  Target
} from "./local/model.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Report
} from "./local/reports.js"

export {
  /**
   * @since 0.1.0
   * @category constructors
   */
  override
} from "./PostHogTest.js"

/**
 * The server cannot do what it was told. `reason` says which mistake it is:
 *
 * - `production`: `NODE_ENV` is `production`, and `allowProduction` was not said
 * - `port_in_use`: something else listens on the port
 * - `listen`: the address cannot be listened on
 * - `invalid_option`: an option is out of its range
 * - `invalid_definitions`: what was given as flag definitions is none
 *
 * @since 0.1.0
 * @category errors
 */
export class PostHogServerError extends Data.TaggedError("PostHogServerError")<{
  readonly reason: "production" | "port_in_use" | "listen" | "invalid_option" | "invalid_definitions"
  /** What is wrong and what to do. */
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * The events that were waited for have not come in time. The message says what came instead, and what was refused and
 * why.
 *
 * @since 0.1.0
 * @category errors
 */
export class WaitTimeout extends Data.TaggedError("WaitTimeout")<{
  /** Those that did come of what was waited for. */
  readonly events: ReadonlyArray<ReceivedEvent>
  readonly message: string
}> {}

/**
 * Where a server is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Where clients send to: the option `host` of an instance, `api_host` of PostHog's own SDKs. */
  readonly url: string
  /** Where a browser can look at it; `undefined`: it has no page. */
  readonly pageUrl: string | undefined
  /** For the functions of this module. */
  readonly [TypeId]: Server
}

/**
 * Identifies a server.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId = "~effect-posthog/PostHogServer"

/** What this module knows of a server. */
interface Server {
  readonly server: LocalServer
  readonly local: LocalServer["local"]
  readonly feed: Feed<Happening>
}

/**
 * A PostHog on this machine.
 *
 * @since 0.1.0
 * @category tags
 */
export class PostHogServer extends Context.Tag("effect-posthog/PostHogServer")<PostHogServer, Service>() {}

/**
 * Options of a server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<LocalOptions, "port" | "controlPort" | "assetsFrom"> {
  /** Where clients send to; 0: a port that is free. Default 0. */
  readonly port?: number | undefined
  /** Whether it has a page and an API to control it: on a port that is free, or on this one. Default `false`. */
  readonly page?: boolean | number | undefined
  /**
   * What feature flags are from the start, for everybody or one person; see {@link setFlags}. Default: there are
   * none.
   */
  readonly flags?: ReadonlyArray<FlagOverride & { readonly distinctId?: string | undefined }> | undefined
  /** Definitions of feature flags from the start, see {@link setDefinitions}. Default: there are none. */
  readonly definitions?: unknown
}

const reasons: Readonly<Record<string, PostHogServerError["reason"]>> = {
  options: "invalid_option",
  production: "production",
  "port in use": "port_in_use",
  listen: "listen"
}

const startError = (thrown: unknown): PostHogServerError =>
  new PostHogServerError({
    reason: reasons[String(read(thrown, "reason"))] ?? "listen",
    message: messageOf(thrown),
    cause: thrown
  })

const setDefinitionsOf = ({ local }: LocalServer, document: unknown): Effect.Effect<void, PostHogServerError> =>
  Effect.suspend(() => {
    const problem = local.flags.setDefinitions(document)
    return problem === undefined
      ? Effect.void
      : new PostHogServerError({ reason: "invalid_definitions", message: problem })
  })

/** So many happenings may who reads {@link stream} fall behind. */
const capacity = 10_000

/**
 * Starts a server; closing the scope ends it, together with connections that clients keep open.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Service, PostHogServerError, Scope.Scope> {
  const { definitions, flags, page = false, port = 0, ...rest } = options
  const controlPort = page === true ? 0 : page
  const start = Effect.tryPromise({
    try: () => makeServer({ ...present(rest), port, controlPort }, { control }),
    catch: startError
  })
  const close = (server: LocalServer): Effect.Effect<void> => Effect.promise(() => server.close())
  const server = yield* Effect.acquireRelease(
    definitions === undefined
      ? start
      // Nothing stays open for as long as the scope lives of a server that nobody got.
      : Effect.tap(start, (server) => Effect.tapError(setDefinitionsOf(server, definitions), () => close(server))),
    close
  )
  if (flags !== undefined) server.local.flags.setOverrides(flags)
  const feed = new Feed<Happening>(capacity)
  const unsubscribe = server.local.store.subscribe((happening) => feed.publish(happening))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      unsubscribe()
      feed.end()
    })
  )
  return {
    url: server.url,
    pageUrl: server.controlUrl === undefined ? undefined : `${server.controlUrl}/#token=${server.token}`,
    [TypeId]: { server, local: server.local, feed }
  }
})

/**
 * A server on a port that is free, and without a page, unless the options say so.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<PostHogServer, PostHogServerError> =>
  Layer.scoped(PostHogServer, make(options))

/** What is no secret, and looks like the key of a project. */
const localKey = "phc_local"

/**
 * The default instance, sending to the server of the surroundings: what `PostHogLive.with` is, but that every event is
 * sent at once (`flushAt: 1`), so that no test waits for a timer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClient = (
  options: PostHogConfig.LiveOptions = {}
): Layer.Layer<PostHog.PostHog, ConfigurationError, PostHogServer | HttpClient.HttpClient> => {
  const { errorTracking = true, localEvaluation, ...rest } = options
  return Layer.unwrapEffect(Effect.map(PostHogServer, ({ url }) =>
    compose(
      PostHog.PostHog,
      PostHog.layer({
        apiKey: localKey,
        host: url,
        flushAt: 1,
        ...present(rest),
        errorTracking: errorTracking !== false
      }),
      {
        logger: errorTracking === false ? undefined : errorTracking === true ? {} : errorTracking,
        localEvaluation: localEvaluation === false
          ? undefined
          : typeof localEvaluation === "object"
          ? localEvaluation
          : localEvaluation === true || rest.secretKey !== undefined
          ? {}
          : undefined
      }
    )))
}

/**
 * A server, and the default instance that sends there, over `fetch`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTest = (
  options: Options & {
    /** Options of the instance, see {@link layerClient}. */
    readonly client?: PostHogConfig.LiveOptions | undefined
  } = {}
): Layer.Layer<PostHogServer | PostHog.PostHog, PostHogServerError | ConfigurationError> => {
  const { client, ...server } = options
  return layerClient(client).pipe(Layer.provide(FetchHttpClient.layer), Layer.provideMerge(layer(server)))
}

/**
 * Tells the server what the instance says of its events (`PostHog.stats`, and names of events that were dropped), if
 * that is on this machine: `accepted = delivered + queued + dropped`, beside what the server has seen. Without effect
 * where the instance sends elsewhere.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerReport: Layer.Layer<never, never, PostHog.PostHog> = /* #__PURE__ */ Layer.scopedDiscard(
  /* #__PURE__ */ Effect.flatMap(PostHog.PostHog, report)
)

const ask = <A>(f: (server: Server) => A): Effect.Effect<A, never, PostHogServer> =>
  Effect.map(PostHogServer, (service) => f(service[TypeId]))

/**
 * Where clients send to.
 *
 * @since 0.1.0
 * @category accessors
 */
export const url: Effect.Effect<string, never, PostHogServer> = /* #__PURE__ */ Effect.map(
  PostHogServer,
  ({ url }) => url
)

/**
 * Where a browser can look at it; `undefined`: it has no page.
 *
 * @since 0.1.0
 * @category accessors
 */
export const pageUrl: Effect.Effect<string | undefined, never, PostHogServer> = /* #__PURE__ */ Effect.map(
  PostHogServer,
  ({ pageUrl }) => pageUrl
)

/**
 * The events that were accepted so far, in the order in which they came. One that came twice is there once.
 *
 * @since 0.1.0
 * @category accessors
 */
export const events: Effect.Effect<ReadonlyArray<ReceivedEvent>, never, PostHogServer> = /* #__PURE__ */ ask((server) =>
  server.local.store.events.filter(isAccepted)
)

/**
 * The events that were refused so far, each with its reason: those that PostHog finds invalid, and those that came with
 * one that it does.
 *
 * @since 0.1.0
 * @category accessors
 */
export const refused: Effect.Effect<ReadonlyArray<ReceivedEvent>, never, PostHogServer> = /* #__PURE__ */ ask((
  server
) => server.local.store.events.filter((event) => !isAccepted(event)))

/**
 * The requests so far, answered or not.
 *
 * @since 0.1.0
 * @category accessors
 */
export const requests: Effect.Effect<ReadonlyArray<ReceivedRequest>, never, PostHogServer> = /* #__PURE__ */ ask((
  server
) => server.local.store.requests)

/**
 * The evaluations of feature flags so far: those that were asked for, and those of clients which evaluate themselves
 * and tell of it.
 *
 * @since 0.1.0
 * @category accessors
 */
export const evaluations: Effect.Effect<ReadonlyArray<Evaluation>, never, PostHogServer> = /* #__PURE__ */ ask((
  server
) => server.local.store.evaluations)

/**
 * An exception as it arrived: the outermost entry in front, and all entries behind it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReceivedException {
  readonly type: string
  readonly value: string
  readonly level: string
  readonly handled: boolean | undefined
  readonly list: ReadonlyArray<Entry>
  readonly event: ReceivedEvent
}

/**
 * The exceptions that were accepted so far, in the order in which they came.
 *
 * @since 0.1.0
 * @category accessors
 */
export const exceptions: Effect.Effect<ReadonlyArray<ReceivedException>, never, PostHogServer> = /* #__PURE__ */ Effect
  .map(events, (events) =>
    events.filter(({ event }) => event === "$exception").map((event) => {
      const { $exception_level: level = "error", $exception_list: given } = event.properties
      const list: ReadonlyArray<Entry> = Array.isArray(given) ? given : []
      const [outermost] = list
      return {
        type: String(outermost?.type ?? ""),
        value: String(outermost?.value ?? ""),
        level: String(level),
        handled: outermost?.mechanism?.handled,
        list,
        event
      }
    }))

/**
 * What instances have said of themselves, see {@link layerReport}: the last report of each.
 *
 * @since 0.1.0
 * @category accessors
 */
export const reports: Effect.Effect<ReadonlyArray<Report>, never, PostHogServer> = /* #__PURE__ */ ask((server) =>
  server.local.reports.all()
)

/**
 * Everything that happens from now on: events, requests, evaluations of flags, hints. Who falls 10,000 behind misses
 * the oldest.
 *
 * @since 0.1.0
 * @category accessors
 */
export const stream: Stream.Stream<Happening, never, PostHogServer> = /* #__PURE__ */ Stream.unwrap(
  /* #__PURE__ */ ask((server) => server.feed.stream())
)

/**
 * Waits until an event of that name, or one that satisfies the predicate, has been accepted, and gives all such events.
 * Events that came before count. Takes real time, also under `TestClock`; the error says what came instead, and what
 * was refused and why.
 *
 * @since 0.1.0
 * @category accessors
 */
export const waitFor = (
  event: string | ((event: ReceivedEvent) => boolean),
  options: {
    /** How many such events to wait for. Default 1. */
    readonly count?: number | undefined
    /** How long to wait. Default 5 seconds. */
    readonly within?: Duration.DurationInput | undefined
  } = {}
): Effect.Effect<ReadonlyArray<ReceivedEvent>, WaitTimeout, PostHogServer> =>
  Effect.flatMap(PostHogServer, (service) =>
    Effect.async<ReadonlyArray<ReceivedEvent>, WaitTimeout>((resume) => {
      const { count = 1, within = "5 seconds" } = options
      let hasThrown = false
      let cancel: (() => void) | undefined
      const matches = (received: ReceivedEvent): boolean => {
        if (typeof event === "string") return received.event === event
        try {
          return !hasThrown && event(received)
        } catch (thrown) {
          hasThrown = true
          // Not there yet where an event that came before was looked at.
          cancel?.()
          resume(Effect.die(thrown))
          return false
        }
      }
      cancel = wait(service[TypeId].local.store, {
        name: typeof event === "string" ? event : undefined,
        what: typeof event === "string" ? quoted(event) : "that satisfies the predicate",
        matches,
        count,
        withinMillis: Duration.toMillis(within)
      }, (waited) =>
        resume(
          waited.isThere ? Effect.succeed(waited.events) : Effect.fail(
            new WaitTimeout({ events: waited.events, message: waited.message })
          )
        ))
      if (hasThrown) cancel()
      return Effect.sync(cancel)
    }))

/**
 * Says what feature flags are from now on, in place of what was said before. It wins over definitions, and reaches
 * clients that evaluate flags themselves with their next poll.
 *
 * @since 0.1.0
 * @category accessors
 */
export const setFlags = (
  flags: ReadonlyArray<FlagOverride>,
  options: {
    /** For this person alone. Default: for everybody. */
    readonly distinctId?: string | undefined
  } = {}
): Effect.Effect<void, never, PostHogServer> =>
  ask(({ local }) => {
    const { distinctId } = options
    const others = local.flags.overrides().filter((override) => override.distinctId !== distinctId)
    local.flags.setOverrides([...others, ...flags.map((flag) => ({ ...flag, distinctId }))])
  })

/**
 * Gives the server the definitions of all feature flags, as PostHog gives them to clients that evaluate flags
 * themselves. It evaluates them for all others.
 *
 * @since 0.1.0
 * @category accessors
 */
export const setDefinitions = (document: unknown): Effect.Effect<void, PostHogServerError, PostHogServer> =>
  Effect.flatMap(PostHogServer, (service) => setDefinitionsOf(service[TypeId].server, document))

/**
 * Forgets what came so far: events, requests, evaluations, people, reports. Flags and faults stay as they are.
 *
 * @since 0.1.0
 * @category accessors
 */
export const clear: Effect.Effect<void, never, PostHogServer> = /* #__PURE__ */ ask(({ local }) => {
  local.people.clear()
  local.reports.clear()
  local.store.clear()
})

/**
 * Which requests a fault hits.
 *
 * @since 0.1.0
 * @category models
 */
export interface FaultOptions {
  /** What the requests are about. Default `"everything"`. */
  readonly on?: Target | "everything" | undefined
  /** How many requests it hits. Default: all, until it ends. */
  readonly times?: number | undefined
  /** The share of requests that it hits, from 0 to 1. Default 1. */
  readonly share?: number | undefined
}

const planOf = (fault: Fault, { on, share, times }: FaultOptions): Plan => ({ fault, on, share, times })

/**
 * Lets requests go wrong from now on, until the effect that it gives has run.
 *
 * @since 0.1.0
 * @category faults
 */
export const fail = (
  fault: Fault,
  options: FaultOptions = {}
): Effect.Effect<Effect.Effect<void>, never, PostHogServer> =>
  ask(({ server }) => {
    const { stop } = server.faults.start(planOf(fault, options))
    return Effect.promise(stop)
  })

/**
 * Lets requests go wrong while an effect runs; with `times`, until so many have, which may be after the effect:
 * `capture` returns before anything is sent.
 *
 * @since 0.1.0
 * @category faults
 */
export const failing: {
  /**
   * Lets requests go wrong while an effect runs; with `times`, until so many have, which may be after the effect:
   * `capture` returns before anything is sent.
   *
   * @since 0.1.0
   * @category faults
   */
  (
    fault: Fault,
    options?: FaultOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | PostHogServer>
  /**
   * Lets requests go wrong while an effect runs; with `times`, until so many have, which may be after the effect:
   * `capture` returns before anything is sent.
   *
   * @since 0.1.0
   * @category faults
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, fault: Fault, options?: FaultOptions): Effect.Effect<A, E, R | PostHogServer>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    fault: Fault,
    options?: FaultOptions
  ): Effect.Effect<A, E, R | PostHogServer> =>
    Effect.acquireUseRelease(
      fail(fault, options),
      () => self,
      // Whoever refuses connections counts no requests, and would for ever.
      (stop) => options?.times === undefined || fault.kind === "refuse" ? stop : Effect.void
    )
)

const secondsOf = (duration: Duration.DurationInput): string => String(Math.ceil(Duration.toSeconds(duration)))

/**
 * Answers with a status, without a look at the request.
 *
 * @since 0.1.0
 * @category faults
 */
export const status = (
  status: number,
  options: {
    /** What clients are told to wait. Default: nothing is said. */
    readonly retryAfter?: Duration.DurationInput | undefined
    readonly headers?: { readonly [name: string]: string } | undefined
    readonly body?: string | undefined
  } = {}
): Fault => ({
  kind: "status",
  status,
  headers: options.retryAfter === undefined
    ? options.headers
    : { ...options.headers, "retry-after": secondsOf(options.retryAfter) },
  body: options.body
})

/**
 * Answers late: well, or with another fault.
 *
 * @since 0.1.0
 * @category faults
 */
export const slow = (duration: Duration.DurationInput, next?: Fault): Fault => ({
  kind: "slow",
  millis: Duration.toMillis(duration),
  next
})

/**
 * Reads the request and never answers.
 *
 * @since 0.1.0
 * @category faults
 */
export const silent: Fault = { kind: "silent" }

/**
 * Closes the connection: before the request is read, or after what it brings was taken, which the client cannot know.
 *
 * @since 0.1.0
 * @category faults
 */
export const reset = (when: "before" | "after" = "before"): Fault => ({ kind: "reset", when })

/**
 * Refuses connections, as when PostHog is down; whatever the requests are about.
 *
 * @since 0.1.0
 * @category faults
 */
export const refuse: Fault = { kind: "refuse" }

/**
 * Sends half of an answer, then the connection ends; or, with `stays`, nothing more comes.
 *
 * @since 0.1.0
 * @category faults
 */
export const cut = (options: { readonly stays?: boolean | undefined } = {}): Fault => ({ kind: "cut", ...options })

/**
 * Answers 200, with what is no JSON.
 *
 * @since 0.1.0
 * @category faults
 */
export const garbage: Fault = { kind: "garbage" }

/**
 * Answers 200, and that the quota of these kinds (`events`, `feature_flags`, `recordings`) is used up. Default: of what
 * the request is about.
 *
 * @since 0.1.0
 * @category faults
 */
export const quota = (limited?: ReadonlyArray<string>): Fault => ({ kind: "quota", limited })

/**
 * With capture v1: every n-th event gets this result, and the others are taken.
 *
 * @since 0.1.0
 * @category faults
 */
export const partial = (
  result: "retry" | "drop" | "limited" | "warning",
  options: {
    /** Default 1: every event. */
    readonly every?: number | undefined
    /** PostHog's code, such as `billing_limit_exceeded`. */
    readonly details?: string | undefined
  } = {}
): Fault => ({ kind: "partial", result, ...options })
