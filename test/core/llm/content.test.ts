import { assert, describe, it } from "@effect/vitest"
import { look, type Redact, type Treatment } from "../../../src/core/llm/content.js"
import { cutBytes, utf8Length } from "../../../src/core/llm/utf8.js"

const plain: Treatment = { full: false, redact: [] }

const full: Treatment = { full: true, redact: [] }

const written = (value: unknown, treatment = plain, room = 900_000, property = "$ai_input") =>
  look(value, property, treatment, room).within(room)

const shown = (value: unknown, treatment = plain, room = 900_000): unknown =>
  JSON.parse(written(value, treatment, room).text)

const of = (content: unknown, treatment = plain): unknown =>
  (shown([{ role: "user", content }], treatment) as ReadonlyArray<{ readonly content: unknown }>)[0]?.content

const base64 = (length: number) => "QUJD".repeat(Math.ceil(length / 4)).slice(0, length)

describe("content", () => {
  it("is what it is", () => {
    const messages = [{ role: "system", content: "Be short." }, {
      role: "user",
      content: [{ type: "text", text: "Hi" }, { type: "image", image: "https://example.com/cat.png" }]
    }, {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{\"a\":[1,true,null]}" } }]
    }]
    assert.deepStrictEqual(shown(messages), messages)
    assert.deepStrictEqual(shown(messages, full), messages)
    assert.strictEqual(shown("a text"), "a text")
    assert.deepStrictEqual(shown([1, 2, [3]]), [1, 2, [3]])
    assert.strictEqual(shown(null), null)
    assert.deepStrictEqual(shown([]), [])
  })

  it("media are replaced where they are known by their surroundings", () => {
    const data = base64(64)
    const cases: ReadonlyArray<readonly [part: unknown, expected: unknown]> = [
      [{ type: "image", image: `data:image/png;base64,${data}` }, {
        type: "image",
        image: "[base64 image/png redacted]"
      }],
      [{ type: "image_url", image_url: { url: "DATA:image/gif;charset=x;base64,AA" } }, {
        type: "image_url",
        image_url: { url: "[base64 image/gif redacted]" }
      }],
      [{ type: "image", source: { type: "base64", media_type: "image/jpeg", data: "QUJD" } }, {
        type: "image",
        source: { type: "base64", media_type: "image/jpeg", data: "[base64 image/jpeg redacted]" }
      }],
      [{ inlineData: { mimeType: "image/webp", data: `QUJD\r\nQUJD` } }, {
        inlineData: { mimeType: "image/webp", data: "[base64 image/webp redacted]" }
      }],
      [{ type: "input_audio", input_audio: { data, format: "wav" } }, {
        type: "input_audio",
        input_audio: { data: "[base64 audio/wav redacted]", format: "wav" }
      }],
      [{ type: "file", file: { file_data: data } }, { type: "file", file: { file_data: "[base64 file redacted]" } }],
      [{ type: "other", result: data }, { type: "other", result: "[base64 redacted]" }],
      [{ type: "other", audio_data: data }, { type: "other", audio_data: "[base64 audio redacted]" }],
      [{ type: "text", text: base64(1024) }, { type: "text", text: "[base64 redacted]" }],
      [{ type: "image", image: new Uint8Array(3) }, { type: "image", image: "[base64 image redacted]" }],
      [{ data: Buffer.from("abc"), mediaType: "audio/mpeg" }, {
        data: "[base64 audio/mpeg redacted]",
        mediaType: "audio/mpeg"
      }]
    ]
    for (const [part, expected] of cases) {
      assert.deepStrictEqual(of([part]), [expected])
    }
  })

  it("what only looks a little like media stays", () => {
    const parts = [
      { type: "text", text: base64(1023) },
      { type: "text", text: `see data:image/png;base64,${base64(64)}` },
      { type: "other", result: base64(63) },
      { type: "file", mediaType: "text/plain", data: "short" },
      { type: "image_url", image_url: { url: `https://example.com/${base64(100)}` } },
      { type: "other", result: `${base64(30)} ${base64(2000)}` }
    ]
    assert.deepStrictEqual(of(parts), parts)
  })

  it("in full nothing is replaced or cut", () => {
    const parts = [{ type: "image", image: `data:image/png;base64,${base64(300_000)}` }, {
      type: "text",
      text: `sk-proj-${base64(40)} ${"x ".repeat(150_000)}`
    }]
    assert.deepStrictEqual(of(parts, full), parts)
  })

  it("keys of known shapes are replaced", () => {
    assert.strictEqual(of("use sk-proj-abcdefgh12345678 please"), "use [redacted] please")
    assert.strictEqual(of("password: swordfish, Dr. Müller"), "password: swordfish, Dr. Müller")
  })

  it("texts are cut at 200,000 bytes, never within a character", () => {
    for (const character of ["a ", "ü ", "€ ", "😀 "]) {
      const text = of(character.repeat(150_000)) as string
      assert.isTrue(text.endsWith("... [truncated]"))
      const kept = text.slice(0, -"... [truncated]".length)
      assert.isTrue(character.repeat(150_000).startsWith(kept))
      assert.strictEqual(Buffer.from(kept, "utf8").toString("utf8"), kept)
      assert.isAtMost(Buffer.byteLength(kept), 200_000)
      assert.isAtLeast(Buffer.byteLength(kept), 199_990)
    }
    assert.strictEqual(of("a ".repeat(100_000)), "a ".repeat(100_000))
  })

  it("bytes are counted as UTF-8 has them", () => {
    for (const text of ["", "abc", "aüb", "€", "😀a", "\ud800", "\udc00x", "a\ud83d"]) {
      assert.strictEqual(utf8Length(text), Buffer.byteLength(text), JSON.stringify(text))
      for (let max = 0; max < 8; max++) {
        const cut = cutBytes(text, max)
        assert.isTrue(text.startsWith(cut))
        assert.isAtMost(Buffer.byteLength(cut), max)
      }
    }
  })

  it("loses the oldest messages when there is no room, and says how many", () => {
    const messages = Array.from({ length: 10 }, (_, at) => ({ role: "user", content: `${at} `.repeat(50_000) }))
    const [note, ...rest] = shown(messages, plain, 500_000) as Array<{ readonly content: string }>
    assert.deepStrictEqual<unknown>(note, { role: "posthog", content: "[6 messages removed due to size limit]" })
    assert.deepStrictEqual(rest.map(({ content }) => content[0]), ["6", "7", "8", "9"])
    const texts = shown(messages.map(({ content }) => content), plain, 500_000) as ReadonlyArray<string>
    assert.strictEqual(texts[0], "[6 messages removed due to size limit]")
  })

  it("the newest message is cut until there is room, whatever it has", () => {
    const parts = Array.from({ length: 20 }, () => ({ type: "text", text: "word ".repeat(40_000) }))
    const [message] = shown([{ role: "user", content: parts }], plain, 100_000) as ReadonlyArray<
      { readonly content: ReadonlyArray<{ readonly text: string }> }
    >
    assert.lengthOf(message!.content, 20)
    assert.isTrue(message!.content[0]!.text.endsWith("... [truncated]"))
    assert.isAtMost(written({ role: "user", content: parts }, plain, 100_000).text.length, 100_000)
    assert.strictEqual(
      shown(Object.fromEntries(parts.map((_, n) => [`${n}`.repeat(1000), n])), plain, 1_000),
      "[removed due to size limit]"
    )
  })

  it("what has no room is not looked at", () => {
    let asked = 0
    const old = new Proxy({}, {
      ownKeys: () => {
        asked++
        return []
      }
    })
    shown(
      [...Array.from({ length: 1000 }, () => old), ...Array.from({ length: 5 }, () => "x ".repeat(90_000))],
      plain,
      500_000
    )
    assert.strictEqual(asked, 0)
    const endless: Array<unknown> = []
    endless.length = 1e9
    assert.isAtMost(written(endless, plain, 10_000).text.length, 10_000)
  })

  it("a value that is used twice stays, and one that holds itself is marked", () => {
    const part = { type: "text", text: "shared" }
    assert.deepStrictEqual(of([part, part]), [part, part])
    const cycle: Record<string, unknown> = { type: "text" }
    cycle.self = cycle
    assert.deepStrictEqual(of([cycle]), [{ type: "text", self: "[Circular]" }])
    let deep: unknown = "end"
    for (let i = 0; i < 10_000; i++) deep = [deep]
    assert.include(JSON.stringify(of(deep)), "[Too deep]")
  })

  it("values that throw, and values that JSON has not, become what other properties become", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const parts = [
      proxy,
      {
        get text(): string {
          throw proxy
        }
      },
      {
        toJSON: () => {
          throw proxy
        }
      },
      { toJSON: () => ({ type: "text", text: "asked" }) },
      new Map([["a", 1]]),
      new Date(0),
      1n,
      Symbol("s"),
      undefined
    ]
    assert.deepStrictEqual(of(parts), [
      "[Throws]",
      { text: "[Throws]" },
      "[Throws]",
      { type: "text", text: "asked" },
      { a: 1 },
      "1970-01-01T00:00:00.000Z",
      "1",
      "Symbol(s)",
      null
    ])
    assert.isAbove(written([{ role: "user", content: parts }]).repairs, 0)
    assert.strictEqual(shown(proxy), "[Throws]")
    assert.deepStrictEqual(shown([proxy]), ["[Throws]"])
  })

  it("a function of the program sees texts and parts, and not what only says what they are", () => {
    const seen: Array<unknown> = []
    const redact: Redact = (content) => {
      seen.push(typeof content === "string" ? content : content.type)
      return typeof content === "string" ? "*" : content
    }
    const message = {
      role: "assistant",
      content: [{ type: "text", text: "a" }, {
        type: "function",
        id: "call",
        function: { name: "f", arguments: { id: "b", deep: ["c"] } }
      }]
    }
    assert.deepStrictEqual(of(message.content, { full: false, redact: [redact] }), [{ type: "text", text: "*" }, {
      type: "function",
      id: "call",
      function: { name: "f", arguments: { id: "*", deep: ["*"] } }
    }])
    assert.deepStrictEqual(seen, ["text", "a", "function", "b", "c"])
  })

  it("what a function of the program gives may be anything; what it throws is counted", () => {
    const gives = (value: unknown): Treatment => ({ full: false, redact: [() => value] })
    assert.deepStrictEqual(of("a", gives({ n: 1 })), { n: 1 })
    assert.deepStrictEqual(of(["a", "b"], gives(null)), [null, null])
    const throwing: Treatment = {
      full: true,
      redact: [() => {
        throw new Error("no")
      }]
    }
    const { repairs, text } = written([{ role: "user", content: "a" }], throwing)
    assert.deepStrictEqual([repairs, JSON.parse(text)], [1, [{ role: "user", content: "[redaction failed]" }]])
  })
})
