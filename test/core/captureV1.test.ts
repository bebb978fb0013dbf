/**
 * The forms of an event, and the way from one to the other: what another process has stored may be in the other one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Writer } from "../../src/core/event/json.js"
import { writeEvent } from "../../src/core/event/wireEvent.js"
import { adopterOf, formV1 } from "../../src/internal/form.js"
import { random } from "../support/random.js"

const uuid = "0192d4f5-0000-7000-8000-000000000001"

/** Texts that look like what stands around them. */
const nasty = [
  "a",
  "\"",
  "\\",
  "\\\"",
  "{}",
  ",\"options\":{",
  "\",\"options\":{\"a\":1},\"properties\":{",
  "é\u{1f600}",
  "\n\t\u0000"
]

const lib = { $lib: "posthog-effect" }

describe("the text of an event", () => {
  it("is known by its form, whatever its values look like", () => {
    const { chance, pick } = random(7)
    for (let i = 0; i < 500; i++) {
      const event = {
        uuid,
        event: pick(nasty),
        distinct_id: pick(nasty),
        timestamp: "2025-01-01T00:00:00.000Z",
        properties: {
          ...lib,
          [pick(nasty)]: pick(nasty),
          ...(chance(50) ? { $session_id: pick(nasty) } : undefined),
          ...(chance(50) ? { $process_person_profile: chance(50) } : undefined),
          ...(chance(50) ? { $product_tour_id: pick(nasty) } : undefined)
        }
      }
      const v0 = writeEvent(new Writer(1e6), event)
      const v1 = formV1.write(new Writer(1e6), event)
      assert.isFalse(formV1.isText(v0), v0)
      assert.isTrue(formV1.isText(v1), v1)
      assert.strictEqual(adopterOf("v0")(v0), v0)
      assert.strictEqual(adopterOf("v1")(v1), v1)
      assert.strictEqual(adopterOf("v1")(v0), v1)
      const back = JSON.parse(adopterOf("v0")(v1))
      const { $lib_version: _, ...properties } = back.properties
      assert.deepStrictEqual({ ...back, properties }, JSON.parse(v0))
    }
  })

  it("that is none stays as it is", () => {
    for (const text of ["", "{", "[]", "null", "{\"uuid\":\"x\"}"]) {
      assert.strictEqual(adopterOf("v0")(text), text)
      assert.strictEqual(adopterOf("v1")(text), text)
    }
  })
})
