/** Flags of a local PostHog, asked for by requests and by a client that evaluates by itself. */
import { PostHog as PostHogNode } from "posthog-node"
import { expect, onTestFinished } from "vitest"
import type { Override } from "../../src/local/flags.js"
import { type LocalServer, makeServer } from "../../src/local/server.js"
import { definitions, flag } from "../support/definitions.js"

/** A server with these flags, as long as the test runs. */
export const open = async (document: unknown = definitions([]), overrides: ReadonlyArray<Override> = []) => {
  const server = await makeServer({ port: 0, controlPort: false })
  onTestFinished(() => server.close())
  expect(server.local.flags.setDefinitions(document)).toBeUndefined()
  server.local.flags.setOverrides(overrides)
  return server
}

const post = async (server: LocalServer, path: string, body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body), headers })
  return { status: response.status, body: await response.json() as any }
}

export const ask = (
  server: LocalServer,
  more: object = {},
  path = "/flags/?v=2",
  headers: Record<string, string> = {}
) => post(server, path, { token: "phc_a", distinct_id: "ada", evaluation_runtime: "server", ...more }, headers)

export const load = (server: LocalServer, headers: Record<string, string> = { authorization: "Bearer phs_secret" }) =>
  fetch(`${server.url}/flags/definitions?token=phc_a&send_cohorts`, { headers })

/** Values by key. */
export const values = async (server: LocalServer, more: object = {}) => {
  const { body } = await ask(server, more)
  return Object.fromEntries(
    Object.entries<any>(body.flags).map(([key, { enabled, variant }]) => [key, enabled ? variant ?? true : false])
  )
}

export const capture = (server: LocalServer, event: object) =>
  post(server, "/batch/", { api_key: "phc_a", batch: [{ event: "e", distinct_id: "ada", properties: {}, ...event }] })

export const multivariate = (key: string, groups: ReadonlyArray<unknown>, more: object = {}) =>
  flag(key, {
    version: 3,
    filters: {
      groups,
      multivariate: {
        variants: [{ key: "control", rollout_percentage: 50 }, { key: "fast", rollout_percentage: 50 }]
      },
      payloads: { fast: "{\"color\":\"#00f\"}" },
      ...more
    }
  })

/** A client that evaluates by itself. */
export const local = async <A>(server: LocalServer, use: (client: PostHogNode) => Promise<A>): Promise<A> => {
  const client = new PostHogNode("phc_a", {
    host: server.url,
    personalApiKey: "phs_secret",
    featureFlagsPollingInterval: 2_000_000_000
  })
  try {
    await client.reloadFeatureFlags()
    return await use(client)
  } finally {
    await client.shutdown()
  }
}

export const locally = async (
  client: PostHogNode,
  distinctId: string,
  more: { groups?: Record<string, string>; personProperties?: Record<string, string> } = {}
) => {
  const snapshot = await client.evaluateFlags(distinctId, { ...more, onlyEvaluateLocally: true })
  return Object.fromEntries(
    snapshot.keys.map((key) => [key, snapshot.getFlag(key, { sendFeatureFlagEvents: false })])
  )
}
