/**
 * Who a client is and how often it has tried, as far as it says.
 */
import type { IncomingHttpHeaders } from "node:http"
import { cut, textOf } from "./event.js"
import type { Sdk } from "./model.js"

export const unknownSdk: Sdk = { name: "unknown", version: "" }

const header = (headers: IncomingHttpHeaders, name: string): string => {
  const value = headers[name]
  return cut(typeof value === "string" ? value : value?.[0] ?? "", 300)
}

/** A name and a version, such as `posthog-node/5.70.0`. Browsers and plain HTTP clients are no SDK. */
const product = /^([\w@.\-/]*posthog[\w@.\-/]*)\/([\w.+-]+)(?:$|[\s;(])/i

const split = (text: string): Sdk | undefined => {
  const match = product.exec(text)
  return match === null ? undefined : { name: match[1]!.toLowerCase(), version: match[2]! }
}

/** From the headers alone. */
export const sdkOf = (headers: IncomingHttpHeaders): Sdk =>
  split(header(headers, "posthog-sdk-info")) ?? split(header(headers, "user-agent")) ?? unknownSdk

/** The properties say it for a browser, and for whoever sends events of another SDK. */
export const sdkOfEvent = (properties: object | undefined, before: Sdk): Sdk => {
  const { $lib, $lib_version } = (properties ?? {}) as { readonly $lib?: unknown; readonly $lib_version?: unknown }
  if (typeof $lib !== "string" || $lib === "") return before
  const version = textOf($lib_version) ?? ""
  return $lib === before.name && version === before.version
    ? before
    : { name: cut($lib, 100), version: cut(version, 50) }
}

/** 1 for the first try. */
export const attemptOf = (headers: IncomingHttpHeaders, query: URLSearchParams): number => {
  const attempt = header(headers, "posthog-attempt")
  if (/^[1-9]\d{0,5}$/.test(attempt)) return Number(attempt)
  const retries = query.get("retry_count") ?? ""
  return /^\d{1,6}$/.test(retries) ? Number(retries) + 1 : 1
}
