/**
 * Where a server listens: on one address, or on the same port of both loopback addresses, because `localhost` is
 * either.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { LocalError, type Patience } from "./settings.js"

const maxHeaders = 100

const defaultPatience: Patience = { headersTimeout: 10_000, requestTimeout: 30_000 }

/** Connections at the same time. */
const maxConnections = 2_000
const keepAliveTimeout = 60_000
/** How often Node looks for requests that take too long. */
const connectionsCheckingInterval = 1_000
/** How often a free port is looked for that is free on both addresses. */
const maxTries = 20

export type Listen = (request: IncomingMessage, response: ServerResponse) => void

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null)?.code

/** This machine has no such address. */
const isAbsent = (error: unknown): boolean =>
  ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"].includes(String(codeOf(error)))

const listenOn = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, () => {
      server.off("error", reject)
      resolve()
    })
  })

const portOf = (server: Server): number => (server.address() as AddressInfo).port

const stopListening = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    if (server.listening) server.close(() => resolve())
    else resolve()
  })

export class Listener {
  private readonly sockets = new Set<Socket>()
  private servers: ReadonlyArray<Server> = []
  private isClosed = false
  private shallListen = true
  private reaching: Promise<void> | undefined
  port = 0

  private constructor(
    private readonly listen: Listen,
    private readonly host: string | undefined,
    private readonly patience: Patience
  ) {}

  static async open(
    port: number,
    host: string | undefined,
    listen: Listen,
    patience: Patience = defaultPatience
  ): Promise<Listener> {
    const listener = new Listener(listen, host, patience)
    await listener.start(port)
    return listener
  }

  private make(): Server {
    const server = createServer({ connectionsCheckingInterval, keepAliveTimeout, ...this.patience })
    server.maxHeadersCount = maxHeaders
    server.maxConnections = maxConnections
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket)
      socket.once("close", () => this.sockets.delete(socket))
    })
    server.on("request", this.listen)
    // A connection that cannot be accepted, for want of file descriptors, is no reason to end the process.
    server.on("error", () => {})
    return server
  }

  private async start(port: number): Promise<void> {
    const hosts = this.host === undefined ? ["127.0.0.1", "::1"] : [this.host]
    for (let tries = 1;; tries++) {
      const servers: Array<Server> = []
      try {
        for (const host of hosts) {
          const server = this.make()
          try {
            await listenOn(server, servers[0] === undefined ? port : portOf(servers[0]), host)
            servers.push(server)
          } catch (error) {
            // A machine without one of the two is served on the other.
            if (this.host !== undefined || !isAbsent(error)) throw error
          }
        }
        if (servers[0] === undefined) throw new LocalError("listen", "This machine has no loopback address.")
        this.servers = servers
        this.port = portOf(servers[0])
        return
      } catch (error) {
        await Promise.all(servers.map(stopListening))
        if (codeOf(error) !== "EADDRINUSE") throw error
        if (port !== 0 || tries === maxTries) {
          throw new LocalError("port in use", `Port ${port} is in use by another program.`, error)
        }
      }
    }
  }

  /** Refuses connections, and ends those that there are. */
  pause(): Promise<void> {
    this.shallListen = false
    return this.reach()
  }

  /** Listens again where it did. */
  resume(): Promise<void> {
    this.shallListen = !this.isClosed
    return this.reach()
  }

  close(): Promise<void> {
    this.isClosed = true
    return this.pause()
  }

  /** Does what was wanted last, after what is being done. Stops at once where nothing is being done. */
  private reach(): Promise<void> {
    if (this.isThere()) return this.reaching ?? Promise.resolve()
    return this.reaching ??= this.goThere()
  }

  private isThere(): boolean {
    return this.shallListen === this.servers.length > 0
  }

  private async goThere(): Promise<void> {
    try {
      while (!this.isThere()) await (this.shallListen ? this.listenAgain() : this.stop())
    } finally {
      this.reaching = undefined
    }
  }

  private async listenAgain(): Promise<void> {
    try {
      await this.start(this.port)
    } catch (error) {
      // Somebody else may have taken the port. Whoever wants it no more need not know.
      if (!this.shallListen) return
      this.shallListen = false
      throw error
    }
  }

  private async stop(): Promise<void> {
    const { servers } = this
    this.servers = []
    const stopped = Promise.all(servers.map(stopListening))
    for (const socket of this.sockets) socket.destroy()
    await stopped
  }
}
