/**
 * Who a request is made for, told to one's own servers by PostHog's tracing headers.
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import { redactText } from "../../core/secrets.js"
import { getContext } from "../contextRegions.js"
import type { ContextScope } from "../contextValues.js"
import { packageAnnotation } from "../diagnostics.js"
import { decorate } from "./decorate.js"

const distinctIdHeader = "x-posthog-distinct-id"
const sessionIdHeader = "x-posthog-session-id"

/**
 * What a header can hold everywhere. Anything else would fail the request, or mean somebody else: a comma and a space
 * are what stands between two values of a header that was sent twice.
 */
const isHeaderText = (value: string | undefined): value is string =>
  value !== undefined && !value.includes(", ") && /^[!-~](?:[ -~]{0,998}[!-~])?$/.test(value)

/** Removes a stale id: the platform cannot delete a header, so it is emptied, which PostHog reads as absent. */
const set = (request: HttpClientRequest.HttpClientRequest, name: string, value: string | undefined) =>
  isHeaderText(value)
    ? HttpClientRequest.setHeader(request, name, value)
    : Headers.has(request.headers, name)
    ? HttpClientRequest.setHeader(request, name, "")
    : request

const hostOf = (url: string): string | undefined => {
  try {
    return new URL(url).hostname.toLowerCase()
  } catch {
    return undefined
  }
}

/** A host name, without anything that is not one. */
const isHostName = (host: unknown): boolean =>
  typeof host === "string" && !host.includes("*") && hostOf(`http://${host}`) === host.toLowerCase()

/** Adds the headers to requests to some hosts. */
export const withTracingHeaders = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  { hosts, instance }: ContextScope & { readonly hosts: ReadonlyArray<string> }
): HttpClient.HttpClient.With<E, R> => {
  const wanted = new Set(hosts.filter(isHostName).map((host) => host.toLowerCase()))
  let unusable = hosts.filter((host) => !isHostName(host))
  const warn = Effect.suspend(() => {
    if (unusable.length === 0) return Effect.void
    const named = redactText(unusable.map(String).join(", "))
    unusable = []
    return Effect.logWarning(
      `PostHog: no tracing headers for ${named}: give host names without scheme, port, path and wildcard`
    ).pipe(Effect.annotateLogs({ package: packageAnnotation }))
  })
  const add = (request: HttpClientRequest.HttpClientRequest) => {
    const host = hostOf(request.url)
    if (host === undefined || !wanted.has(host)) return Effect.as(warn, request)
    return Effect.map(
      Effect.zipRight(warn, getContext({ instance })),
      // Whoever is not to be captured is not named either: the other side would do it.
      ({ capture, distinctId, sessionId }) =>
        capture === false
          ? set(set(request, distinctIdHeader, undefined), sessionIdHeader, undefined)
          : set(set(request, distinctIdHeader, distinctId), sessionIdHeader, sessionId)
    )
  }
  return decorate(client, (request, execute) => Effect.flatMap(add(request), execute))
}
