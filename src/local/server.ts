/**
 * A PostHog on this machine: takes what any SDK sends, says what became of it, and misbehaves on request.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { exchange, type Shared } from "./exchange.js"
import { makeFaults } from "./faults.js"
import { makeFlags } from "./flags.js"
import { makeHints } from "./hints.js"
import { Listener } from "./listener.js"
import type { Hooks, Local, LocalServer } from "./local.js"
import { makeOrigins } from "./origins.js"
import { makePeople } from "./people.js"
import { makeReports } from "./reports.js"
import { type Options, settle } from "./settings.js"
import { Store } from "./store.js"
import { isReport, takeReport } from "./takeReport.js"

export type { LocalServer } from "./local.js"

/** What listens on the second port. */
export type Control = (server: LocalServer) => (request: IncomingMessage, response: ServerResponse) => void

const urlOf = (host: string | undefined, port: number): string =>
  `http://${host === undefined ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`

/** Starts a server. Fails with a `LocalError` when it cannot. */
export const makeServer = async (
  options: Options = {},
  hooks: Hooks & { readonly control?: Control } = {}
): Promise<LocalServer> => {
  const settings = settle(options, process.env)
  const { now = () => Date.now(), random = () => Math.random() } = hooks
  const store = new Store(settings)
  const changed = async (): Promise<void> => {
    store.tell({ type: "changed", what: "faults" })
    if (faults.running().some(({ fault }) => fault.kind === "refuse")) return listener.pause()
    try {
      await listener.resume()
    } catch (error) {
      const { port } = new URL(server.url)
      store.hint(
        now(),
        "server",
        `Port ${port} has been taken by another program while connections were refused, so that nothing arrives here. ` +
          "End that program and start this server anew"
      )
      throw error
    }
  }
  const faults = makeFaults({ random, changed })
  const local: Local = {
    settings,
    store,
    people: makePeople(),
    hints: makeHints(store),
    flags: makeFlags(store, now),
    faults,
    origins: makeOrigins(settings, (origin) => {
      store.hint(now(), "origins", `Pages of ${origin} ask whether they may send; --allow-origin ${origin} lets them`)
      store.tell({ type: "changed", what: "origins" })
    }),
    reports: makeReports(() => store.tell({ type: "changed", what: "report" })),
    pageUrl: () => server.controlUrl,
    now,
    isStrict: hooks.isStrict
  }
  const shared: Shared = { reading: 0 }
  const listener = await Listener.open(settings.port, settings.host, (request, response) => {
    if (isReport(request)) takeReport(request, response, local)
    else void exchange(request, response, local, hooks, shared)
  }, hooks.patience)
  let control: Listener | undefined
  const server: LocalServer = {
    url: urlOf(settings.host, listener.port),
    get controlUrl() {
      return control && urlOf(settings.host, control.port)
    },
    token: settings.token,
    local,
    faults,
    close: async () => {
      await Promise.all([listener.close(), control?.close()])
    }
  }
  if (settings.controlPort !== false && hooks.control !== undefined) {
    try {
      control = await Listener.open(settings.controlPort, settings.host, hooks.control(server))
    } catch (error) {
      await listener.close()
      throw error
    }
  }
  return server
}
