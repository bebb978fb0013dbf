/**
 * Stands in for parts that are being written. Whoever lands a part replaces its name where it is imported (`routes.ts`,
 * `server.ts`), and deletes it here.
 */
import { randomUUID } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import type { Flags } from "./flags.js"
import type { Handler } from "./local.js"
import { json } from "./model.js"
import type { Settings } from "./settings.js"

/** `config.js`, `config`, scripts, surveys and the like: everything that is read by browsers. */
export const browser: Handler = () => json(200, {})

export const makeFlags = (): Flags => ({
  document: () => ({ flags: [] }),
  setDefinitions: () => undefined,
  setOverrides: () => {},
  override: () => {},
  overrides: () => [],
  missing: () => [],
  evaluate: (_, { now }) =>
    json(200, { flags: {}, errorsWhileComputingFlags: false, requestId: randomUUID(), evaluatedAt: now() }),
  definitions: () => json(200, { flags: [], group_type_mapping: {}, cohorts: {} }),
  remoteConfig: () => json(404, { detail: "no such flag" }),
  clear: () => {}
})

/** Headers for browsers, on every answer of routes for them. */
export const cors = ({ origin }: IncomingHttpHeaders, _settings: Settings): { readonly [name: string]: string } =>
  origin === undefined ? {} : { "access-control-allow-origin": origin, vary: "Origin" }

/** What a preflight is told besides. */
export const preflight = (headers: IncomingHttpHeaders): { readonly [name: string]: string } => ({
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers": headers["access-control-request-headers"] ?? "content-type",
  "access-control-max-age": "600"
})
