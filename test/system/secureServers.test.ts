/**
 * Servers with encryption of their own, over real sockets. The certificate is for `localhost`, good for nothing else.
 */
import { HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog, PostHogHttp, PostHogTest, TestLayer } from "effect-posthog"
import { readFileSync } from "node:fs"
import { connect, createSecureServer } from "node:http2"
import { createServer, request } from "node:https"
import { routes, serve } from "../support/web.js"

const tls = {
  key: readFileSync(new URL("../support/tls/localhost.key", import.meta.url)),
  cert: readFileSync(new URL("../support/tls/localhost.crt", import.meta.url))
}

const overHttps = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    request({ host: "localhost", port, path: "/a", ca: tls.cert, agent: false }, (response) => {
      response.resume().once("end", resolve)
    }).once("error", reject).end()
  })

const overHttp2 = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const session = connect(`https://localhost:${port}`, { ca: tls.cert })
    session.once("error", reject)
    const stream = session.request({ ":path": "/a" })
    stream.once("error", reject).once("end", () => session.close(resolve)).resume()
    stream.end()
  })

const app = routes({
  "GET /a": Effect.as(PostHog.capture("seen", {}, { distinctId: "u" }), HttpServerResponse.text("hello"))
}).pipe(PostHogHttp.middleware())

describe("a server with encryption of its own", () => {
  for (
    const [name, server, ask] of [
      ["https", () => createServer(tls) as never, overHttps],
      ["HTTP/2", () => createSecureServer(tls) as never, overHttp2],
      ["https, of a server of HTTP/2", () => createSecureServer({ ...tls, allowHTTP1: true }) as never, overHttps]
    ] as const
  ) {
    it.scopedLive(`${name}: the address says so`, () =>
      Effect.gen(function*() {
        const port = yield* serve(app, { make: server })
        yield* Effect.promise(() => ask(port))
        const [event] = yield* PostHogTest.captured
        assert.strictEqual(event!.properties.$current_url, `https://localhost:${port}/a`)
        assert.strictEqual(event!.properties.$host, `localhost:${port}`)
      }).pipe(Effect.provide(TestLayer)))
  }
})
