/**
 * Puts an instance together: live, disabled, or in memory for tests.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PropertiesInput } from "../core/event/layers.js"
import { makeUuidV7 } from "../core/event/uuid.js"
import type * as PostHogConfig from "../PostHogConfig.js"
import { ConfigurationError, type DeliveryError } from "../PostHogError.js"
import * as Capture from "./capture.js"
import { snapshot } from "./context.js"
import type { DeclaredEvent, Judge } from "./declarations.js"
import * as Analytics from "./delivery/analytics.js"
import { Books, reporter } from "./delivery/books.js"
import { DurableOutbox, TypeId as StoreId } from "./delivery/durable/store.js"
import { Gate } from "./delivery/gate.js"
import * as Outbox from "./delivery/outbox.js"
import * as Diagnostics from "./diagnostics.js"
import { type Origin, withFiber } from "./effect/fiber.js"
import * as Http from "./http/client.js"
import { type Instance, type Service, TypeId } from "./instance.js"
import { resolve, type Resolved } from "./options.js"
import { unrun } from "./unrun.js"

/** An instance that sends over the network, or one that does nothing when the options say so. */
export const make = Effect.fnUntraced(function*(
  input: PostHogConfig.Options,
  key: string,
  client: HttpClient.HttpClient
): Effect.fn.Return<Service, ConfigurationError, Scope.Scope> {
  const options = yield* resolve(input)
  const { apiKey } = options
  if (apiKey === undefined) return yield* makeDisabled(options.disabled ?? "no_api_key", key)
  const http = yield* Http.make(options, client)
  const newUuid = makeUuidV7((bytes) => crypto.getRandomValues(bytes))
  const durable = Option.getOrUndefined(yield* Effect.serviceOption(DurableOutbox))
  return yield* makeWith(
    options,
    key,
    http,
    newUuid,
    (gate, books, diagnostics): Effect.Effect<Outbox.Outbox, ConfigurationError, Scope.Scope> => {
      const route = Analytics.route(options, http, newUuid, diagnostics)
      return durable === undefined
        ? Outbox.make(options, route, gate, books, diagnostics)
        : Effect.mapError(
          durable[StoreId].open({ options, apiKey: Redacted.value(apiKey), gate, books, diagnostics, route }),
          ({ message }) => new ConfigurationError({ reason: "outbox_storage", option: "DurableOutbox", message })
        )
    }
  )
})

/** The last part of a tag's key: what metrics and logs call the instance. */
const instanceName = (key: string): string => key.slice(key.lastIndexOf("/") + 1)

const origin: Effect.Effect<Origin> = /* #__PURE__ */ withFiber((fiber) => Effect.succeed(snapshot(fiber)))

/** An instance around an outbox. */
export const makeWith = Effect.fnUntraced(function*<E>(
  options: Resolved,
  key: string,
  http: Http.Http | undefined,
  newUuid: (millis: number) => string,
  makeOutbox: (
    gate: Gate,
    books: Books,
    diagnostics: Diagnostics.Diagnostics
  ) => Effect.Effect<Outbox.Outbox, E, Scope.Scope>,
  judge?: Judge
): Effect.fn.Return<Service, E, Scope.Scope> {
  const name = instanceName(key)
  const diagnostics = yield* Diagnostics.make(name, options.debug, options.host)
  const gate = new Gate(options.optedOut)
  const books = new Books(name, [reporter(diagnostics)])
  // Registered first, so that what happens while the outbox drains is still told.
  yield* Effect.addFinalizer(() => Effect.sync(() => diagnostics.close(books.snapshot().dropped)))
  const outbox = yield* makeOutbox(gate, books, diagnostics)
  const { globalOptions, globalProperties } = options
  const owner = { key, globalProperties, globalOptions }
  const door = Capture.make(options, owner, outbox, newUuid, gate, books, diagnostics, judge)
  const instance: Instance = {
    door,
    active: { options, owner, diagnostics, newUuid, http, origin: yield* origin },
    state: () => gate.phase,
    letters: outbox.letters,
    slots: new Map(),
    closing: new Set()
  }
  // Registered after the outbox, and so before it closes.
  yield* Effect.addFinalizer(() => Effect.sync(() => instance.closing.forEach((close) => close())))
  return makeService({
    [TypeId]: instance,
    flush: outbox.flush,
    stats: Effect.sync(() => books.snapshot()),
    diagnostics: diagnostics.stream,
    optOut: Effect.sync(() => outbox.optOut()),
    optIn: Effect.sync(() => outbox.optIn()),
    isOptedOut: unrun(Effect.sync(() => gate.phase !== "open")),
    debug: (enabled = true) => Effect.sync(() => diagnostics.setDebug(enabled))
  })
})

/** The service in front of a door. */
const makeService = (rest: Omit<Service, "capture" | "captureNow">): Service => {
  const { door } = rest[TypeId]
  return {
    ...rest,
    capture: (event: string | DeclaredEvent, properties?: PropertiesInput, options?: Capture.CaptureOptions) =>
      withFiber((fiber) => door.capture(fiber, Capture.ordinaryInput(event, properties, options))),
    captureNow: (
      event: string | DeclaredEvent,
      properties?: PropertiesInput,
      options?: Capture.CaptureOptions
    ): Effect.Effect<Option.Option<string>, DeliveryError> =>
      withFiber((fiber) =>
        Effect.map(door.captureNow(fiber, Capture.ordinaryInput(event, properties, options)), Option.fromNullable)
      )
  }
}

const advice = {
  no_api_key: "no project API key was given (option apiKey, in the environment POSTHOG_API_KEY)",
  not_enabled: "it is not enabled (option enabled, in the environment POSTHOG_ENABLED)"
}

/** An instance that takes calls and does nothing. It says so once. */
const makeDisabled = Effect.fnUntraced(function*(
  why: keyof typeof advice,
  key: string
): Effect.fn.Return<Service> {
  const name = instanceName(key)
  yield* Effect.logWarning(`PostHog: nothing will be sent, because ${advice[why]}`).pipe(
    Effect.annotateLogs({ package: Diagnostics.packageAnnotation, instance: name })
  )
  return makeIgnoring(name)
})

/** An instance that only counts the calls it ignores. */
export const makeIgnoring = (name: string): Service => {
  const books = new Books(name, [])
  const ignore = (): Effect.Effect<void> => {
    books.ignored()
    return Effect.void
  }
  const door: Capture.Capture = {
    resolver: () => ({ of: () => undefined, over: () => [undefined, undefined], defect: () => undefined }),
    capture: ignore,
    take: () => ({ uuid: undefined, captured: ignore() }),
    captureNow: () => Effect.as(ignore(), undefined),
    captureDurable: () => ({ why: undefined, captured: ignore() }),
    refuse: ignore,
    holdBack: () => books.ignored(),
    isSilent: () => true
  }
  return makeService({
    [TypeId]: {
      door,
      active: undefined,
      state: () => "disabled",
      letters: undefined,
      slots: new Map(),
      closing: new Set()
    },
    flush: Effect.succeed({ delivered: 0, dropped: 0 }),
    stats: Effect.sync(() => books.snapshot()),
    diagnostics: Stream.empty,
    optOut: Effect.void,
    optIn: Effect.void,
    isOptedOut: unrun(Effect.succeed(true)),
    debug: () => Effect.void
  })
}
