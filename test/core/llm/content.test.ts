import { assert, describe, it } from "@effect/vitest"
import { look, type Treatment } from "../../../src/core/llm/content.js"

const plain: Treatment = { full: false, redact: [] }

const shown = (value: unknown, treatment = plain, room = 1_000_000, property = "$ai_input"): unknown =>
  JSON.parse(look(value, property, treatment, room).within(room).text)

describe("content", () => {
  it("is what it is", () => {
    const messages = [{ role: "system", content: "Be short." }, {
      role: "user",
      content: [{ type: "text", text: "Hi" }, { type: "image", image: "https://example.com/cat.png" }]
    }]
    assert.deepStrictEqual(shown(messages), messages)
    assert.strictEqual(shown("a text"), "a text")
  })

  it("loses the oldest messages when there is no room, and says how many", () => {
    const messages = Array.from({ length: 10 }, (_, at) => ({ role: "user", content: `${at} `.repeat(50_000) }))
    const [note, ...rest] = shown(messages, plain, 500_000) as Array<{ readonly content: string }>
    assert.deepStrictEqual<unknown>(note, { role: "posthog", content: "[6 messages removed due to size limit]" })
    assert.deepStrictEqual(rest.map(({ content }) => content[0]), ["6", "7", "8", "9"])
  })
})
