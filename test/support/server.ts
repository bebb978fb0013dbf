/** Servers on the loopback interface, as long as a test needs them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"

/** A server, and those who wait until something has happened there. */
export abstract class LoopbackServer {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly listeners = new Set<() => void>()

  constructor() {
    this.server = createServer((request, response) => {
      // A connection that breaks is what some tests want.
      this.handle(request, response).catch(() => response.destroy())
    })
    this.server.keepAliveTimeout = 60_000
    this.server.on("connection", (socket) => {
      this.sockets.add(socket)
      socket.once("close", () => this.sockets.delete(socket))
    })
  }

  protected abstract handle(request: IncomingMessage, response: ServerResponse): Promise<void>

  /** `0`: any port that is free. */
  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject)
      this.server.listen(port, "127.0.0.1", () => resolve())
    })
  }

  /** Ends connections too that clients keep open. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve())
      for (const socket of this.sockets) socket.destroy()
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** Resolves when the condition holds; it is checked whenever something has happened. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const listener = () => {
        if (!condition()) return
        this.listeners.delete(listener)
        resolve()
      }
      this.listeners.add(listener)
    })
  }

  /** Something has happened. */
  protected notify(): void {
    for (const listener of this.listeners) listener()
  }
}

class Serving extends LoopbackServer {
  constructor(private readonly answer: (request: IncomingMessage, response: ServerResponse) => void) {
    super()
  }

  protected async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    response.on("error", () => {})
    this.answer(request, response)
  }
}

/** The address of a server that answers as the test says, as long as the scope lives. */
export const serve = (
  handle: (request: IncomingMessage, response: ServerResponse) => void
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const server = new Serving(handle)
        await server.listen()
        return server
      }),
      (server) => Effect.promise(() => server.close())
    ),
    ({ url }) => url
  )
