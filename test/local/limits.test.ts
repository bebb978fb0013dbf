/** What a hostile or broken client sends, over real connections. */
import * as zlib from "node:zlib"
import { assert, describe, it } from "vitest"
import { maxBody } from "../../src/local/decode.js"
import { ask, askAs, batch, bytes, event, isRefused, isWell, post, start, until } from "./running.js"

const brackets = (levels: number, open: string, close: string): string => open.repeat(levels) + close.repeat(levels)

describe("limits", () => {
  it("answers 413 to a body that is too large, after it has been read", async () => {
    const server = await start()
    const answer = await post(server, "/batch/", Buffer.alloc(maxBody + 1, " "), { origin: "http://localhost:3000" })
    assert.strictEqual(answer.status, 413)
    assert.match(answer.body.detail, /on the wire/)
    assert.strictEqual(answer.headers.get("access-control-allow-origin"), "http://localhost:3000")
    assert.strictEqual(server.local.store.requests[0]!.wireBytes, maxBody + 1)
    const most = Buffer.from(batch().padEnd(maxBody, " "))
    assert.strictEqual((await post(server, "/batch/", most)).status, 200)
  })

  it("takes a part of a body without end only", async () => {
    const server = await start()
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024))
    })
    const init: RequestInit & { readonly duplex: "half" } = { method: "POST", body: endless, duplex: "half" }
    const outcome = await ask(server, "/batch/", init).then(({ status }) => status, () => "ended")
    assert.include([413, "ended"], outcome)
    assert.isTrue(await isWell(server))
  })

  it("does not unpack what would be too large", async () => {
    const server = await start()
    const zeros = Buffer.alloc(200 * 1024 * 1024)
    const bombs: ReadonlyArray<readonly [Buffer, Record<string, string>]> = [
      [zlib.gzipSync(zeros, { level: 1 }), {}],
      [zlib.gzipSync(zeros, { level: 1 }), { "content-encoding": "gzip" }],
      [zlib.deflateSync(zeros, { level: 1 }), { "content-encoding": "deflate" }],
      [zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }), {
        "content-encoding": "br"
      }]
    ]
    for (const [bomb, headers] of bombs) {
      const answer = await post(server, "/e/", bomb, headers)
      assert.strictEqual(answer.status, 413)
      assert.match(answer.body.detail, /unpacked/)
    }
    const wrapped = await post(server, "/e/", bombs[0]![0].toString("base64"))
    assert.strictEqual(wrapped.status, 413)
    assert.isTrue(await isWell(server))
  })

  it("does not parse what is nested too deeply", async () => {
    const server = await start()
    for (const levels of [129, 50_000, 5_000_000]) {
      for (const [open, close] of [["[", "]"], ["{\"a\":", "}"]] as const) {
        const value = levels === 5_000_000 ? open.repeat(levels / open.length) : brackets(levels, open, close)
        const answer = await post(
          server,
          "/batch/",
          `{"api_key":"phc_key","batch":[{"event":"a","properties":${value}}]}`
        )
        assert.strictEqual(answer.status, 400)
        assert.match(answer.body.detail, /levels deep/)
      }
    }
    // Brackets in a text are no levels, and an escaped quotation mark does not end it.
    const harmless = event("bought", {
      properties: { text: `\\"${"[".repeat(500)}\\`, list: JSON.parse(brackets(100, "[", "]")) }
    })
    assert.strictEqual((await post(server, "/batch/", batch(harmless))).status, 200)
    assert.strictEqual(server.local.store.events.at(-1)!.properties.text, `\\"${"[".repeat(500)}\\`)
  })

  it("shows a path that is nowhere, however it is written", async () => {
    const server = await start()
    for (
      const path of [
        "/",
        "//",
        "//batch//",
        "/%",
        "/%E0%A4%A",
        "/nix?a=%E0%A4%A",
        "/batch/%00",
        "/__proto__",
        "/static/../../etc/passwd"
      ]
    ) {
      const answer = await askAs(server, path, { host: "localhost" }, "POST")
      assert.isAtLeast(answer.status, 400, path)
      assert.isBelow(answer.status, 500, path)
      assert.isString(JSON.parse(answer.text).detail, path)
      assert.strictEqual(server.local.store.requests.at(-1)!.path, path.split("?")[0])
      assert.strictEqual(server.local.store.requests.at(-1)!.status, answer.status)
    }
    assert.strictEqual((await ask(server, "/batch")).status, 405)
    assert.isTrue(await isWell(server))
  })

  it("survives what is no HTTP, and headers without end", async () => {
    const server = await start()
    assert.match(await bytes(server, "\u0000\u0001\u0002\r\n\r\n"), /^(?:HTTP\/1\.1 400|$)/)
    assert.match(
      await bytes(server, `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(100_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431/
    )
    const many = Array.from({ length: 600 }, (_, index) => `x-${index}: 1\r\n`).join("")
    await bytes(
      server,
      `POST /batch/ HTTP/1.1\r\nhost: localhost\r\n${many}connection: close\r\ncontent-length: 0\r\n\r\n`
    )
    assert.isAtMost(Object.keys(server.local.store.requests.at(-1)!.headers).length, 100)
    assert.isTrue(await isWell(server))
  })

  it("ends a request that takes too long, and connections that end are told of", async () => {
    const server = await start({}, { patience: { headersTimeout: 100, requestTimeout: 200 } })
    assert.match(await bytes(server, "POST /batch/ HTTP/1.1\r\nhost: localhost\r\n"), /^HTTP\/1\.1 408/)
    assert.match(
      await bytes(server, "POST /batch/ HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{"),
      /^HTTP\/1\.1 408/
    )
    await until(server, () => server.local.store.requests.at(-1)?.reason !== undefined)
    assert.match(server.local.store.requests.at(-1)!.reason!, /ended before/)
    assert.isTrue(await isWell(server))
  })

  it("answers 500 to a request that a handler fails for, and to no other", async () => {
    const server = await start({}, {
      intercept: (exchange, go) => {
        if (exchange.received.path === "/batch/") throw new Error("boom")
        return go(exchange)
      }
    })
    const [failed, fine] = await Promise.all([post(server, "/batch/", batch()), post(server, "/e/", batch())])
    assert.strictEqual(failed.status, 500)
    assert.notInclude(failed.text, "boom")
    assert.strictEqual(fine.status, 200)
  })

  it("takes many requests on many connections at the same time", async () => {
    const server = await start({ maxEvents: 100 })
    const answers = await Promise.all(Array.from({ length: 300 }, () => post(server, "/batch/", batch())))
    assert.isTrue(answers.every(({ status }) => status === 200))
    assert.strictEqual(server.local.store.counts.accepted, 300)
    assert.strictEqual(server.local.store.events.length, 100)
    assert.strictEqual(server.local.store.counts.forgotten, 200)
  })

  it("listens on both loopback addresses, and leaves nothing open", async () => {
    const server = await start()
    const port = new URL(server.url).port
    for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
      const response = await fetch(`http://${host}:${port}/batch/`, { method: "POST", body: batch() })
        .catch((error: Error) => error)
      // Some machines have no IPv6.
      if (!(response instanceof Error)) assert.strictEqual(response.status, 200)
      else assert.strictEqual(host, "[::1]")
    }
    await server.close()
    assert.isTrue(await isRefused(server))
  })
})
