/**
 * A proxy between the library and a server, at the level of bytes: it passes each request on and its answer back, unless a fault is due.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type IncomingHttpHeaders, request } from "node:http"
import { createServer, type Socket } from "node:net"
import { Loopback, open } from "./server.js"

/** What the server has answered. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What happens to one exchange. */
export interface Fault {
  /**
   * How many bytes of the request are read, of `total` with a head of `head`. Then the connection ends as `end` says, and the server
   * hears nothing of it. Default: all of it is read, and passed on.
   */
  readonly cut?: (head: number, total: number) => number
  /** `false`: the server hears nothing of a request that was read. */
  readonly passesOn?: boolean
  /** So many bytes of the request are read at a time, one piece in each millisecond. */
  readonly pace?: number
  /** So long everything takes beyond that, in milliseconds. */
  readonly latency?: number
  /** What is written in the place of the answer, in pieces, one in each millisecond. Default: the answer; `[]`: nothing. */
  readonly answer?: (answered: Answered) => ReadonlyArray<Buffer | string>
  /** How the connection ends after that. Default `keep`: it does not. */
  readonly end?: "reset" | "close" | "keep"
}

const headEnd = Buffer.from("\r\n\r\n")

/** Where the head of a request ends and how long all of it is, when that is known. */
const lengthsOf = (bytes: Buffer): { readonly head: number; readonly total: number } | undefined => {
  const at = bytes.indexOf(headEnd)
  if (at === -1) return undefined
  const head = at + headEnd.length
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, head))
  return { head, total: head + Number(length?.[1] ?? 0) }
}

/** An answer in bytes. */
export const bytesOf = (
  { body, headers, status }: Answered,
  head: { readonly version?: string; readonly status?: string; readonly headers?: ReadonlyArray<string> } = {}
): Buffer => {
  const lines = [
    `${head.version ?? "HTTP/1.1"} ${head.status ?? `${status} Whatever`}`,
    ...head.headers ?? [`content-type: ${headers["content-type"] ?? "text/plain"}`, `content-length: ${body.length}`]
  ]
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body])
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

export class FaultProxy extends Loopback {
  /** What happens to the next exchanges, one each. */
  script: Array<Fault> = []
  /** What happens to those for which nothing is scripted. */
  otherwise: () => Fault | undefined = () => undefined
  /** Exchanges that had a fault. */
  faults = 0

  constructor(private readonly target: string) {
    super(createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {})
      void this.serve(socket).catch(() => socket.destroy())
    }))
  }

  /** One exchange after the other, until the connection ends. */
  private async serve(socket: Socket): Promise<void> {
    let bytes: Buffer = Buffer.alloc(0)
    let fault: Fault | undefined
    let isChosen = false
    const choose = (): void => {
      isChosen = true
      fault = this.script.shift() ?? this.otherwise()
      if (fault !== undefined) this.faults++
    }
    // Read by hand, so that what is not wanted stays with the sender.
    for (;;) {
      if (!isChosen) {
        if (bytes.length === 0) await this.readable(socket)
        choose()
      }
      const lengths = lengthsOf(bytes)
      const end = lengths !== undefined && fault?.cut !== undefined
        ? fault.cut(lengths.head, lengths.total)
        : fault?.cut?.(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY) === 0
        ? 0
        : undefined
      if (end !== undefined && bytes.length >= end) return this.finish(socket, fault)
      if (lengths === undefined || bytes.length < lengths.total) {
        await this.readable(socket)
        if (fault?.pace !== undefined) await pause(1)
        const chunk: unknown = (fault?.pace === undefined ? undefined : socket.read(fault.pace)) ?? socket.read()
        if (socket.readableEnded || socket.destroyed) return
        if (Buffer.isBuffer(chunk)) bytes = Buffer.concat([bytes, chunk])
        continue
      }
      const whole = bytes.subarray(0, lengths.total)
      bytes = bytes.subarray(lengths.total)
      isChosen = false
      const answered = fault?.passesOn === false
        ? { status: 0, headers: {}, body: Buffer.alloc(0) }
        : await this.passOn(whole, lengths.head)
      if (fault?.latency !== undefined) await pause(fault.latency)
      const pieces = fault?.answer?.(answered) ?? [bytesOf(answered)]
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) await pause(1)
        if (socket.destroyed) return
        socket.write(piece)
      }
      if (fault?.end === "reset" || fault?.end === "close") return this.finish(socket, fault)
    }
  }

  private readable(socket: Socket): Promise<void> {
    if (socket.readableLength > 0 || socket.destroyed || socket.readableEnded) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        socket.off("readable", done).off("close", done)
        resolve()
      }
      socket.on("readable", done).on("close", done)
    })
  }

  private finish(socket: Socket, fault: Fault | undefined): void {
    if (fault?.end === "reset") socket.resetAndDestroy()
    else if (fault?.end === "close") socket.end(() => socket.destroy())
  }

  private passOn(bytes: Buffer, head: number): Promise<Answered> {
    const [first = "", ...lines] = bytes.toString("latin1", 0, head - headEnd.length).split("\r\n")
    const [method, path] = first.split(" ")
    const headers = Object.fromEntries(lines.map((line) => {
      const at = line.indexOf(":")
      return [line.slice(0, at), line.slice(at + 1).trim()]
    }))
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.target}${path}`, { method, headers, agent: false }, (incoming) => {
        const chunks: Array<Buffer> = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("error", reject)
        incoming.on("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks)
          }))
      })
      outgoing.on("error", reject)
      outgoing.end(bytes.subarray(head))
    })
  }
}

/** A proxy that lives as long as the scope. */
export const make = (target: string): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  open(() => new FaultProxy(target))
