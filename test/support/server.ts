/** Servers on the loopback interface, as long as a test needs them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net"

/** Where a server listens and how it ends, whatever is spoken there. */
export abstract class Loopback {
  private readonly sockets = new Set<Socket>()

  constructor(protected readonly server: Server) {
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket)
      socket.once("close", () => this.sockets.delete(socket))
    })
  }

  /** `0`: any port that is free. */
  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject)
      this.server.listen(port, "127.0.0.1", () => {
        this.server.off("error", reject)
        resolve()
      })
    })
  }

  /** Ends connections too that clients keep open. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve())
      for (const socket of this.sockets) socket.destroy()
    })
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }
}

/** A server that listens as long as the scope lives. */
export const open = <S extends Pick<Loopback, "listen" | "close">>(
  make: () => S
): Effect.Effect<S, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = make()
      await server.listen()
      return server
    }),
    (server) => Effect.promise(() => server.close())
  )

/** Those who wait until something has happened. */
export class Waiting {
  private readonly listeners = new Set<() => void>()

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

  notify(): void {
    for (const listener of this.listeners) listener()
  }
}

/** A server of HTTP, and those who wait until something has happened there. */
export abstract class LoopbackServer extends Loopback {
  private readonly waiting = new Waiting()

  constructor() {
    const server = createHttpServer((request, response) => {
      // A connection that breaks is what some tests want.
      this.handle(request, response).catch(() => response.destroy())
    })
    server.keepAliveTimeout = 60_000
    super(server)
  }

  protected abstract handle(request: IncomingMessage, response: ServerResponse): Promise<void>

  /** Resolves when the condition holds; it is checked whenever something has happened. */
  until(condition: () => boolean): Promise<void> {
    return this.waiting.until(condition)
  }

  /** Something has happened. */
  protected notify(): void {
    this.waiting.notify()
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
): Effect.Effect<string, never, Scope.Scope> => Effect.map(open(() => new Serving(handle)), ({ url }) => url)

class ServingBytes extends Loopback {
  constructor(handle: (socket: Socket) => void) {
    super(createTcpServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", () => handle(socket))
    }))
  }
}

/** The same below HTTP: `handle` is called when something of a request is there. */
export const serveBytes = (handle: (socket: Socket) => void): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(open(() => new ServingBytes(handle)), ({ url }) => url)

/** A port of this machine on which nobody listens. */
export const freePort: Effect.Effect<number> = Effect.scoped(
  Effect.map(open(() => new ServingBytes(() => {})), ({ port }) => port)
)
