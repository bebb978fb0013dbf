/**
 * Puts an instance together: live, disabled, or in memory for tests.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { readable } from "../core/event/properties.js"
import * as Special from "../core/event/special.js"
import { makeUuidV7 } from "../core/event/uuid.js"
import type * as PostHogConfig from "../PostHogConfig.js"
import type { ConfigurationError } from "../PostHogError.js"
import * as Capture from "./capture.js"
import { Books, reporter } from "./delivery/books.js"
import { Gate } from "./delivery/gate.js"
import * as Lane from "./delivery/lane.js"
import * as Outbox from "./delivery/outbox.js"
import * as Transport from "./delivery/transport.js"
import * as Diagnostics from "./diagnostics.js"
import * as Http from "./http/client.js"
import { type Instance, type Service, TypeId } from "./instance.js"
import { releaseId, resolve, type Resolved } from "./options.js"
import { unrun } from "./unrun.js"

/** The release is said by whoever deploys, also to a program that takes its other options from elsewhere. */
const releaseIdOf = /* #__PURE__ */ Effect.orElseSucceed(releaseId, () => undefined)

/** An instance that sends over the network, or one that does nothing when the options say so. */
export const make = Effect.fnUntraced(function*(
  input: PostHogConfig.Options,
  key: string,
  client: HttpClient.HttpClient
): Effect.fn.Return<Service, ConfigurationError, Scope.Scope> {
  const options = yield* resolve({ ...input, releaseId: input.releaseId ?? (yield* releaseIdOf) })
  const { apiKey } = options
  if (apiKey === undefined) return yield* makeDisabled(options.disabled ?? "no_api_key", key)
  const http = yield* Http.make(options, client)
  return yield* makeWith(
    options,
    key,
    http,
    makeUuidV7((bytes) => crypto.getRandomValues(bytes)),
    (gate, books, diagnostics) => {
      const lane = Lane.events(options, Redacted.value(apiKey))
      const transport = Transport.make(options, lane, http, diagnostics)
      return Outbox.make(options, [{ lane, transport }], gate, books, diagnostics)
    }
  )
})

/** The last part of a tag's key: what metrics and logs call the instance. */
const instanceName = (key: string): string => key.slice(key.lastIndexOf("/") + 1)

/** An instance around an outbox. */
export const makeWith = Effect.fnUntraced(function*(
  options: Resolved,
  key: string,
  http: Http.Http | undefined,
  newUuid: (millis: number) => string,
  makeOutbox: (
    gate: Gate,
    books: Books,
    diagnostics: Diagnostics.Diagnostics
  ) => Effect.Effect<Outbox.Outbox, never, Scope.Scope>
): Effect.fn.Return<Service, never, Scope.Scope> {
  const name = instanceName(key)
  const diagnostics = yield* Diagnostics.make(name, options.debug, options.host)
  const gate = new Gate(options.optedOut)
  const books = new Books(name, [reporter(diagnostics)])
  // Registered first, so that what happens while the outbox drains is still told.
  yield* Effect.addFinalizer(() => Effect.sync(() => diagnostics.close(books.snapshot().dropped)))
  const outbox = yield* makeOutbox(gate, books, diagnostics)
  const owner = { key, globalProperties: options.globalProperties }
  const door = Capture.make(options, owner, outbox, newUuid, gate, books, diagnostics)
  const instance: Instance = {
    active: { options, owner, door, diagnostics, http },
    state: () => gate.phase,
    extensions: new Map()
  }
  return makeService(door, {
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

type Verbs =
  | "capture"
  | "captureNow"
  | "identify"
  | "setPersonProperties"
  | "unsetPersonProperties"
  | "alias"
  | "groupIdentify"
  | "pageView"
  | "screen"

/** The verbs of a service: each says which event it is, and all go through the one door. */
const makeService = (door: Capture.Capture, rest: Omit<Service, Verbs>): Service => {
  const aboutPerson = { withContext: true, withFlags: true, needsId: true }
  const identifying = { withContext: false, withFlags: false, needsId: true }

  /** Captures what `make` gives. Its arguments may throw as they are read, so nothing may escape from it. */
  const special = (
    event: string,
    kind: Capture.Kind,
    options: Capture.CaptureOptions | undefined,
    given: unknown,
    make: () => Special.Made
  ): Effect.Effect<void> =>
    Effect.withFiberRuntime((fiber) => {
      let made: Special.Made
      try {
        made = make()
      } catch {
        made = { invalid: "an argument throws as it is read" }
      }
      if (made === undefined) return Effect.void
      if ("invalid" in made) return door.refuse(fiber, event, made.invalid)
      return door.capture(fiber, { event, properties: made.properties, subject: made.distinctId, options, kind, given })
    })

  return {
    ...rest,
    capture: (event, properties, options) =>
      Effect.withFiberRuntime((fiber) =>
        door.capture(fiber, {
          event,
          properties: readable(properties),
          subject: undefined,
          options,
          kind: Capture.ordinary
        })
      ),
    captureNow: (event, properties, options) =>
      Effect.withFiberRuntime((fiber) =>
        Effect.map(
          door.captureNow(fiber, {
            event,
            properties: readable(properties),
            subject: undefined,
            options,
            kind: Capture.ordinary
          }),
          Option.fromNullable
        )
      ),
    identify: (distinctId, set, options) =>
      special(
        "$identify",
        identifying,
        options,
        set,
        () => Special.identify(distinctId, set, options?.setOnce, options?.anonDistinctId)
      ),
    setPersonProperties: (set, options) =>
      special("$set", aboutPerson, options, set, () => Special.setPersonProperties(set, options?.setOnce)),
    unsetPersonProperties: (names, options) =>
      special("$set", aboutPerson, options, undefined, () => Special.unsetPersonProperties(names)),
    alias: (ids, options) =>
      special("$create_alias", identifying, options, undefined, () => Special.alias(ids.distinctId, ids.alias)),
    groupIdentify: (groupType, groupKey, properties, options) =>
      special(
        "$groupidentify",
        identifying,
        options,
        properties,
        () => Special.groupIdentify(groupType, groupKey, properties, options?.distinctId)
      ),
    pageView: (url, properties, options) =>
      special("$pageview", Capture.ordinary, options, properties, () => Special.pageView(url, properties)),
    screen: (name, properties, options) =>
      special("$screen", Capture.ordinary, options, properties, () => Special.screen(name, properties))
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
  const ignore = Effect.sync(() => books.ignored())
  return makeService(
    {
      capture: () => ignore,
      take: () => ({ uuid: undefined, captured: ignore }),
      captureNow: () => Effect.as(ignore, undefined),
      refuse: () => ignore,
      holdBack: () => books.ignored(),
      isSilent: () => true
    },
    {
      flush: Effect.succeed({ delivered: 0, dropped: 0 }),
      stats: Effect.sync(() => books.snapshot()),
      diagnostics: Stream.empty,
      optOut: Effect.void,
      optIn: Effect.void,
      isOptedOut: unrun(Effect.succeed(true)),
      [TypeId]: { active: undefined, state: () => "disabled", extensions: new Map() } satisfies Instance,
      debug: () => Effect.void
    }
  )
}
