import { assert, describe, it } from "@effect/vitest"
import { isUuid, makeUuidV7 } from "../../src/core/event/uuid.js"

const random = makeUuidV7((bytes) => crypto.getRandomValues(bytes))

describe("uuid", () => {
  it("has the time, version 7 and the variant where RFC 9562 puts them", () => {
    // Appendix A.6 of the RFC: 2022-02-22T19:22:22.000Z is 017f22e2-79b0.
    const id = random(Date.UTC(2022, 1, 22, 19, 22, 22))
    assert.match(id, /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.isTrue(isUuid(id))
  })

  it("never repeats and sorts in the order of calls, when the clock stands still or goes back", () => {
    const ids: Array<string> = []
    const make = makeUuidV7((bytes) => crypto.getRandomValues(bytes))
    for (let i = 0; i < 50_000; i++) ids.push(make(1_700_000_000_000 - Math.floor(i / 10_000) * 5))
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.deepStrictEqual(ids, [...ids].sort())
  })

  it("is still unique without randomness, which the test layer relies on", () => {
    const make = makeUuidV7((bytes) => bytes.fill(0))
    const ids = Array.from({ length: 10_000 }, () => make(0))
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.strictEqual(ids[0], "00000000-0000-7000-8000-000000000000")
    assert.strictEqual(ids[1], "00000000-0000-7001-8000-000000000000")
  })

  it("uses all of its random bits", () => {
    const seen = Array.from({ length: 32 }, () => new Set<string>())
    for (let i = 0; i < 5_000; i++) {
      for (const [at, digit] of [...random(i).replaceAll("-", "")].entries()) seen[at]!.add(digit)
    }
    for (const at of [17, 18, 19, 20, 24, 28, 31]) assert.strictEqual(seen[at]!.size, 16, `digit ${at}`)
  })

  it("tells uuids from other text", () => {
    for (const text of ["01A20BAC-8A2F-7340-B898-3F4DCD0DDC3F", "00000000-0000-0000-0000-000000000000"]) {
      assert.isTrue(isUuid(text))
    }
    for (
      const text of ["", "not-a-uuid", "01a20bac8a2f7340b8983f4dcd0ddc3f", " 01a20bac-8a2f-7340-b898-3f4dcd0ddc3f", 7]
    ) {
      assert.isFalse(isUuid(text))
    }
  })
})
