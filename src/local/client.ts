/**
 * Who a client is and how often it has tried, as far as it says.
 */
import { cut, own, textOf } from "./event.js"
import { shortenSecrets } from "./guard.js"
import type { RequestHeaders, Sdk } from "./model.js"

export const unknownSdk: Sdk = { name: "unknown", version: "" }

const header = (headers: RequestHeaders, name: string): string => {
  const value = headers[name]
  return shortenSecrets(cut(typeof value === "string" ? value : value?.[0] ?? "", 300))
}

/** A name and a version, such as `posthog-node/5.70.0` or `@acme/posthog/1.0.0`. */
const product = /^([\w@.-]{1,60}(?:\/[a-z][\w.-]{0,60})?)\/(\d[\w.+-]{0,40})/i

const split = (text: string): Sdk | undefined => {
  const match = product.exec(text)
  // Browsers all say that.
  return match === null || match[1] === "Mozilla" ? undefined : { name: match[1]!, version: match[2]! }
}

/** From the headers alone. */
export const sdkOf = (headers: RequestHeaders): Sdk =>
  split(header(headers, "posthog-sdk-info")) ?? split(header(headers, "user-agent")) ?? unknownSdk

/** The properties say it for a browser, and for whoever sends events of another SDK. */
export const sdkOfEvent = (properties: unknown, before: Sdk): Sdk => {
  const $lib = own(properties, "$lib")
  if (typeof $lib !== "string" || $lib === "") return before
  const version = textOf(own(properties, "$lib_version")) ?? ""
  return $lib === before.name && version === before.version
    ? before
    : { name: cut($lib, 100), version: cut(version, 50) }
}

/** 1 for the first try. */
export const attemptOf = (headers: RequestHeaders, query: URLSearchParams): number => {
  const attempt = header(headers, "posthog-attempt")
  if (/^[1-9]\d{0,5}$/.test(attempt)) return Number(attempt)
  const retries = query.get("retry_count") ?? ""
  return /^\d{1,6}$/.test(retries) ? Number(retries) + 1 : 1
}
