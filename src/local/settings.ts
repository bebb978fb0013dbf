/**
 * What can be said about a local PostHog, and what holds when nothing is said.
 */

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
