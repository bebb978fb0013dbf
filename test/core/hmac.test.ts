import { assert, describe, it } from "@effect/vitest"
import { createHmac } from "node:crypto"
import { hmac } from "../../src/core/event/hmac.js"

describe("hmac", () => {
  it("is that of Node, for keys and texts of all lengths around those of blocks", () => {
    for (let length = 0; length < 300; length++) {
      const [key, text] = ["k".repeat(length), "ü€😀a".repeat(length * 7 % 61)]
      assert.strictEqual(hmac(key, text), createHmac("sha256", key).update(text).digest("hex"), String(length))
    }
  })
})
