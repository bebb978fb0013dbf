/**
 * What is taken from requests, and what is captured about them: options as they are given, and as they count.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as Effect from "effect/Effect"
import { isSecretByDefault, type RequestSettings } from "../../core/http/incoming.js"
import type { ContextValues } from "../contextValues.js"

/**
 * What is taken from requests, and what is captured about them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<in Request = HttpServerRequest.HttpServerRequest, out R = never> {
  /**
   * The user, where the application knows it from the request. Wins over the id in PostHog's header; a failure counts
   * as no id. Code that learns the user later, a security middleware for instance, calls `PostHog.setContext`. Default:
   * the context's, or else the header's.
   */
  readonly distinctId?: ((request: Request) => Effect.Effect<string | undefined, unknown, R>) | undefined
  /**
   * Whether the ids in `X-POSTHOG-DISTINCT-ID`, `X-POSTHOG-SESSION-ID` and `X-POSTHOG-WINDOW-ID` count. The client
   * writes them and can write anything: good for analytics, never for authentication. Default `true`.
   */
  readonly tracingHeaders?: boolean | undefined
  /**
   * How many reverse proxies of yours stand in front of this server, or a predicate that recognises their addresses.
   * `X-Forwarded-For` is read from the right, skipping that many entries; `X-Forwarded-Host` and `-Proto` are believed
   * only then. Clients can forge the rest. Default 0: forwarded headers are ignored.
   */
  readonly trustProxies?: number | ((address: string) => boolean) | undefined
  /** A header in which your proxy always puts the client's address, such as `cf-connecting-ip`. Default none. */
  readonly ipHeader?: string | undefined
  /**
   * Whether `$ip` is sent with events that PostHog may locate (`disableGeoip: false`); with others it never is. Default
   * `true`.
   */
  readonly ip?: boolean | undefined
  /** Whether `$user_agent` is sent. Default `true`. */
  readonly userAgent?: boolean | undefined
  /**
   * What `$current_url` shows of the query: `redact` replaces the values of parameters that look like secrets
   * (`isSecret`). Default `redact`.
   */
  readonly query?: "redact" | "keep" | "omit" | undefined
  /**
   * Which parameters are secrets. Default: names with `token`, `secret`, `password`, `api_key`, `code`, `signature` and
   * the like.
   */
  readonly isSecret?: ((name: string) => boolean) | undefined
  /** Further properties of all events of the request. Default none. */
  readonly properties?: ((request: Request) => ContextValues["properties"]) | undefined
  /**
   * Whether failures of the handler are captured as exceptions, if what is made of them is a response of status 500 or
   * above: a route that is not found is none, nor is a typed error of an API with another status, nor a client that has
   * gone. Default `true`, unless `POSTHOG_ERROR_TRACKING=false` in `PostHogLive`.
   */
  readonly captureErrors?: boolean | undefined
  /**
   * Name of an event for each request when it is done, such as `$pageview`, with `$response_status_code` and
   * `duration_ms`; or a function that gives it, and nothing for requests that shall have none. Default none.
   */
  readonly requestEvent?: string | ((request: Request) => string | undefined) | undefined
}

/** What a middleware does, with each option at its value or its default. */
export interface Settings<Request, R> extends RequestSettings {
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

/** Options of the wrong type, and those that throw as they are read, count as absent. */
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
