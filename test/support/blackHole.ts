/**
 * A host that drops packets: a socket that listens and that nobody accepts from, with as many connections as it has room for. The kernel drops what
 * asks for more, so that connecting never ends.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { connect } from "node:net"

/** Listens, says where, and stands still for good. */
const listener = `
const { createServer } = require("node:net")
const server = createServer()
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  require("node:fs").writeSync(1, server.address().port + "\\n")
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** The address of a host that drops packets, as long as the scope lives. */
export const make: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, ["-e", listener], { stdio: ["ignore", "pipe", "inherit"] })
      const port = await new Promise<number>((resolve) => child.stdout.once("data", (data) => resolve(Number(data))))
      const sockets = Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => {}))
      // Of a queue of one there is room for two.
      let connected = 0
      await new Promise<void>((resolve) => {
        for (const socket of sockets) {
          socket.once("connect", () => {
            if (++connected === 2) resolve()
          })
        }
      })
      return { child, port, sockets }
    }),
    ({ child, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        child.kill("SIGKILL")
      })
  ),
  ({ port }) => `http://127.0.0.1:${port}`
)
