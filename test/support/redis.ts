/**
 * A real Redis in a process of its own, on a free port, keeping nothing on disk.
 */
import { createClient } from "@redis/client"
import { Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./server.js"

const server = "redis-server"

/** Whether this machine has a Redis. */
export const isInstalled = spawnSync(server, ["--version"]).status === 0

/** Why what needs one is skipped. */
export const absence = "there is no redis-server on this machine (apt-get install redis-server)"

export interface Redis {
  readonly port: number
  /** Ends the server, as a crash does. */
  readonly kill: Effect.Effect<void>
  /** Starts it again after that, on the same port and with what it kept. */
  readonly restart: Effect.Effect<void>
}

/** Writes each command to disk before it is answered. */
export const durable: ReadonlyArray<string> = ["--appendonly", "yes", "--appendfsync", "always"]

const run = (args: ReadonlyArray<string>): Promise<() => Promise<void>> => {
  const child = spawn(server, args, { stdio: ["ignore", "pipe", "inherit"] })
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", () => reject(new Error("redis-server ended")))
    child.stdout.on("data", (chunk: Buffer) => {
      if (!chunk.toString("utf8").includes("Ready to accept connections")) return
      resolve(() => {
        child.kill("SIGKILL")
        return ended
      })
    })
  })
}

/** A server with further arguments, which can be started again. */
export const startWith = (...more: ReadonlyArray<string>): Effect.Effect<Redis, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const port = await Effect.runPromise(freePort)
      const folder = mkdtempSync(join(tmpdir(), "redis-"))
      const usual = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
      const args = [...usual, "--dir", folder, ...more]
      let stop = await run(args)
      return {
        port,
        kill: Effect.promise(() => stop()),
        restart: Effect.promise(async () => {
          stop = await run(args)
        }),
        end: async () => {
          await stop()
          rmSync(folder, { recursive: true, force: true })
        }
      }
    }),
    ({ end }) => Effect.promise(end)
  )

export const start: Effect.Effect<Redis, never, Scope.Scope> = startWith()

/** A client that is closed with the scope. It fails while there is no connection, and connects again by itself. */
export const connect = ({ port }: Pick<Redis, "port">, version: 2 | 3 = 2) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = createClient({
        url: `redis://127.0.0.1:${port}`,
        RESP: version,
        disableOfflineQueue: true,
        socket: { reconnectStrategy: 20 }
      })
      client.on("error", () => {})
      await client.connect()
      return client
    }),
    (client) => Effect.sync(() => client.destroy())
  )
