/**
 * Pages in a real browser that send to a local PostHog, and what came of it.
 */
import { build } from "esbuild"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { control } from "../../src/local/control.js"
import type { ReceivedEvent } from "../../src/local/model.js"
import { type LocalServer, makeServer } from "../../src/local/server.js"
import type { Options } from "../../src/local/settings.js"

export const token = "phc_browser"

const here = fileURLToPath(new URL(".", import.meta.url))

const bundle = async (code: string): Promise<string> => {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: here, loader: "js" },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    platform: "browser",
    logLevel: "error"
  })
  return outputFiles[0]!.text
}

/** What a page has instead of the package: a list of what was called, until the script is there that does it. */
const snippet = `
(function(){
  var methods = "capture identify group reset register onFeatureFlags getFeatureFlag getFeatureFlagPayload captureException".split(" ")
  var posthog = window.posthog = []
  posthog.__SV = 1
  posthog._i = []
  methods.forEach(function (name) {
    posthog[name] = function () { posthog.push([name].concat(Array.prototype.slice.call(arguments))) }
  })
  posthog.init = function (token, config, name) {
    var script = document.createElement("script")
    script.async = true
    script.crossOrigin = "anonymous"
    script.src = config.api_host + "/static/array.js"
    var first = document.getElementsByTagName("script")[0]
    first.parentNode.insertBefore(script, first)
    posthog._i.push([token, config, name || "posthog"])
  }
})()`

/** How a page comes by its client. */
export type Client = "bundled" | "snippet" | "lite"

/** What pages are made of, served from an origin of their own. */
export interface Site {
  readonly port: number
  readonly close: () => Promise<void>
  /** The page at this path, from now on. */
  readonly put: (path: string, html: string) => void
}

export const makeSite = async (): Promise<Site> => {
  const [bundled, lite] = await Promise.all([
    bundle("import posthog from 'posthog-js'; window.posthog = posthog"),
    bundle("import { PostHog } from 'posthog-js-lite'; window.PostHogLite = PostHog")
  ])
  const files = new Map([["/bundled.js", bundled], ["/lite.js", lite], ["/snippet.js", snippet]])
  const server: Server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname
    const file = files.get(path)
    const type = path.endsWith(".js") ? "text/javascript" : "text/html"
    response.writeHead(file === undefined && path !== "/favicon.ico" ? 404 : 200, { "content-type": type })
    response.end(file)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    put: (path, html) => files.set(path, html)
  }
}

export interface Visit {
  readonly server: LocalServer
  readonly page: Page
  /** What the console says that is no mere information, and errors of the page. */
  readonly complaints: ReadonlyArray<string>
  /** Runs a script in the page. */
  readonly run: <A = unknown>(script: string) => Promise<A>
  /** The first event with this name of those that have come or will come. */
  readonly event: (name: string, is?: (event: ReceivedEvent) => boolean) => Promise<ReceivedEvent>
  /** Waits until something holds of the server, looking again whenever something happens there. */
  readonly until: <A>(read: () => A | undefined) => Promise<A>
  readonly close: () => Promise<void>
}

export interface Setup {
  readonly client?: Client
  /** Members of the client's configuration. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly options?: Options
  /** The name that the page is reached by. Default: `localhost`. */
  readonly host?: string
  /** Before the page is opened. */
  readonly prepare?: (server: LocalServer) => void
  readonly body?: string
}

/** Waits until something holds of the server. */
export const until = <A>({ local: { store } }: LocalServer, read: () => A | undefined): Promise<A> =>
  new Promise((resolve) => {
    const look = (): void => {
      const found = read()
      if (found === undefined) return
      stop()
      resolve(found)
    }
    const stop = store.subscribe(look)
    look()
  })

const start = (client: Client, config: object): string =>
  client === "lite"
    ? `window.posthog = new PostHogLite(${JSON.stringify(token)}, ${JSON.stringify(config)})`
    : `posthog.init(${JSON.stringify(token)}, ${JSON.stringify(config)})`

/** Opens a page of its own, in a browser that knows nobody, that sends to a server of its own. */
export const visit = async (browser: Browser, site: Site, setup: Setup = {}): Promise<Visit> => {
  const { body = "", client = "bundled", host = "localhost", options, prepare } = setup
  const server = await makeServer({ port: 0, controlPort: 0, ...options }, { control })
  prepare?.(server)
  const config = client === "lite"
    ? { host: server.url, flushInterval: 100, captureHistoryEvents: true, ...setup.config }
    // A browser that is driven by a program counts as a bot, which sends nothing.
    : {
      api_host: server.url,
      opt_out_useragent_filter: true,
      // As short as it may be.
      request_queue_config: { flush_interval_ms: 250 },
      ...setup.config
    }
  const path = `/${new URL(server.url).port}`
  site.put(
    path,
    `<!doctype html><title>A page</title><script src="/${client}.js"></script>
    <script>${start(client, config)}</script><h1>A page</h1>${body}`
  )
  const context = await browser.newContext()
  const page = await context.newPage()
  const complaints: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`)
    }
  })
  page.on("pageerror", (error) => complaints.push(String(error)))
  await page.goto(`http://${host}:${site.port}${path}`)
  const { store } = server.local
  return {
    server,
    page,
    complaints,
    run: (script) => page.evaluate(script),
    event: (name, is = () => true) =>
      until(server, () => store.events.find((event) => event.event === name && is(event))),
    until: (read) => until(server, read),
    close: async () => {
      await context.close()
      await server.close()
    }
  }
}
