/**
 * The client of `PostHogLive`, and what is read of answers, over real sockets.
 */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option } from "effect"
import { FeatureFlags, LocalEvaluation, PostHog, PostHogClient } from "effect-posthog"
import { type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { undiciLoads } from "../support/effect.js"
import { apiKey, captureMany, names, range } from "../support/posthog.js"
import { serve, serveBytes } from "../support/server.js"
import * as Sink from "../support/sink.js"

const clients = {
  "node:http": PostHogClient.layer,
  "fetch": FetchHttpClient.layer,
  "undici": NodeHttpClient.layerUndici
}

/** Writes without an end, as fast as it is read. */
const endless = (response: ServerResponse, chunk: Buffer): void => {
  const write = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once("drain", write)
  }
  write()
}

const megabyte = Buffer.alloc(1024 * 1024, "x")
/** 64 MB in 64 kB. */
const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 32))

const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "a body without an end": (response) => {
    response.writeHead(200, { "content-type": "application/json" })
    endless(response, megabyte)
  },
  "a gzip bomb": (response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.length })
    response.end(bomb)
  },
  "a content length that is a lie": (response) => {
    response.writeHead(200, { "content-length": 2 ** 40 })
    endless(response, megabyte)
  },
  "gzip bombs without an end": (response) => {
    response.writeHead(200, { "content-encoding": "gzip" })
    endless(response, bomb)
  }
}

describe("answers", () => {
  for (const [name, client] of Object.entries(clients)) {
    it.scopedLive.skipIf(name === "undici" && !undiciLoads)(
      `${
        name === "undici" ? "undici (8 needs Node 22)" : name
      }: what is too large is not read, and the status of events counts`,
      () =>
        Effect.gen(function*() {
          for (const [what, answer] of Object.entries(answers)) {
            let closed = 0
            let close = () => {}
            const bothClosed = new Promise<void>((resolve) => close = resolve)
            const host = yield* serve((_, response) => {
              response.once("close", () => {
                if (++closed === 2) close()
              })
              answer(response)
            })
            yield* Effect.gen(function*() {
              yield* captureMany(3)
              assert.deepStrictEqual(yield* PostHog.flush, { delivered: 3, dropped: 0 }, what)
              const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
              assert.deepInclude(flags.failure, { reason: "invalid_response", status: 200 }, what)
              // This one does not unpack.
              if (name !== "undici") assert.match(flags.failure!.message, /too large/, what)
            }).pipe(
              Effect.provide(
                PostHog.layer({ apiKey, host, featureFlagsRequestTimeout: "1 minute" }).pipe(Layer.provide(client))
              )
            )
            // The rest is not waited for.
            yield* Effect.promise(() => bothClosed)
          }
        }),
      120_000
    )
  }

  it.scopedLive("definitions and error pages are bounded too", () =>
    Effect.gen(function*() {
      const host = yield* serve((request, response) => {
        response.writeHead(request.url?.startsWith("/flags/") === true ? 200 : 500, { "content-type": "text/html" })
        endless(response, megabyte)
      })
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        const error = yield* Effect.flip(PostHog.flush)
        assert.deepInclude(error, { reason: "status", status: 500 })
        // Cut, and marked as cut.
        assert.isAtMost(error.detail!.length, 210)
        const failure = yield* Effect.flip(LocalEvaluation.reload)
        assert.deepInclude(failure, { reason: "invalid_response", status: 200 })
      }).pipe(
        Effect.provide(
          LocalEvaluation.layer({ pollingInterval: "manual" }).pipe(
            Layer.provideMerge(
              PostHog.layer({ apiKey, host, secretKey: "phs_x", maxRetries: 0, requestTimeout: "1 minute" })
            ),
            Layer.provide(PostHogClient.layer)
          )
        )
      )
    }), 120_000)

  it.scopedLive(
    "a body that stalls, drips or breaks off behind a good status does not hold up the end",
    () =>
      Effect.gen(function*() {
        const bodies: ReadonlyArray<(response: ServerResponse) => void> = [
          () => {},
          (response) => {
            const timer = setInterval(() => response.write("x"), 20)
            response.once("close", () => clearInterval(timer))
          },
          (response) => response.destroy()
        ]
        for (const body of bodies) {
          const host = yield* serve((_, response) => {
            response.writeHead(200)
            response.write("{", () => body(response))
          })
          // The budget is longer than the test: the layer closes because the events are acknowledged.
          const stats = yield* Effect.flatMap(PostHog.PostHog, (service) => Effect.as(captureMany(2), service)).pipe(
            Effect.provide(
              PostHog.layer({ apiKey, host, shutdownTimeout: "1 hour", requestTimeout: "1 hour" }).pipe(
                Layer.provide(PostHogClient.layer)
              )
            ),
            Effect.flatMap((service) => service.stats)
          )
          assert.deepInclude(stats, { delivered: 2, dropped: {} })
        }
      }),
    60_000
  )

  it.scopedLive("headers without an end are no answer", () =>
    Effect.gen(function*() {
      const host = yield* serveBytes((socket) => {
        socket.write("HTTP/1.1 200 OK\r\n")
        const header = `x-more: ${"x".repeat(1000)}\r\n`
        const write = (): void => {
          while (!socket.destroyed && socket.write(header));
          if (!socket.destroyed) socket.once("drain", write)
        }
        write()
      })
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        assert.deepInclude(yield* Effect.flip(PostHog.flush), { reason: "connection", queued: 1 })
      }).pipe(
        Effect.provide(
          PostHog.layer({ apiKey, host, maxRetries: 0, shutdownTimeout: 0 }).pipe(Layer.provide(PostHogClient.layer))
        )
      )
    }), 60_000)
})

describe("PostHogClient", () => {
  const get = (url: string) => Effect.flatMap(HttpClient.HttpClient, (client) => client.get(url))

  it.scopedLive("unpacks gzip, keeps several values of a header, and reads all forms of a body", () =>
    Effect.gen(function*() {
      const text = JSON.stringify({ text: "grüße 日本".repeat(10_000) })
      const host = yield* serve((request, response) => {
        response.writeHead(200, { "set-cookie": ["a=1", "b=2"], "content-encoding": "gzip" })
        assert.strictEqual(request.headers["accept-encoding"], "gzip")
        response.end(gzipSync(text))
      })
      const read = yield* get(host)
      assert.strictEqual(yield* read.text, text)
      assert.strictEqual(Object.keys(read.cookies.cookies).length, 2)
      assert.deepStrictEqual(yield* Effect.flatMap(get(host), ({ json }) => json), JSON.parse(text))
      const bytes = yield* Effect.flatMap(get(host), ({ arrayBuffer }) => arrayBuffer)
      assert.strictEqual(new TextDecoder().decode(bytes), text)
    }).pipe(Effect.provide(PostHogClient.layer)))

  it.scopedLive("what is no HTTP, breaks off or says 101 is an error and never ends the process", () =>
    Effect.gen(function*() {
      const replies = [
        "hello\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-len",
        ""
      ]
      for (const reply of replies) {
        const host = yield* serveBytes((socket) => socket.end(reply))
        const exit = yield* Effect.exit(get(host))
        assert.isTrue(Exit.isFailure(exit) && Option.isSome(Cause.failureOption(exit.cause)), reply)
      }
      const broken = [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnone"
      ]
      for (const reply of broken) {
        const host = yield* serveBytes((socket) => socket.end(reply))
        const exit = yield* Effect.exit(Effect.flatMap(get(host), ({ text }) => text))
        assert.isTrue(Exit.isFailure(exit), reply)
      }
    }).pipe(Effect.provide(PostHogClient.layer)))

  it.scopedLive("interrupting a request, or the reading of its answer, closes the connection", () =>
    Effect.gen(function*() {
      for (const answers of [false, true]) {
        let closed = () => {}
        let began = () => {}
        const ended = new Promise<void>((resolve) => closed = resolve)
        const begun = new Promise<void>((resolve) => began = resolve)
        const host = yield* serve((request, response) => {
          request.socket.once("close", closed)
          if (answers) response.writeHead(200, { "content-length": 10 }).write("half")
          began()
        })
        const fiber = yield* Effect.fork(Effect.flatMap(get(host), ({ text }) => text))
        yield* Effect.promise(() => begun)
        yield* Fiber.interrupt(fiber)
        yield* Effect.promise(() => ended)
      }
    }).pipe(Effect.provide(PostHogClient.layer)))

  it.scopedLive("keeps connections, and closes them with the layer", () =>
    Effect.gen(function*() {
      const sockets = new Set<Socket>()
      let closed = () => {}
      const ended = new Promise<void>((resolve) => closed = resolve)
      const host = yield* serve((request, response) => {
        if (!sockets.has(request.socket)) request.socket.once("close", closed)
        sockets.add(request.socket)
        response.end("{}")
      })
      yield* Effect.repeat(Effect.flatMap(get(host), ({ text }) => text), { times: 4 }).pipe(
        Effect.provide(PostHogClient.layer)
      )
      assert.strictEqual(sockets.size, 1)
      yield* Effect.promise(() => ended)
    }))

  it.scopedLive("bodies that are not in memory go over fetch, and so do programs with a fetch of their own", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      let calls = 0
      const fetch = Layer.succeed(FetchHttpClient.Fetch, (input: RequestInfo | URL, init?: RequestInit) => {
        calls++
        return globalThis.fetch(input, init)
      })
      yield* Effect.zipRight(captureMany(2), PostHog.flush).pipe(
        Effect.provide(
          PostHog.layer({ apiKey, host: sink.url }).pipe(Layer.provide(PostHogClient.layer), Layer.provide(fetch))
        )
      )
      assert.strictEqual(calls, 1)
      assert.deepStrictEqual(names(sink.accepted), range(2))
      const form = new FormData()
      form.append("a", "b")
      yield* Effect.flatMap(
        HttpClient.HttpClient,
        (client) => client.execute(HttpClientRequest.post(`${sink.url}/x`).pipe(HttpClientRequest.bodyFormData(form)))
      ).pipe(
        Effect.provide(PostHogClient.layer)
      )
      assert.match(String(sink.requests.at(-1)!.headers["content-type"]), /^multipart\/form-data/)
    }))

  it.scopedLive("a connection that the server has closed meanwhile costs a repetition and no event", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        yield* PostHog.flush
        sink.next(Sink.resetBefore)
        yield* captureMany(1, 1)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
      }).pipe(
        Effect.provide(PostHog.layer({ apiKey, host: sink.url }).pipe(Layer.provide(PostHogClient.layer)))
      )
      assert.deepStrictEqual(names(sink.accepted), range(2))
      assert.strictEqual(sink.batches.every(({ headers }) => Number(headers["content-length"]) > 0), true)
    }))
})
