/**
 * Prompts from PostHog: one request however many ask, kept for a while, and the last one known when PostHog cannot be
 * asked.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { parseRetryAfter } from "../../core/http/retryAfter.js"
import { readPage, readPrompt, type StoredPrompt } from "../../core/llm/prompts.js"
import { Lru } from "../../core/lru.js"
import { elapsedOf, millisOf, type Origin } from "../capture.js"
import { packageAnnotation } from "../diagnostics.js"
import { type Answer, type NoAnswer, summary } from "../http/client.js"
import { type Active, type Instance, notOpen } from "../instance.js"
import { slot } from "../slot.js"
import { PromptUnavailable } from "./promptErrors.js"

/** Which prompt. */
export interface Question {
  readonly name: string
  readonly version: number | undefined
  readonly label: string | undefined
}

/** A prompt, and where it came from. */
export interface Found {
  readonly prompt: StoredPrompt
  readonly source: "api" | "cache" | "stale_cache"
}

interface Kept {
  readonly prompt: StoredPrompt
  /** When it came, in milliseconds that never go back. */
  readonly at: number
  /** Not before this PostHog is asked again, after it could not be asked. */
  notBefore: number
}

/** What came of a request. */
interface Failed {
  readonly error: PromptUnavailable
  /** Milliseconds for which PostHog wants to be left alone. */
  readonly retryAfter: number | undefined
}

type Outcome = { readonly prompt: StoredPrompt } | Failed

interface Cache {
  readonly kept: Lru<string, Kept>
  readonly inFlight: Map<string, Deferred.Deferred<Outcome>>
}

/** Most prompts that are kept. */
const capacity = 1_000

/** So long PostHog is not asked again after it could not be asked, at least, in milliseconds. */
const coolDown = 60_000

/** So long PostHog may want to be left alone, at most, in milliseconds. */
const maxCoolDown = 60 * 60_000

/** Most bytes of an answer. */
const maxBytes = 8 * 1024 * 1024

/** Most pages of a list. */
const maxPages = 100

const cacheSlot = /* #__PURE__ */ slot<Cache>("LlmPrompts")

const cacheOf = (instance: Instance): Cache =>
  cacheSlot.getOrMake(instance, () => ({ kept: new Lru(capacity), inFlight: new Map() }))

const keyOf = ({ label, name, version }: Question): string => JSON.stringify([name, version ?? null, label ?? null])

const failed = (
  reason: PromptUnavailable["reason"],
  name: string | undefined,
  status?: number,
  detail?: string,
  retryAfter?: number
): Failed => ({ error: new PromptUnavailable({ reason, name, status, detail }), retryAfter })

/** The JSON value in an answer, or why there is none. */
const readAnswer = (answer: Answer | NoAnswer, name: string | undefined, now: number): Failed | { body: unknown } => {
  if (answer._tag === "NoAnswer") return failed(answer.reason, name, undefined, answer.detail)
  const { headers, status, text, unread } = answer
  if (status === 404) return failed("not_found", name, status)
  if (status < 200 || status >= 300) {
    return failed("status", name, status, summary(answer), parseRetryAfter(headers["retry-after"], now))
  }
  if (unread === "too_large") return failed("invalid_response", name, status, "the answer is too large")
  if (unread !== undefined) return failed(unread, name, status, "the answer broke off")
  try {
    return { body: JSON.parse(text) as unknown }
  } catch {
    return failed(
      "invalid_response",
      name,
      status,
      `${headers["content-type"] ?? "no type"}, ${text.length} characters`
    )
  }
}

/** The token of the project as it stands in addresses, and the client for requests; or why there can be no request. */
const asking = (
  { active, state }: Instance,
  name: string | undefined
): PromptUnavailable | { readonly active: Active; readonly token: string; readonly ask: Ask } => {
  if (active === undefined || state() !== "open") return new PromptUnavailable({ reason: notOpen(state()), name })
  const { http, options: { apiKey, requestTimeout, secretKey } } = active
  if (http === undefined || apiKey === undefined) {
    return new PromptUnavailable({ reason: "disabled", name, detail: "nothing is sent from a test layer" })
  }
  if (secretKey === undefined) return new PromptUnavailable({ reason: "no_secret_key", name })
  return {
    active,
    token: encodeURIComponent(Redacted.value(apiKey)),
    ask: (path, origin) =>
      Effect.map(
        http.exchange(
          HttpClientRequest.setHeader(
            http.request("GET", path),
            "authorization",
            `Bearer ${Redacted.value(secretKey)}`
          ),
          { timeout: requestTimeout, maxBytes }
        ),
        (answer) => readAnswer(answer, name, millisOf(origin))
      )
  }
}

type Ask = (path: string, origin: Origin) => Effect.Effect<Failed | { readonly body: unknown }>

const base = "/api/environments/@current/llm_prompts/"

/** A part of an address; `undefined`: a lone surrogate has none. */
const encode = (text: string): string | undefined => {
  try {
    return encodeURIComponent(text)
  } catch {
    return undefined
  }
}

const request = (
  ask: Ask,
  token: string,
  origin: Origin,
  { label, name, version }: Question
): Effect.Effect<Outcome> => {
  const encoded = encode(name)
  const encodedLabel = label === undefined ? "" : encode(label)
  // As a part of a path these would be something else.
  if (encoded === undefined || encodedLabel === undefined || name === "." || name === "..") {
    return Effect.succeed(failed("not_found", name))
  }
  const which = version !== undefined ? `&version=${version}` : label !== undefined ? `&label=${encodedLabel}` : ""
  return Effect.map(ask(`${base}name/${encoded}/?token=${token}${which}`, origin), (answer) => {
    if ("error" in answer) return answer
    const prompt = readPrompt(answer.body)
    return prompt === undefined ? failed("invalid_response", name) : { prompt }
  })
}

/** Asks PostHog once, however many want to know. Goes on when the one who asked first does not wait any longer. */
const requestOnce = (
  cache: Cache,
  ask: Ask,
  token: string,
  origin: Origin,
  question: Question
): Effect.Effect<Outcome> =>
  Effect.flatMap(Deferred.make<Outcome>(), (deferred) => {
    const key = keyOf(question)
    const before = cache.inFlight.get(key)
    if (before !== undefined) return Deferred.await(before)
    cache.inFlight.set(key, deferred)
    return Effect.zipRight(
      Effect.forkDaemon(
        Effect.onExit(request(ask, token, origin, question), (exit) => {
          cache.inFlight.delete(key)
          return Deferred.done(deferred, exit)
        })
      ),
      Deferred.await(deferred)
    )
  })

const warn = (error: PromptUnavailable): Effect.Effect<void> =>
  Effect.annotateLogs(
    Effect.logWarning(`PostHog: ${error.message}; the one of an earlier time is used`),
    "package",
    packageAnnotation
  )

/** The prompt that was kept of an earlier time. PostHog is left alone for a while. */
const stale = (kept: Kept, { error, retryAfter = 0 }: Failed, now: number): Effect.Effect<Found> => {
  kept.notBefore = now + Math.min(Math.max(coolDown, retryAfter), maxCoolDown)
  return Effect.as(warn(error), { prompt: kept.prompt, source: "stale_cache" })
}

const isInvalid = ({ label, name, version }: Question): boolean =>
  typeof name !== "string" || name.trim() === "" || (version !== undefined && label !== undefined)

/** A prompt. */
export const get = (
  instance: Instance,
  origin: Origin,
  question: Question,
  timeToLive: Duration.Duration
): Effect.Effect<Found, PromptUnavailable> => {
  if (isInvalid(question)) return new PromptUnavailable({ reason: "invalid_request", name: String(question.name) })
  const cache = cacheOf(instance)
  const key = keyOf(question)
  const kept = cache.kept.get(key)
  const now = elapsedOf(origin)
  if (kept !== undefined && now - kept.at < Duration.toMillis(timeToLive)) {
    return Effect.succeed({ prompt: kept.prompt, source: "cache" })
  }
  if (kept !== undefined && now < kept.notBefore) {
    return Effect.succeed({ prompt: kept.prompt, source: "stale_cache" })
  }
  const asked = asking(instance, question.name)
  if ("_tag" in asked) return kept === undefined ? asked : stale(kept, { error: asked, retryAfter: undefined }, now)
  return Effect.flatMap(
    requestOnce(cache, asked.ask, asked.token, origin, question),
    (outcome): Effect.Effect<Found, PromptUnavailable> => {
      const then = elapsedOf(origin)
      if ("error" in outcome) return kept === undefined ? outcome.error : stale(kept, outcome, then)
      cache.kept.set(key, { prompt: outcome.prompt, at: then, notBefore: 0 })
      return Effect.succeed({ prompt: outcome.prompt, source: "api" })
    }
  )
}

/** The path of a further page, if it is at the same host: the key must not get to another. */
const pathOf = (host: string, next: string): string | undefined => {
  try {
    const url = new URL(next, host)
    return url.origin === new URL(host).origin ? url.pathname + url.search : undefined
  } catch {
    return undefined
  }
}

/** All prompts. */
export const list = (
  instance: Instance,
  origin: Origin,
  label: string | undefined
): Effect.Effect<ReadonlyArray<StoredPrompt>, PromptUnavailable> => {
  const asked = asking(instance, undefined)
  if ("_tag" in asked) return asked
  const { active, ask, token } = asked
  const encoded = label === undefined ? "" : encode(label)
  if (encoded === undefined) return new PromptUnavailable({ reason: "invalid_request" })
  const page = (
    path: string,
    before: ReadonlyArray<StoredPrompt>,
    count: number
  ): Effect.Effect<ReadonlyArray<StoredPrompt>, PromptUnavailable> =>
    Effect.flatMap(ask(path, origin), (answer) => {
      if ("error" in answer) return answer.error
      const read = readPage(answer.body)
      if (read === undefined) return failed("invalid_response", undefined).error
      const all = [...before, ...read.prompts]
      if (read.next === undefined || count >= maxPages) return Effect.succeed(all)
      const next = pathOf(active.options.host, read.next)
      return next === undefined
        ? failed("invalid_response", undefined, undefined, "the next page is at another host").error
        : page(next, all, count + 1)
    })
  return page(`${base}?token=${token}&content=full${label === undefined ? "" : `&label=${encoded}`}`, [], 1)
}
