/**
 * What a request says about itself, as a context of events. Everything in a request may be forged or broken: what is
 * unusable is cleaned or left out, and nothing throws.
 *
 * @since 0.1.0
 */
import type { Properties } from "../event/layers.js"
import { isSecretParameter, redactQuery, redactText } from "../secrets.js"

/** A request, as far as it matters here. */
export interface RequestFacts {
  readonly method: string
  /** A path with its query, or an absolute address. */
  readonly url: string
  /** By lower-case name. */
  readonly header: (name: string) => unknown
  /** Address of the other end of the connection: the client, or the nearest proxy. */
  readonly remoteAddress: string | undefined
  /** Whether the connection is encrypted; `undefined` where there is none, as behind the Fetch API. */
  readonly isEncrypted?: (() => boolean | undefined) | undefined
}

/** What is taken from a request. */
export interface RequestSettings {
  /** Whether the ids in PostHog's headers count. */
  readonly tracingHeaders: boolean
  /** How many proxies of one's own a request passes, or which addresses are such proxies. */
  readonly trustProxies: number | ((address: string) => boolean)
  /** A header of a proxy of one's own with the client's address, in lower case. */
  readonly ipHeader: string | undefined
  readonly ip: boolean
  readonly userAgent: boolean
  readonly query: "redact" | "keep" | "omit"
  readonly isSecret: (name: string) => boolean
}

/** A request as values of a context. */
export interface RequestValues {
  /** Who the client says that it is. */
  readonly distinctId: string | undefined
  readonly sessionId: string | undefined
  readonly properties: Properties
}

/** Longest value of a header that is taken (specification of PostHog's SDKs, tracing headers). */
const maxHeaderLength = 1_000

/** Longest address that is taken; browsers and servers hardly go beyond. */
const maxUrlLength = 4_000

// C0, DEL and C1.
const control = /[\u0000-\u001f\u007f-\u009f]/
const controls = new RegExp(control, "g")

/** Longer values are not looked at beyond this: most of what is cut off anyhow. */
const clean = (value: unknown, maxLength: number): string | undefined => {
  if (Array.isArray(value)) return value.map((member) => clean(member, maxLength)).find((text) => text !== undefined)
  if (typeof value !== "string") return undefined
  const start = value.slice(0, maxLength * 4)
  const text = (control.test(start) ? start.replace(controls, "") : start).trim().slice(0, maxLength).trim()
  return text === "" ? undefined : text
}

/** A header that says one thing. Sent twice it arrives as a list, of which the first usable member counts. */
const cleanId = (value: unknown): string | undefined =>
  clean(typeof value === "string" ? value.slice(0, maxHeaderLength * 4).split(", ") : value, maxHeaderLength)

const queryOf = (query: string, { isSecret, query: mode }: RequestSettings): string =>
  mode === "omit" || query === "" ? "" : mode === "keep" ? `?${query}` : `?${redactQuery(query, isSecret)}`

/** Parameters that look like secrets unless the program says otherwise. */
export const isSecretByDefault = isSecretParameter

const hostName = /^(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/

const isIpv6 = (text: string): boolean => {
  const halves = text.replace(/%\w+$/, "").split("::")
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => half === "" ? [] : half.split(":"))
  const last = groups.at(-1) ?? ""
  const endsWithIpv4 = ipv4.test(last) && !text.endsWith("::")
  const count = groups.length + (endsWithIpv4 ? 1 : 0)
  return (endsWithIpv4 ? groups.slice(0, -1) : groups).every((group) => /^[\da-f]{1,4}$/i.test(group)) &&
    (halves.length === 2 ? count < 8 : count === 8)
}

/** An address without port and brackets, and an IPv4 address as such. */
const toAddress = (text: string | undefined): string | undefined => {
  if (text === undefined || text.length > 60) return undefined
  // Nearly all, and cheap: an address as it is, or as a socket for both families has it.
  const usual = text.startsWith("::ffff:") ? text.slice(7) : text
  if (ipv4.test(usual)) return usual
  const plain = text.trim()
    .replace(/^\[([^\]]*)\](?::\d+)?$/, "$1")
    .replace(/^(\d{1,3}(?:\.\d{1,3}){3}):\d+$/, "$1")
    .replace(/^::ffff:(?=\d{1,3}(?:\.\d{1,3}){3}$)/i, "")
  return ipv4.test(plain) || isIpv6(plain) ? plain : undefined
}

/** Most proxies that are looked at. */
const maxForwarded = 100

/**
 * A server without a socket, such as one behind the Fetch API, does not know its proxy; neither does a socket that
 * was closed.
 */
const isConnectionUnknown = ({ isEncrypted }: RequestFacts): boolean => isEncrypted?.() === undefined

/** The first address, from our end of the way, that is not one of our own proxies. */
const clientAddress = (facts: RequestFacts, settings: RequestSettings): string | undefined => {
  if (settings.ipHeader !== undefined) return toAddress(clean(facts.header(settings.ipHeader), 60))
  const { trustProxies } = settings
  const remote = toAddress(facts.remoteAddress)
  if (trustProxies === 0) return remote
  const forwarded = facts.header("x-forwarded-for")
  const hops = typeof forwarded === "string"
    ? forwarded.slice(-maxForwarded * 50).split(",").slice(-maxForwarded).map(toAddress)
    : []
  hops.push(remote)
  let at = hops.length - 1
  if (typeof trustProxies === "number") {
    at = Math.max(at - trustProxies, 0)
  } else {
    while (at > 0) {
      const hop = hops[at]
      const isOurs = hop === undefined ? at === hops.length - 1 && isConnectionUnknown(facts) : trustProxies(hop)
      if (!isOurs) break
      at--
    }
  }
  return hops[at]
}

const parts = (url: string): { readonly origin: string | undefined; readonly path: string; readonly query: string } => {
  const rest = url.replace(/#.*$/s, "")
  const origin = /^https?:\/\/[^/?]*/i.exec(rest)?.[0]
  const target = origin === undefined ? rest : rest.slice(origin.length)
  const mark = target.indexOf("?")
  const path = mark === -1 ? target : target.slice(0, mark)
  // `OPTIONS *` has none either.
  return { origin, path: path.startsWith("/") ? path : `/${path}`, query: mark === -1 ? "" : target.slice(mark + 1) }
}

/** Host and scheme: of the address, as a proxy of our own says, or of the connection. */
const originOf = (facts: RequestFacts, settings: RequestSettings, origin: string | undefined) => {
  const { trustProxies } = settings
  const isTrusted = (remote: string | undefined) =>
    // As for the client's address.
    typeof trustProxies === "number"
      ? trustProxies > 0
      : remote === undefined
      ? isConnectionUnknown(facts)
      : trustProxies(remote)
  const isBehindProxy = trustProxies !== 0 && isTrusted(toAddress(facts.remoteAddress))
  // From our end of the way, as for the address: a proxy may append to what the client has sent.
  const forwarded = (name: string) => {
    const members = isBehindProxy ? clean(facts.header(name), 300)?.split(",") ?? [] : []
    return members.at(-Math.min(typeof trustProxies === "number" ? trustProxies : 1, members.length))?.trim()
  }
  // HTTP/2 has host and scheme in headers of its own. What the client says of the scheme counts less than the
  // connection.
  const isEncrypted = facts.isEncrypted?.()
  const own = isEncrypted === undefined
    ? clean(facts.header(":scheme"), 10)
    : isEncrypted
    ? "https"
    : "http"
  const scheme = forwarded("x-forwarded-proto") ?? /^https?/i.exec(origin ?? "")?.[0] ?? own
  const host = forwarded("x-forwarded-host") ?? origin?.replace(/^https?:\/\/(?:[^@]*@)?/i, "") ??
    clean(facts.header(":authority"), 300)?.replace(/^[^@]*@/, "") ?? clean(facts.header("host"), 300)
  return {
    scheme: scheme?.toLowerCase() === "https" ? "https" : "http",
    host: host !== undefined && hostName.test(host) ? host : undefined
  }
}

/** What a request says about itself. */
export const readRequest = (facts: RequestFacts, settings: RequestSettings): RequestValues => {
  const { origin, path: givenPath, query } = parts(clean(facts.url, maxUrlLength) ?? "/")
  // Parameters of a path, and keys in it.
  const rawPath = redactText(givenPath, maxUrlLength, settings.isSecret)
  const { host, scheme } = originOf(facts, settings, origin)
  const id = (name: string) => settings.tracingHeaders ? cleanId(facts.header(name)) : undefined
  const windowId = id("x-posthog-window-id")
  const userAgent = settings.userAgent ? clean(facts.header("user-agent"), maxHeaderLength) : undefined
  const ip = settings.ip ? clientAddress(facts, settings) : undefined
  const method = clean(facts.method, 50)
  const target = rawPath + queryOf(query, settings)
  const properties: Record<string, unknown> = {
    $current_url: host === undefined ? target : `${scheme}://${host}${target}`,
    $pathname: rawPath,
    $request_path: rawPath
  }
  if (host !== undefined) properties.$host = host
  if (method !== undefined) properties.$request_method = method
  if (userAgent !== undefined) {
    const shown = redactText(userAgent)
    properties.$user_agent = shown
    properties.$raw_user_agent = shown
  }
  if (ip !== undefined) properties.$ip = ip
  if (windowId !== undefined) properties.$window_id = windowId
  return { distinctId: id("x-posthog-distinct-id"), sessionId: id("x-posthog-session-id"), properties }
}
