/**
 * Where requests go: PostHog's app addresses are mapped to its ingestion addresses.
 *
 * @since 0.1.0
 */

/** PostHog Cloud US, the default of every SDK. */
export const defaultHost = "https://us.i.posthog.com"

const ingestionHosts: Readonly<Record<string, string>> = {
  "https://app.posthog.com": defaultHost,
  "https://us.posthog.com": defaultHost,
  "https://eu.posthog.com": "https://eu.i.posthog.com"
}

/**
 * The address to send to: without surrounding white space and trailing slashes, blank gives the default, an app address of
 * PostHog Cloud gives its ingestion address. `undefined` when it is no plain `http` or `https` URL.
 */
export const normaliseHost = (host: string): string | undefined => {
  const trimmed = host.trim().replace(/\/+$/, "")
  if (trimmed === "") return defaultHost
  let url: URL
  try {
    url = new URL(trimmed)
  } catch {
    return undefined
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return undefined
  // No HTTP client of the platform sends to an address with a query, a fragment, or a user and password in it.
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") return undefined
  return ingestionHosts[trimmed.toLowerCase()] ?? trimmed
}
