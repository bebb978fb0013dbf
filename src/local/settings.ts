/**
 * What can be said about a local PostHog, and what holds when nothing is said.
 */
import { randomBytes } from "node:crypto"

export interface Options {
  /** Where clients send to; `0`: a port that is free. Default 8790. */
  readonly port?: number | undefined
  /** The page and the API that controls the server: a port, or `false` for neither. Default: the next after `port`. */
  readonly controlPort?: number | false | undefined
  /** The address to listen on; other than loopback demands a `token`. Default: both loopback addresses. */
  readonly host?: string | undefined
  /** What the control API wants to be told. Default: made at the start. */
  readonly token?: string | undefined
  /** Names besides those of loopback under which the server is reached. */
  readonly allowHosts?: ReadonlyArray<string> | undefined
  /** Origins besides those of this machine from which browsers may send. */
  readonly allowOrigins?: ReadonlyArray<string> | undefined
  /** How many events are kept. Default 10,000. */
  readonly maxEvents?: number | undefined
  /** How many bytes of them. Default 64 MiB. */
  readonly maxBytes?: number | undefined
  /** Where the scripts of browsers come from: the program's own `posthog-js`, nowhere, or PostHog. Default `local`. */
  readonly assets?: "local" | "none" | "cdn" | undefined
  /** Where `posthog-js` is looked for. Default: the working directory. */
  readonly assetsFrom?: string | undefined
  /** Whether browsers are asked for recordings of sessions, which are counted and not kept. Default `false`. */
  readonly replay?: boolean | undefined
  /** Whether it may run although `NODE_ENV` is `production`. Default `false`. */
  readonly allowProduction?: boolean | undefined
}

/** How long a client may take, in milliseconds: for the headers, and for all of a request. */
export interface Patience {
  readonly headersTimeout: number
  readonly requestTimeout: number
}

export interface Settings {
  readonly port: number
  readonly controlPort: number | false
  readonly host: string | undefined
  readonly token: string
  readonly allowHosts: ReadonlyArray<string>
  readonly allowOrigins: ReadonlyArray<string>
  readonly maxEvents: number
  readonly maxBytes: number
  readonly assets: "local" | "none" | "cdn"
  readonly assetsFrom: string
  readonly replay: boolean
}

const defaultPort = 8790
const defaultMaxEvents = 10_000
const defaultMaxBytes = 64 * 1024 * 1024

/** Why a server does not start, in words for whoever started it. */
export class LocalError extends Error {
  readonly reason: "options" | "production" | "port in use" | "listen"

  constructor(reason: LocalError["reason"], message: string, cause?: unknown) {
    super(message, { cause })
    this.name = "LocalError"
    this.reason = reason
  }
}

/** Names and addresses of this machine that no other machine reaches. */
export const isLoopback = (host: string): boolean =>
  /^(?:localhost|(?:.+\.)?localhost\.?|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)

const checkPort = (name: string, port: number): void => {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return
  throw new LocalError("options", `${name} must be a whole number from 0 to 65535, and is ${String(port)}`)
}

const checkCount = (name: string, count: number): void => {
  if (Number.isSafeInteger(count) && count >= 0) return
  throw new LocalError("options", `${name} must be a whole number, 0 or more, and is ${String(count)}`)
}

/** Fills in what was not said. Throws a {@link LocalError} for what cannot be. */
export const settle = (options: Options, environment: { readonly NODE_ENV?: string | undefined }): Settings => {
  if (environment.NODE_ENV === "production" && options.allowProduction !== true) {
    throw new LocalError(
      "production",
      "A local PostHog does not start where NODE_ENV is \"production\", because what it is sent would be lost. " +
        "Say allowProduction if that is meant."
    )
  }
  const { host, port = defaultPort, token } = options
  checkPort("port", port)
  const { controlPort = port === 0 ? 0 : port + 1, maxBytes = defaultMaxBytes, maxEvents = defaultMaxEvents } = options
  if (controlPort !== false) checkPort("controlPort", controlPort)
  if (controlPort !== 0 && controlPort === port) {
    throw new LocalError("options", `port and controlPort must be two, and are both ${port}`)
  }
  checkCount("maxEvents", maxEvents)
  checkCount("maxBytes", maxBytes)
  if (token !== undefined && !/^[\x21-\x7e]{16,}$/.test(token)) {
    throw new LocalError("options", "token must have at least 16 characters of ASCII, without spaces")
  }
  if (host !== undefined && !isLoopback(host) && token === undefined) {
    throw new LocalError(
      "options",
      `Who listens on ${host} can be reached from other machines, and needs a token for the control of the server. ` +
        "Give one, or leave the host out."
    )
  }
  return {
    port,
    controlPort,
    host,
    token: token ?? randomBytes(24).toString("base64url"),
    allowHosts: options.allowHosts ?? [],
    allowOrigins: options.allowOrigins ?? [],
    maxEvents,
    maxBytes,
    assets: options.assets ?? "local",
    assetsFrom: options.assetsFrom ?? process.cwd(),
    replay: options.replay ?? false
  }
}
