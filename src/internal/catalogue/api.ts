/**
 * Requests to PostHog's management API: with a personal key, one after another, each with a bound for time and answer.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readPage } from "../../core/catalogue/defined.js"
import { readAppHost, readPersonalKey, readProject } from "../../core/catalogue/place.js"
import { read } from "../../core/guard.js"
import { parseRetryAfter } from "../../core/http/retryAfter.js"
import { redactText } from "../../core/secrets.js"
import { type Answer, makeWith, type NoAnswer, summary } from "../http/client.js"
import { givenDuration } from "../optionKinds.js"
import { PostHogApiError } from "./errors.js"

/**
 * Where and how PostHog's API is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface RemoteOptions {
  /** A personal API key (`phx_…`), with the scopes that the functions name. */
  readonly personalApiKey: Redacted.Redacted
  /** The id of the project: the number in the address of PostHog's pages. */
  readonly projectId: string | number
  /** The address of PostHog. Default `https://us.posthog.com`; that which takes events is good, too. */
  readonly host?: string | undefined
  /** The time for one request. Default 30 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** The time for all of it. Default 10 minutes. */
  readonly timeLimit?: Duration.DurationInput | undefined
  /** Called with a sentence about each page that was read and each thing that was done. */
  readonly onProgress?: ((what: string) => void) | undefined
}

/** What can be asked for. */
export interface Api {
  /** All of a list. */
  readonly list: <A>(
    resource: string,
    read: (value: unknown) => A | undefined
  ) => Effect.Effect<ReadonlyArray<A>, PostHogApiError>
  /** One thing. */
  readonly get: <A>(
    resource: string,
    id: string,
    read: (value: unknown) => A | undefined
  ) => Effect.Effect<A, PostHogApiError>
  /** Makes something, or changes what has the `id`. */
  readonly write: <A>(
    resource: string,
    id: string | undefined,
    body: object,
    read: (value: unknown) => A | undefined
  ) => Effect.Effect<A, PostHogApiError>
  readonly tell: (what: string) => void
}

/** Most bytes of an answer: a page has a hundred things. */
const maxBytes = 8 * 1024 * 1024

/** Most pages of a list. PostHog has no project with so many definitions. */
const maxPages = 500

const pageSize = 100

/** How often a request is made that PostHog did not answer, or had no time for. */
const maxAttempts = 5

const defaultRequestTimeout = /* #__PURE__ */ Duration.seconds(30)
const defaultTimeLimit = /* #__PURE__ */ Duration.minutes(10)

/** The waits between attempts, in milliseconds; PostHog's own word counts more, up to a minute. */
const waitOf = (attempt: number, retryAfter: number | undefined): number =>
  Math.min(Math.max(500 * 2 ** attempt, retryAfter ?? 0), 60_000)

type Method = "GET" | "POST" | "PATCH"

const scopeOf = (resource: string, method: Method): string =>
  `${resource === "feature_flags" ? "feature_flag" : "event_definition"}:${method === "GET" ? "read" : "write"}`

/** What PostHog says of an error, or the beginning of whatever came. */
const detailOf = (given: Answer, key: string): string | undefined => {
  // A key without the prefix of one is known by nothing else.
  const answer = { ...given, text: given.text.replaceAll(key, "[redacted]") }
  try {
    const body: unknown = JSON.parse(answer.text)
    const [detail, attr] = [read(body, "detail"), read(body, "attr")]
    if (typeof detail === "string") {
      return redactText(typeof attr === "string" && attr !== "" ? `${attr}: ${detail}` : detail, 300)
    }
  } catch {
    // A page of something in front of PostHog.
  }
  return summary(answer)
}

const reasons: Readonly<Record<number, PostHogApiError["reason"]>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  429: "rate_limited"
}

/** The JSON value in an answer, or why there is none. */
const readAnswer = (
  answer: Answer | NoAnswer,
  resource: string,
  scope: string,
  key: string
): PostHogApiError | { readonly body: unknown } => {
  if (answer._tag === "NoAnswer") return new PostHogApiError({ reason: answer.reason, resource, detail: answer.detail })
  const { status, text, unread } = answer
  const failed = (reason: PostHogApiError["reason"], detail: string | undefined) =>
    new PostHogApiError({ reason, resource, scope, status, detail })
  if (status < 200 || status >= 300) return failed(reasons[status] ?? "status", detailOf(answer, key))
  if (unread === "too_large") return failed("invalid_response", "the answer is too long")
  if (unread !== undefined) return failed(unread, "the answer broke off")
  try {
    return { body: JSON.parse(text) as unknown }
  } catch {
    return failed("invalid_response", `${answer.headers["content-type"] ?? "no type"}, ${text.length} characters`)
  }
}

/** Whether PostHog has not done what it was asked for, and may do it when it is asked again. */
const isRetryable = (method: Method, answer: Answer | NoAnswer): boolean =>
  answer._tag === "NoAnswer"
    // It may have been done.
    ? method === "GET"
    : answer.status === 429 || method === "GET" && (answer.status >= 500 || answer.unread === "connection")

/** The path of a further page. A proxy changes the rest of the address, and the key goes to no other place. */
const nextPath = (first: string, next: string): string | undefined => {
  try {
    const { pathname, search } = new URL(next, "http://localhost")
    const [path = ""] = first.split("?")
    return pathname.endsWith(path) ? path + search : undefined
  } catch {
    return undefined
  }
}

const invalid = (detail: string): PostHogApiError => new PostHogApiError({ reason: "invalid_options", detail })

/** The parts of the options that can be wrong. */
const resolve = (
  { host, personalApiKey, projectId }: RemoteOptions
): PostHogApiError | { readonly host: string; readonly key: string; readonly project: string } => {
  const place = readAppHost(host ?? "")
  if ("problem" in place) return invalid(place.problem)
  const given = Redacted.isRedacted(personalApiKey) ? Redacted.value(personalApiKey) as unknown : undefined
  const personal = readPersonalKey(typeof given === "string" ? given : "")
  if ("problem" in personal) return invalid(personal.problem)
  const project = readProject(projectId)
  return "problem" in project ? invalid(project.problem) : { ...place, ...personal, ...project }
}

/** Runs what is asked of the API, within the options' limits. */
export const withApi = <A>(
  options: RemoteOptions,
  use: (api: Api) => Effect.Effect<A, PostHogApiError>
): Effect.Effect<A, PostHogApiError, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (client): Effect.Effect<A, PostHogApiError> => {
    const resolved = resolve(options)
    if ("_tag" in resolved) return resolved
    const timeLimit = givenDuration(options.timeLimit) ?? defaultTimeLimit
    return Effect.flatMap(
      Effect.timeoutOption(use(make(options, resolved, client)), timeLimit),
      (result): Effect.Effect<A, PostHogApiError> =>
        result._tag === "Some" ? Effect.succeed(result.value) : new PostHogApiError({
          reason: "timeout",
          detail: `not done within ${Duration.format(timeLimit)}; what was done stays done`
        })
    )
  })

const make = (
  options: RemoteOptions,
  { host, key, project }: { readonly host: string; readonly key: string; readonly project: string },
  client: HttpClient.HttpClient
): Api => {
  const http = makeWith(host, client)
  const timeout = givenDuration(options.requestTimeout) ?? defaultRequestTimeout

  const tell = (what: string): void => {
    try {
      options.onProgress?.(what)
    } catch {
      // What the program does with it is its own affair.
    }
  }

  const ask = (
    method: Method,
    resource: string,
    path: string,
    body: string | undefined
  ): Effect.Effect<unknown, PostHogApiError> => {
    const plain = HttpClientRequest.setHeader(http.request(method, path), "authorization", `Bearer ${key}`)
    const request = body === undefined ? plain : HttpClientRequest.bodyText(plain, body, "application/json")
    const attempt = (count: number): Effect.Effect<unknown, PostHogApiError> =>
      Effect.flatMap(
        Effect.zip(http.exchange(request, { timeout, maxBytes }), Effect.clock),
        ([answer, clock]): Effect.Effect<unknown, PostHogApiError> => {
          const result = readAnswer(answer, resource, scopeOf(resource, method), key)
          if (!("_tag" in result)) return Effect.succeed(result.body)
          if (count + 1 >= maxAttempts || !isRetryable(method, answer)) return result
          const retryAfter = answer._tag === "Answer"
            ? parseRetryAfter(answer.headers["retry-after"], clock.unsafeCurrentTimeMillis())
            : undefined
          const wait = waitOf(count, retryAfter)
          tell(`waiting ${wait / 1_000} seconds: ${result.message}`)
          return Effect.zipRight(Effect.sleep(wait), attempt(count + 1))
        }
      )
    return attempt(0)
  }

  const pathOf = (resource: string, id?: string): string =>
    `/api/projects/${project}/${resource}/${id === undefined ? "" : `${encodeURIComponent(id)}/`}`

  const unreadable = (resource: string, detail: string): PostHogApiError =>
    new PostHogApiError({ reason: "invalid_response", resource, detail })

  const readOne = <A>(
    resource: string,
    body: unknown,
    read: (value: unknown) => A | undefined
  ): Effect.Effect<A, PostHogApiError> => {
    const one = read(body)
    return one === undefined ? unreadable(resource, "it has other members than are known") : Effect.succeed(one)
  }

  const list = <A>(
    resource: string,
    read: (value: unknown) => A | undefined
  ): Effect.Effect<ReadonlyArray<A>, PostHogApiError> => {
    const first = `${pathOf(resource)}?limit=${pageSize}`
    const seen = new Set([first])
    const all: Array<A> = []
    const page = (path: string): Effect.Effect<ReadonlyArray<A>, PostHogApiError> =>
      Effect.flatMap(ask("GET", resource, path, undefined), (body) => {
        const found = readPage(body, read)
        if (found === undefined) return unreadable(resource, "it is no page of a list")
        for (const item of found.items) all.push(item)
        tell(`${resource}: ${all.length} read`)
        if (found.next === undefined) return Effect.succeed(all)
        const next = nextPath(first, found.next)
        if (next === undefined) return unreadable(resource, "the next page is at another address")
        if (seen.has(next)) return unreadable(resource, "its pages lead in a circle")
        if (seen.size >= maxPages) return unreadable(resource, `it has more than ${maxPages} pages`)
        seen.add(next)
        return page(next)
      })
    return page(first)
  }

  return {
    tell,
    list,
    get: (resource, id, read) =>
      Effect.flatMap(
        ask("GET", resource, pathOf(resource, id), undefined),
        (body) => readOne(resource, body, read)
      ),
    write: (resource, id, body, read) =>
      Effect.flatMap(
        ask(id === undefined ? "POST" : "PATCH", resource, pathOf(resource, id), JSON.stringify(body)),
        (answer) => readOne(resource, answer, read)
      )
  }
}
