/**
 * Who may speak to a local PostHog, and what of their headers is kept.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import { isIP } from "node:net"
import type { RequestHeaders } from "./model.js"
import { isLoopback, type Settings } from "./settings.js"

/** The name in a `Host` header, without the port. `undefined`: it is none. */
export const hostName = (host: string | undefined): string | undefined =>
  /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::\d{1,5})?$/i.exec(host ?? "")?.[1]?.toLowerCase()

/** The machine as programs in an Android emulator see it. */
const emulator = "10.0.2.2"

/**
 * Whether a request is for this server by a name that belongs to it. A web site can let its own name lead to loopback,
 * and would then be of the same origin as this server: its pages could read everything here.
 */
export const isAllowedHost = (header: string | undefined, { allowHosts, host }: Settings): boolean => {
  const name = hostName(header)
  if (name === undefined) return false
  const bare = name.replace(/^\[|\]$/g, "")
  return isLoopback(name) || name === emulator || bare === host?.toLowerCase() ||
    // No web site can let a number lead elsewhere.
    host !== undefined && !isLoopback(host) && isIP(bare) !== 0 ||
    allowHosts.some((allowed) => allowed.toLowerCase() === name || allowed.toLowerCase() === bare)
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Whether a request carries the token. Takes as long for a wrong one, however much of it is right. */
export const hasToken = (headers: RequestHeaders, token: string): boolean => {
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1]
  return given !== undefined && timingSafeEqual(digest(given), digest(token))
}

/**
 * Keys that give access to data. Project keys (`phc_`) are public. In addresses any character may be escaped, and what
 * is in front of a key may end with a letter.
 */
const secretKeys = /(?:p|%70)(?:h|%68)([a-bd-z]|%(?:6[1-24-9a-f]|7[0-9a]))(_|%5f)([\w-]{4,})/gi

/** Shortens secret keys, so that they can be recognized and not used. */
export const shortenSecrets = (text: string): string =>
  text.replace(
    secretKeys,
    (_, kind: string, line: string, rest: string) => `ph${kind}${line}${rest.slice(0, 3)}…`
  )

/** Names of headers whose values are secrets, by whatever name services and proxies call theirs. */
const secretNames = /auth|cookie|token|secret|passw|credential|signature|session|key/

const maxHeader = 2_000

/** Enough of a secret to tell it from others, and too little to use. */
const beginning = (secret: string): string => `${secret.slice(0, Math.min(8, Math.floor(secret.length / 2.5)))}…`

/** The headers as they are kept. */
export const keptHeaders = (headers: RequestHeaders): { readonly [name: string]: string } => {
  const kept: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(headers)) {
    const text = (Array.isArray(value) ? value.join(", ") : value ?? "").slice(0, maxHeader)
    const isProjectKey = /^Bearer phc_\w+$/i.test(text)
    const [, scheme = "", secret = ""] = /^(\w+ )?([^]*)$/.exec(text) ?? []
    kept[name] = !secretNames.test(name) || isProjectKey ? shortenSecrets(text) : scheme + beginning(secret)
  }
  return kept
}
