/**
 * What tests ask of Effect that its majors answer in different forms. `effect-4/test/support/effect.ts` is this file for
 * Effect 4; tests say by `major` what is otherwise there.
 */
import { type PlatformError, SystemError } from "@effect/platform/Error"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpServerError from "@effect/platform/HttpServerError"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"

import * as ConfigError from "effect/ConfigError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as List from "effect/List"
import * as Logger from "effect/Logger"
import * as MutableList from "effect/MutableList"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as SortedMap from "effect/SortedMap"
import * as SortedSet from "effect/SortedSet"
import * as Tracer from "effect/Tracer"
import { nativeTracer } from "../../src/internal/effect/fiber.js"

/** The major version of Effect. */
export const major = 3 as 3 | 4

/** Whether the undici that Effect has loads on this Node: that of Effect 4 does not on the oldest that is supported. */
export const undiciLoads = true

/** A reference of fibers with its first value. */
export const makeReference = <A>(_name: string, initial: A): FiberRef.FiberRef<A> => FiberRef.unsafeMake(initial)

/** The value of a reference here. */
export const getReference = FiberRef.get

/** Runs an effect with another value of a reference. */
export const locally =
  <A>(reference: FiberRef.FiberRef<A>, value: A) => <B, E, R>(self: Effect.Effect<B, E, R>): Effect.Effect<B, E, R> =>
    Effect.locally(self, reference, value)

/** Whether a fiber has not ended. */
export const isRunning = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => fiber.unsafePoll() === null

/** A Cause with both, which were thrown at the same time. */
export const parallel: <E, E2>(left: Cause.Cause<E>, right: Cause.Cause<E2>) => Cause.Cause<E | E2> = Cause.parallel

/** A Cause of all of these, each of which was thrown after the one before. */
export const inSequence = (causes: ReadonlyArray<Cause.Cause<unknown>>): Cause.Cause<unknown> =>
  causes.reduce(Cause.sequential, Cause.empty)

/** A Cause of an interruption. */
export const interruption: Cause.Cause<never> = Cause.interrupt(FiberId.none)

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
  millis: () => clock.unsafeCurrentTimeMillis(),
  nanos: () => clock.unsafeCurrentTimeNanos(),
  sleep: (duration) => clock.sleep(duration)
})

/** A clock that tells this time. */
export const makeClock = ({ millis, nanos, sleep }: Time): Clock.Clock => ({
  [Clock.ClockTypeId]: Clock.ClockTypeId,
  unsafeCurrentTimeMillis: millis,
  unsafeCurrentTimeNanos: nanos,
  currentTimeMillis: Effect.sync(millis),
  currentTimeNanos: Effect.sync(nanos),
  sleep
})

/** Runs an effect on another clock. */
export const withClock: (clock: Clock.Clock) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.withClock

/** Runs an effect with random numbers that are the same each time. */
export const withSeed = (seed: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =>
  Effect.withRandom(Random.make(seed))

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
    span: (name, parent, context, links, startTime, kind, options) =>
      make({
        name,
        parent,
        kind,
        usual: () => nativeTracer.span(name, parent, context, links, startTime, kind, options)
      }),
    context: (f) => f()
  })

/** Chooses a tracer. */
export const layerTracer: (tracer: Tracer.Tracer) => Layer.Layer<never> = Layer.setTracer

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
  Logger.make(({ annotations, cause, logLevel, message }) => {
    const parts = Array.isArray(message) ? message as ReadonlyArray<unknown> : [message]
    log({
      level: logLevel._tag,
      parts,
      text: parts.join(" "),
      annotations: Object.fromEntries(annotations),
      cause
    })
  })

/** Puts a logger in the place of that which writes to the console. */
export const layerLogger = (log: (entry: Entry) => void): Layer.Layer<never> =>
  Logger.replace(Logger.defaultLogger, makeLogger(log))

/** What a client fails with that has no connection. */
export const transportError = (
  request: HttpClientRequest.HttpClientRequest,
  cause?: unknown
): HttpClientError.HttpClientError => new HttpClientError.RequestError({ request, reason: "Transport", cause })

/** An endpoint of an API that answers with a text. */
export const textEndpoint = <const Name extends string>(name: Name, path: `/${string}`) =>
  HttpApiEndpoint.get(name, path).addSuccess(Schema.String)

/** Data that Effect 4 has no more, with what it is as JSON. */
export const dataOf3 = (): ReadonlyArray<readonly [data: unknown, json: unknown]> => [
  [List.make(1, 2), [1, 2]],
  [List.empty(), []],
  [SortedMap.make(Order.string)(["b", 2], ["a", 1]), { a: 1, b: 2 }],
  [SortedSet.make(Order.number)(2, 1), [1, 2]],
  [MutableList.make(1, 2), [1, 2]],
  [Data.struct({ a: 1 }), { a: 1 }]
]

/** What was thrown elsewhere and came as JSON. */
export const defectOf: (json: unknown) => unknown = Schema.decodeUnknownSync(Schema.Defect)

/** What a client fails with that is answered with another status than it wants. */
export const statusError = (response: HttpClientResponse.HttpClientResponse): HttpClientError.HttpClientError =>
  new HttpClientError.ResponseError({ request: response.request, response, reason: "StatusCode" })

/** What an HTTP server fails with that cannot read a request. */
export const requestError = (request: HttpServerRequest.HttpServerRequest): HttpServerError.RequestError =>
  new HttpServerError.RequestError({ request, reason: "Decode" })

/** What an HTTP server fails with that cannot write a response. */
export const responseError = (request: HttpServerRequest.HttpServerRequest): HttpServerError.ResponseError =>
  new HttpServerError.ResponseError({ request, response: HttpServerResponse.empty(), reason: "Decode" })

/** An error as it was thrown: a span around it wraps it. */
export const originalError: <E>(error: E) => E = Cause.originalError

/** What claims to be a Cause, and is none. */
export const brokenCause: unknown = { [Cause.CauseTypeId]: {}, _tag: "Sequential", left: null }

/** The loggers of a fiber. */
export const currentLoggers = FiberRef.currentLoggers

/** Whether a variable was missing or wrong. */
export const isConfigError: (error: unknown) => boolean = ConfigError.isConfigError

/** A schema whose own function throws. */
export const throwingSchema = (thrown: unknown): Schema.Schema<string, unknown> =>
  Schema.transform(Schema.Unknown, Schema.String, {
    decode: () => {
      throw thrown
    },
    encode: (text) => text
  })

/** Takes all that is left of a stream. */
export const toEnd = <A, E, R>(pull: Effect.Effect<A, Option.Option<E>, R>): Effect.Effect<void, Option.Option<E>, R> =>
  Effect.catchIf(Effect.forever(pull), Option.isNone, () => Effect.void)

/** What a file system fails with that lets nobody in. */
export const notPermitted = (): PlatformError =>
  new SystemError({ module: "FileSystem", method: "open", reason: "PermissionDenied" })

/** What a `KeyValueStore` answers for a key that it does not have. */
export const noValue = Effect.succeedNone
