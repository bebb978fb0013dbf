/**
 * Where requests go: what people copy out of PostHog becomes the address that takes events.
 *
 * @since 0.1.0
 */
import { unquote } from "./text.js"

/** PostHog Cloud US, the default of every SDK. */
export const defaultHost = "https://us.i.posthog.com"

const eu = "https://eu.i.posthog.com"

/** Addresses of PostHog Cloud that take no events, and those that do in their place. */
const ingestionHosts: Readonly<Record<string, string>> = {
  "app.posthog.com": defaultHost,
  "us.posthog.com": defaultHost,
  "us-assets.i.posthog.com": defaultHost,
  "eu.posthog.com": eu,
  "eu-assets.i.posthog.com": eu
}

/** The website, which belongs to no region. */
const websites = ["posthog.com", "www.posthog.com"]

/** Paths of the web application, and of the endpoints that this library adds itself. */
const knownPath =
  /\/(?:project\/\d+(?:\/.*)?|batch|capture|decide|flags|flags\/definitions|i\/v0\/e|i\/v0\/ai\/batch)$/i

/** The name of a machine in a domain, or an IPv4 address, with a port and a path perhaps. */
const withoutScheme = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|\d{1,3})(?::\d{1,5})?(?:\/.*)?$/i
const thisMachine = /^(?:localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1\])(?::\d{1,5})?(?:\/.*)?$/i

/** Texts that are no address but let somebody in, such as a key of PostHog or a JSON Web Token. */
const secret = /^(?:ph[a-z]_|sk[-_]|eyJ)/

/** The address to send to, or why there is none: in words that show nothing of what was given. */
export type Host = { readonly host: string } | { readonly problem: string }

const example = "write an address such as https://us.i.posthog.com or https://eu.i.posthog.com"

const parse = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const withScheme = (text: string): string =>
  thisMachine.test(text) ? `http://${text}` : withoutScheme.test(text) ? `https://${text}` : text

/**
 * The address to send to: without white space, quotes and trailing slashes; blank gives the default; an address of
 * PostHog's web application its ingestion address. A missing `https://` is added in front of a domain, and paths of
 * PostHog's own are cut. What has no plain meaning has a problem.
 */
export const readHost = (given: string): Host => {
  const text = unquote(given)
  if (text === "") return { host: defaultHost }
  if (secret.test(text)) return { problem: `is a key and no address; ${example}` }
  const url = parse(withScheme(text))
  if (url === undefined) return { problem: `is no URL; ${example}` }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return { problem: `does not begin with https:// or http://; ${example}` }
  }
  if (url.username !== "" || url.password !== "") {
    // Nor does an HTTP client of the platform send to such an address.
    return {
      problem: `has a user or a password in it, which belong into a header (option transformClient); ${example}`
    }
  }
  const name = url.hostname.toLowerCase().replace(/\.$/, "")
  if (websites.includes(name)) {
    return {
      problem: "is PostHog's website; write https://us.i.posthog.com or https://eu.i.posthog.com, as your project says"
    }
  }
  // PostHog Cloud takes events under no other path, and only over https.
  if (name.endsWith(".posthog.com")) return { host: ingestionHosts[name] ?? `https://${url.host}` }
  if (url.search !== "" || url.hash !== "") return { problem: `has a query or a fragment; ${example}` }
  const path = url.pathname.replace(/\/+$/, "").replace(knownPath, "").replace(/\/+$/, "")
  return { host: url.origin + path }
}
