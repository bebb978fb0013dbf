/**
 * Which pages may send from a browser, and what a browser has to be told so that it lets them.
 *
 * @since 0.1.0
 */
import { type Answer, json, type RequestHeaders } from "./model.js"
import type { Settings } from "./settings.js"

/** Origins that ask are kept for somebody to look at: as many, and as much of each. */
const maxAsking = 100
const maxLength = 200

export interface Origins {
  /** Refuses a request of a page that may not send, and remembers where the page is from; `undefined`: it may send. */
  readonly refuse: (headers: RequestHeaders) => Answer | undefined
  /** From now on pages of this origin may send. */
  readonly allow: (origin: string) => void
  readonly allowed: () => ReadonlyArray<string>
  /** Those that were refused, in the order in which they came first. */
  readonly asking: () => ReadonlyArray<string>
  readonly clear: () => void
}

const header = (headers: RequestHeaders, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : value?.[0]
}

/** An origin as browsers write it: people write a slash at its end, or capitals. */
const normal = (origin: string): string => origin.trim().toLowerCase().replace(/\/+$/, "").slice(0, maxLength)

/** Names that mean this machine, or that nobody can register: no page of the internet has them. */
const isOwnName = (name: string): boolean =>
  name === "localhost" || /\.(?:localhost|test|internal)$/.test(name) || /^127(?:\.\d{1,3}){3}$/.test(name) ||
  name === "[::1]"

/**
 * Whether pages of this origin send without asking. `null` does not: any page of the internet can be it, in a frame.
 */
export const isOwnOrigin = (origin: string): boolean => {
  let url: URL
  try {
    url = new URL(origin)
  } catch {
    return false
  }
  return (url.protocol === "http:" || url.protocol === "https:") && isOwnName(url.hostname)
}

/** Refused origins are told to `ask`, each once. */
export const makeOrigins = (settings: Pick<Settings, "allowOrigins">, ask: (origin: string) => void): Origins => {
  const allowed = new Set(settings.allowOrigins.map(normal))
  const asking = new Set<string>()
  return {
    refuse: (headers) => {
      const sent = header(headers, "origin")
      if (sent === undefined) return undefined
      const origin = normal(sent)
      if (isOwnOrigin(origin) || allowed.has(origin)) return undefined
      if (!asking.has(origin) && asking.size < maxAsking) {
        asking.add(origin)
        ask(origin)
      }
      const how = `Allow it on the page of the local PostHog, or start it with --allow-origin ${origin}`
      return json(403, { detail: `Pages of ${origin} may not send to this local PostHog. ${how}`, status: 403 })
    },
    allow: (origin) => {
      allowed.add(normal(origin))
      asking.delete(normal(origin))
    },
    allowed: () => [...allowed],
    asking: () => [...asking],
    clear: () => asking.clear()
  }
}

/**
 * What every answer to a client needs, also one that refuses: a browser hides an answer without it, and posthog-js then
 * takes a refusal for a network that is down.
 */
export const cors = (headers: RequestHeaders): { readonly [name: string]: string } => {
  const origin = header(headers, "origin")
  return {
    vary: "Origin",
    "cross-origin-resource-policy": "cross-origin",
    ...(origin === undefined
      ? {}
      : {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "Retry-After, PostHog-Request-Id"
      })
  }
}

/** What the answer to `OPTIONS` needs besides. */
export const preflight = (headers: RequestHeaders): { readonly [name: string]: string } => {
  const asked = header(headers, "access-control-request-headers")
  return {
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-max-age": "600",
    // Users add headers of their own.
    ...(asked === undefined ? {} : { "access-control-allow-headers": asked }),
    ...(header(headers, "access-control-request-private-network") === undefined
      ? {}
      : { "access-control-allow-private-network": "true" })
  }
}
