/**
 * What tests ask of Effect that its majors answer in different forms: `test/support/effect.ts` for Effect 4.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerError from "effect/http/HttpServerError"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Tracer from "effect/Tracer"
import { nativeTracer } from "../../src/internal/effect/fiber.js"

/** The major version of Effect. */
export const major = 4 as 3 | 4

/** Whether the undici that Effect has loads on this Node: that of Effect 4 does not on the oldest that is supported. */
export const undiciLoads = Number.parseInt(process.versions.node) >= 22

/** A reference of fibers with its first value. */
export const makeReference = <A>(name: string, initial: A): Context.Reference<A> =>
  Context.Reference<A>(name, { defaultValue: () => initial })

/** The value of a reference here. */
export const getReference = <A>(reference: Context.Reference<A>): Effect.Effect<A> => Effect.service(reference)

/** Runs an effect with another value of a reference. */
export const locally =
  <A>(reference: Context.Reference<A>, value: A) => <B, E, R>(self: Effect.Effect<B, E, R>): Effect.Effect<B, E, R> =>
    Effect.provideService(self, reference, value)

/** Whether a fiber has not ended. */
export const isRunning = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.pollUnsafe() === undefined

/** A Cause with both: that they were thrown at the same time is not known. */
export const parallel: <E, E2>(left: Cause.Cause<E>, right: Cause.Cause<E2>) => Cause.Cause<E | E2> = Cause.combine

/** A Cause of all of these. `Cause.combine` compares each reason with all others, which takes a minute for 10,000. */
export const inSequence = (causes: ReadonlyArray<Cause.Cause<unknown>>): Cause.Cause<unknown> =>
  Cause.fromReasons(causes.flatMap(({ reasons }) => reasons))

/** A Cause of an interruption. */
export const interruption: Cause.Cause<never> = Cause.interrupt()

/** How a clock tells the time. */
export interface Time {
  /** What the time of day is, in milliseconds. */
  readonly millis: () => number
  /** What has passed, in nanoseconds, wherever it is counted from. */
  readonly nanos: () => bigint
  readonly sleep: (duration: Duration.Duration) => Effect.Effect<void>
}

/** The time of a clock. */
export const timeOf = (clock: Clock.Clock): Time => ({
  millis: () => clock.currentTimeMillisUnsafe(),
  nanos: () => clock.monotonicTimeNanosUnsafe(),
  sleep: (duration) => clock.sleep(duration)
})

/** A clock that tells this time. */
export const makeClock = ({ millis, nanos, sleep }: Time): Clock.Clock => {
  const ofDay = () => BigInt(Math.round(millis() * 1_000)) * 1_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeNanosUnsafe: ofDay,
    monotonicTimeNanosUnsafe: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(ofDay),
    monotonicTimeNanos: Effect.sync(nanos),
    sleep
  }
}

/** Runs an effect on another clock. */
export const withClock = (clock: Clock.Clock) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Clock.Clock, clock)

/** Runs an effect with random numbers that are the same each time. */
export const withSeed = (seed: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =>
  Random.withSeed(seed)

/** What is known of a span that begins. */
export interface Begun {
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly kind: Tracer.SpanKind
  /** Makes the span that Effect would make. */
  readonly usual: () => Tracer.Span
}

/** A tracer that makes its spans so. */
export const makeTracer = (make: (begun: Begun) => Tracer.Span): Tracer.Tracer =>
  Tracer.make({
    span: (options) =>
      make({
        name: options.name,
        parent: options.parent,
        kind: options.kind,
        usual: () => nativeTracer.span(options)
      })
  })

/** Chooses a tracer. */
export const layerTracer = (tracer: Tracer.Tracer): Layer.Layer<never> => Layer.succeed(Tracer.Tracer, tracer)

/** One call of `Effect.log`. */
export interface Entry {
  /** As Effect 3 writes it: `Warning`, for instance. */
  readonly level: string
  readonly parts: ReadonlyArray<unknown>
  /** The parts in one. */
  readonly text: string
  readonly annotations: Readonly<Record<string, unknown>>
  readonly cause: Cause.Cause<unknown>
}

/** A logger. */
export const makeLogger = (log: (entry: Entry) => void): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, fiber, logLevel, message }) => {
    const parts = Array.isArray(message) ? message as ReadonlyArray<unknown> : [message]
    log({
      level: logLevel === "Warn" ? "Warning" : logLevel,
      parts,
      text: parts.join(" "),
      annotations: fiber.getRef(References.CurrentLogAnnotations),
      cause
    })
  })

/** Puts a logger in the place of those of the program. */
export const layerLogger = (log: (entry: Entry) => void): Layer.Layer<never> => Logger.layer([makeLogger(log)])

/** What a client fails with that has no connection. */
export const transportError = (
  request: HttpClientRequest.HttpClientRequest,
  cause?: unknown
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })

/** An endpoint of an API that answers with a text. */
export const textEndpoint = <const Name extends string>(name: Name, path: `/${string}`) =>
  HttpApiEndpoint.get(name, path, { success: Schema.String })

/** Data that Effect 4 has no more: here is none. */
export const dataOf3 = (): ReadonlyArray<readonly [data: unknown, json: unknown]> => []

/** What was thrown elsewhere and came as JSON. */
export const defectOf: (json: unknown) => unknown = Schema.decodeUnknownSync(Schema.Defect())

/** What a client fails with that is answered with another status than it wants. */
export const statusError = (response: HttpClientResponse.HttpClientResponse): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.StatusCodeError({ request: response.request, response })
  })

/** What an HTTP server fails with that cannot read a request. */
export const requestError = (request: HttpServerRequest.HttpServerRequest): HttpServerError.HttpServerError =>
  new HttpServerError.HttpServerError({ reason: new HttpServerError.RequestParseError({ request }) })

/** What an HTTP server fails with that cannot write a response. */
export const responseError = (request: HttpServerRequest.HttpServerRequest): HttpServerError.HttpServerError =>
  new HttpServerError.HttpServerError({
    reason: new HttpServerError.ResponseError({ request, response: HttpServerResponse.empty() })
  })

/** An error as it was thrown: nothing wraps it. */
export const originalError = <E>(error: E): E => error

/** What claims to be a Cause, and is none. */
export const brokenCause: unknown = { "~effect/Cause": {}, reasons: [null] }

/** The loggers of a fiber. */
export const currentLoggers = Logger.CurrentLoggers

/** Whether a variable was missing or wrong. */
export const isConfigError = (error: unknown): boolean => error instanceof Config.ConfigError

/** A schema whose own function throws. */
export const throwingSchema = (thrown: unknown): Schema.Codec<string, unknown> =>
  Schema.Unknown.pipe(
    Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.transform(() => {
        throw thrown
      }),
      encode: SchemaGetter.transform((text) => text)
    })
  )

/** Takes all that is left of a stream. */
export const toEnd = <A, E, Done, R>(pull: Pull.Pull<A, E, Done, R>): Effect.Effect<void, E, R> =>
  Pull.catchDone(Effect.forever(pull), () => Effect.void)

/** What a file system fails with that lets nobody in. */
export const notPermitted = (): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method: "open" })

/** What a `KeyValueStore` answers for a key that it does not have. */
export const noValue = Effect.undefined
