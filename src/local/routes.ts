/**
 * Which path leads to which handler.
 */
import { browser, link } from "./browser.js"
import { ingestAi, ingestV0 } from "./ingest.js"
import { ingestV1 } from "./ingestV1.js"
import type { Handler } from "./local.js"
import { json, type Lane, type Target } from "./model.js"
import { otlp } from "./otlp.js"
import { replay } from "./replay.js"

export interface Route {
  readonly target: Target
  readonly handler: Handler
  /** Whether browsers of any origin that may send get an answer. Secret keys and what they open are not for them. */
  readonly isOpen: boolean
  /** The way in which its errors are said. */
  readonly lane: Lane | undefined
}

interface Row extends Route {
  readonly method: "GET" | "POST"
  /** Without a slash at the end. */
  readonly path: RegExp
}

const row = (
  method: Row["method"],
  path: RegExp,
  target: Target,
  handler: Handler,
  { isOpen = true, lane }: { readonly isOpen?: boolean; readonly lane?: Lane } = {}
): Row => ({ method, path, target, handler, isOpen, lane })

const rows: ReadonlyArray<Row> = [
  row("POST", /^\/(?:e|i\/v0\/e|batch|capture|track|engage)$/, "events", ingestV0, { lane: "v0" }),
  row("POST", /^\/i\/v0\/ai\/batch$/, "events", ingestAi, { lane: "ai" }),
  row("POST", /^\/i\/v1\/(?:analytics|ai)\/events$/, "events", ingestV1, { lane: "v1" }),
  row("POST", /^\/(?:s|newS)$/, "replay", replay),
  row("POST", /^\/(?:flags|decide)$/, "flags", (exchange, local) => local.flags.evaluate(exchange, local)),
  row(
    "GET",
    /^\/(?:flags\/definitions|api\/feature_flag\/local_evaluation)$/,
    "definitions",
    (exchange, local) => local.flags.definitions(exchange, local),
    { isOpen: false }
  ),
  row(
    "GET",
    /^\/api\/projects\/[^/]+\/feature_flags\/[^/]+\/remote_config$/,
    "definitions",
    (exchange, local) => local.flags.remoteConfig(exchange, local),
    { isOpen: false }
  ),
  row("GET", /^(?:|\/project\/[^/]+\/(?:replay|persons?)\/[^/]+|(?:\/project\/[^/]+)?\/issues)$/, "other", link),
  row("GET", /^\/(?:array|static)\/.+$/, "config", browser),
  row("GET", /^\/api\/(?:surveys|early_access_features|web_experiments|product_tours)$/, "config", browser),
  row("POST", /^\/i\/v1\/(?:logs|metrics|traces)$/, "otlp", otlp, { lane: "otlp" }),
  row("POST", /^\/i\/v0\/ai\/otel(?:\/v1\/(?:traces|logs))?$/, "otlp", otlp, { lane: "otlp" })
]

/** Where nothing is. */
const nowhere: Route = {
  target: "other",
  handler: ({ received }) => json(404, { detail: `${received.method} ${received.path} is no route of PostHog` }),
  isOpen: true,
  lane: undefined
}

const wrongMethod: Route = {
  ...nowhere,
  handler: ({ received }) => json(405, { detail: `${received.method} is no method of ${received.path}` })
}

export const routeOf = (method: string, path: string): Route => {
  const bare = path.replace(/\/$/, "")
  const there = rows.filter((row) => row.path.test(bare))
  // Answers to HEAD are those to GET, whose body Node leaves out.
  return there.find((row) => row.method === (method === "HEAD" ? "GET" : method)) ??
    (there[0] === undefined ? nowhere : { ...wrongMethod, target: there[0].target, isOpen: there[0].isOpen })
}
