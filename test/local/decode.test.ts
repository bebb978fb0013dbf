/** Bodies as clients pack them, without a browser. */
import * as zlib from "node:zlib"
import { assert, describe, it } from "vitest"
import { batch, event, isWell, post, start } from "./running.js"

const text = batch(event("bought", { properties: { name: "Žofie + Ünal = ❤" } }))
const plain = Buffer.from(text)
const form = (data: string): string => `data=${encodeURIComponent(data)}`

interface Packing {
  readonly name: string
  readonly body: string | Buffer
  readonly headers?: Record<string, string>
  readonly query?: string
  readonly packed: string
}

const packings: ReadonlyArray<Packing> = [
  { name: "plain", body: text, headers: { "content-type": "application/json" }, packed: "plain" },
  { name: "plain, as text", body: `\n ${text}`, headers: { "content-type": "text/plain" }, packed: "plain" },
  {
    name: "gzip that no header tells, as posthog-js sends it",
    body: zlib.gzipSync(plain),
    headers: { "content-type": "text/plain" },
    packed: "gzip without header"
  },
  {
    name: "gzip as older versions of posthog-js tell it",
    body: zlib.gzipSync(plain),
    query: "?compression=gzip-js",
    packed: "gzip without header"
  },
  { name: "gzip", body: zlib.gzipSync(plain), headers: { "content-encoding": "gzip" }, packed: "gzip" },
  { name: "deflate", body: zlib.deflateSync(plain), headers: { "content-encoding": "deflate" }, packed: "deflate" },
  { name: "br", body: zlib.brotliCompressSync(plain), headers: { "content-encoding": " BR" }, packed: "br" },
  { name: "base64", body: plain.toString("base64"), packed: "base64" },
  { name: "base64 with breaks", body: plain.toString("base64").replaceAll(/.{60}/g, "$&\r\n"), packed: "base64" },
  { name: "gzip in base64", body: zlib.gzipSync(plain).toString("base64"), packed: "gzip in base64" },
  {
    name: "a form with base64, as sendBeacon sends it",
    body: form(plain.toString("base64")),
    headers: { "content-type": "application/x-www-form-urlencoded" },
    query: "?compression=base64",
    packed: "base64 in form"
  },
  {
    name: "a form with base64 that nobody has escaped",
    body: `data=${plain.toString("base64")}&ver=1.0`,
    packed: "base64 in form"
  },
  { name: "a form with JSON", body: `${form(text)}&compression=`, packed: "form" },
  { name: "a form in gzip", body: zlib.gzipSync(form(text)), packed: "form in gzip without header" }
]

describe("decode", () => {
  for (const path of ["/e/", "/i/v0/e", "/batch/", "/capture/"]) {
    it(`takes every packing on ${path}`, async () => {
      const server = await start()
      for (const { body, headers, name, packed, query = "" } of packings) {
        server.local.store.clear()
        const { body: answer, status } = await post(server, path + query, body, headers)
        assert.deepStrictEqual({ status, answer }, { status: 200, answer: { status: 1 } }, name)
        const [request] = server.local.store.requests
        assert.deepStrictEqual(
          { packed: request!.packed, wireBytes: request!.wireBytes, events: request!.events },
          { packed, wireBytes: Buffer.byteLength(body), events: 1 },
          name
        )
        assert.strictEqual(server.local.store.events[0]?.properties.name, "Žofie + Ünal = ❤", name)
      }
    })
  }

  it("says what it cannot unpack", async () => {
    const server = await start()
    const refused: ReadonlyArray<readonly [string | Buffer, Record<string, string>, number, RegExp]> = [
      ["anything", { "content-encoding": "compress" }, 415, /nothing here unpacks "compress"/],
      ["anything", { "content-encoding": "__proto__" }, 415, /nothing here unpacks/],
      ["anything", { "content-encoding": "toString" }, 415, /nothing here unpacks/],
      [text, { "content-encoding": "gzip" }, 400, /no gzip/],
      [zlib.gzipSync(plain).subarray(0, 40), {}, 400, /no gzip/],
      ["data=%E0%A4%A", {}, 400, /badly escaped/],
      ["", {}, 400, /empty/],
      ["{", {}, 400, /no JSON/],
      ["AAAA", {}, 400, /no JSON/]
    ]
    for (const [body, headers, status, reason] of refused) {
      const answer = await post(server, "/batch/", body, headers)
      assert.strictEqual(answer.status, status, String(body))
      assert.match(answer.body.detail, reason)
      assert.match(server.local.store.requests.at(-1)!.reason!, reason)
    }
    assert.isTrue(await isWell(server))
  })

  it("speaks to clients of capture v1 in its words", async () => {
    const server = await start()
    const answer = await post(server, "/i/v1/analytics/events", "anything", {
      "content-encoding": "compress",
      "posthog-request-id": "0195f3a4-0000-7000-8000-000000000001"
    })
    assert.deepStrictEqual([answer.status, answer.body.error], [415, "unsupported_encoding"])
    assert.strictEqual(answer.headers.get("posthog-request-id"), "0195f3a4-0000-7000-8000-000000000001")
  })
})
