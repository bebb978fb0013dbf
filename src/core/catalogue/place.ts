/**
 * Where PostHog's management API is, and whether a key and a project can be right.
 *
 * @since 0.1.0
 */
import { readHost } from "../config/host.js"
import { checkSecretKey } from "../config/keys.js"

/** Addresses that take events, and those of the web application, which has the API. */
const appHosts: Readonly<Record<string, string>> = {
  "https://us.i.posthog.com": "https://us.posthog.com",
  "https://eu.i.posthog.com": "https://eu.posthog.com"
}

/** What is wrong, in words that show nothing of what was given. */
export interface Problem {
  readonly problem: string
}

/** The address of the web application: PostHog Cloud takes events at another. */
export const readAppHost = (given: string): { readonly host: string } | Problem => {
  const found = readHost(given)
  return "problem" in found
    ? { problem: `the host ${found.problem}` }
    : { host: appHosts[found.host] ?? found.host }
}

/** A personal key without white space around it. */
export const readPersonalKey = (given: string): { readonly key: string } | Problem => {
  const key = given.trim()
  if (key === "") {
    return { problem: "there is no personal API key (phx_…); make one in PostHog, in the settings of your account" }
  }
  if (key.startsWith("phs_")) {
    return {
      problem: "a project secret key (phs_…) cannot change or read definitions; it needs a personal one (phx_…)"
    }
  }
  switch (checkSecretKey(key)) {
    case "project_api_key":
      return { problem: "a project API key (phc_…) was given as the personal API key (phx_…)" }
    case "malformed_secret_key":
      return { problem: "the personal API key has characters that no key has; copy it again" }
    default:
      return { key }
  }
}

/** The id of a project as a part of an address. */
export const readProject = (given: string | number): { readonly project: string } | Problem => {
  const project = String(given).trim()
  return /^[1-9]\d{0,15}$/.test(project)
    ? { project }
    : { problem: "the id of the project is a number: that in the address of PostHog's pages, /project/<id>" }
}
