import { assert, describe, it } from "@effect/vitest"
import { BoundedText, truncated } from "../../../src/core/llm/boundedText.js"

describe("a bounded text", () => {
  it("joins any number of pieces", () => {
    const text = new BoundedText({ left: 100_000 })
    assert.isTrue(text.isEmpty)
    const pieces = Array.from({ length: 5_000 }, (_, index) => `${index},`)
    for (const piece of pieces) text.add(piece)
    assert.strictEqual(String(text), pieces.join(""))
    assert.isFalse(text.isEmpty)
  })

  it("is cut once, and never within a character", () => {
    const room = { left: 4 }
    const text = new BoundedText(room)
    for (const piece of ["abc", "🦔🦔", "d"]) text.add(piece)
    assert.strictEqual(String(text), `abc${truncated}`)
    assert.strictEqual(room.left, 0)
  })
})
