/** A local PostHog for a test, and ways to speak to it that no well-behaved client has. */
import { request as httpRequest } from "node:http"
import { connect } from "node:net"
import { onTestFinished } from "vitest"
import type { Hooks } from "../../src/local/local.js"
import { type LocalServer, makeServer } from "../../src/local/server.js"
import type { Options } from "../../src/local/settings.js"

export const start = async (options: Options = {}, hooks: Hooks = {}): Promise<LocalServer> => {
  const server = await makeServer({ port: 0, controlPort: false, ...options }, hooks)
  onTestFinished(() => server.close())
  return server
}

export interface Heard {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: any
}

export const ask = async (server: LocalServer, path: string, init: RequestInit = {}): Promise<Heard> => {
  const response = await fetch(server.url + path, { redirect: "manual", ...init })
  const text = await response.text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = undefined
  }
  return { status: response.status, headers: response.headers, text, body }
}

export const post = (
  server: LocalServer,
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {}
): Promise<Heard> =>
  ask(server, path, { method: "POST", body: typeof body === "string" ? body : new Uint8Array(body), headers })

/** With headers that `fetch` does not let one set. */
export const askAs = (
  server: LocalServer,
  path: string,
  headers: Record<string, string>,
  method = "GET"
): Promise<{ readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly text: string }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url)
    const request = httpRequest({ hostname, port, path, method, headers, setHost: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part) => {
        text += part
      })
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }))
    })
    request.on("error", reject)
    request.end()
  })

/** Everything that the server answers to these bytes, until it ends the connection. */
export const bytes = (server: LocalServer, sent: string | ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1")
    let heard = ""
    socket.setEncoding("utf8").on("data", (part) => {
      heard += String(part)
    })
    socket.on("error", () => {})
    socket.on("close", () => resolve(heard))
    for (const part of typeof sent === "string" ? [sent] : sent) socket.write(part)
  })

/** Whether nobody listens there. */
export const isRefused = ({ url }: LocalServer): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"))
    socket.on("connect", () => {
      socket.destroy()
      resolve(false)
    })
  })

/** Resolves when the condition holds; it is looked at whenever something has happened. */
export const until = (server: LocalServer, condition: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): boolean => {
      if (!condition()) return false
      resolve()
      return true
    }
    if (look()) return
    const stop = server.local.store.subscribe(() => {
      if (look()) stop()
    })
  })

export const event = (name = "bought", members: object = {}) => ({
  event: name,
  distinct_id: "ada",
  properties: { plan: "pro" },
  ...members
})

export const batch = (...events: ReadonlyArray<unknown>): string =>
  JSON.stringify({ api_key: "phc_key", batch: events.length === 0 ? [event()] : events })

/** That the server is well after what was done to it. */
export const isWell = async (server: LocalServer): Promise<boolean> =>
  (await post(server, "/batch/", batch(event("well")))).status === 200 &&
  server.local.store.events.at(-1)?.event === "well"
