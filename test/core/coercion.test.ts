/**
 * What PostHog takes for what, where it enforces the schema of an event.
 */
import { assert, describe, it } from "@effect/vitest"
import { isCoercible, sayViolation, violations } from "../../src/core/catalogue/coercion.js"
import type { PropertyType } from "../../src/core/catalogue/model.js"

const types: ReadonlyArray<PropertyType> = ["String", "Numeric", "Boolean", "DateTime", "Object"]

/** Values of JSON, with all types that they can be. */
const rows: ReadonlyArray<readonly [value: unknown, ...types: ReadonlyArray<PropertyType>]> = [
  ["", "String"],
  [" ", "String"],
  ["a", "String"],
  ["1", "String", "Numeric"],
  [" -1.5e3 ", "String", "Numeric"],
  ["0x1f", "String", "Numeric"],
  ["1 000", "String"],
  ["NaN", "String"],
  ["Infinity", "String"],
  ["true", "String", "Boolean"],
  ["false", "String", "Boolean"],
  ["True", "String"],
  ["FALSE", "String"],
  [" true", "String"],
  ["1e3", "String", "Numeric"],
  ["2026-11-27", "String", "DateTime"],
  ["2026-11-27T10:11:12Z", "String", "DateTime"],
  ["2026-11-27T10:11:12.123456Z", "String", "DateTime"],
  ["2026-11-27 10:11:12+01:00", "String", "DateTime"],
  ["2026-11-27T10:11", "String", "DateTime"],
  ["2026-13-27", "String"],
  ["2026-11-27T10:11:12+01:00[Europe/Berlin]", "String"],
  ["2026-11-27 or so", "String"],
  ["yesterday", "String"],
  ["1764238272", "String", "Numeric", "DateTime"],
  ["1764238272000", "String", "Numeric", "DateTime"],
  [0, "String", "Numeric", "DateTime"],
  [-1.5, "String", "Numeric", "DateTime"],
  [1764238272000, "String", "Numeric", "DateTime"],
  [true, "String", "Boolean"],
  [false, "String", "Boolean"],
  [{}, "String", "Object"],
  [{ a: 1 }, "String", "Object"],
  [[], "String", "Object"],
  [[1], "String", "Object"]
]

const violationsOf = (sent: object, types: ReadonlyArray<PropertyType>, required: boolean) =>
  violations({ properties: [{ name: "a", types, required }] }, sent as { readonly [name: string]: unknown })

describe("PostHog takes", () => {
  for (const [value, ...all] of rows) {
    it(`${JSON.stringify(value)} as ${all.join(", ")} and as nothing else`, () => {
      assert.deepStrictEqual(types.filter((type) => isCoercible(value, type)), all)
      for (const type of types) {
        const reasons = violationsOf({ a: value }, [type], true).map(({ reason }) => reason)
        assert.deepStrictEqual(reasons, all.includes(type) ? [] : ["type_mismatch"])
        // What is optional is not looked at.
        assert.deepStrictEqual(violationsOf({ a: value }, [type], false), [])
      }
    })
  }

  for (const type of types) {
    it(`no value and null as a missing ${type}, and nothing of what only looks like a member`, () => {
      for (const sent of [{}, { a: null }, { a: undefined }, Object.create({ a: "1" }) as object]) {
        assert.deepStrictEqual(violationsOf(sent, [type], true), [
          { property: "a", reason: "missing_required", expected: [type] }
        ])
        assert.deepStrictEqual(violationsOf(sent, [type], false), [])
      }
    })
  }

  it("a value of one of several types, and any where there is none", () => {
    assert.deepStrictEqual(violationsOf({ a: "true" }, ["Numeric", "Boolean"], true), [])
    assert.deepStrictEqual(violationsOf({ a: "yes" }, [], true), [])
    const [violation] = violationsOf({ a: "yes" }, ["Numeric", "Boolean"], true)
    assert.strictEqual(sayViolation(violation!), "a is no Numeric or Boolean")
  })

  it("properties that are not declared, whatever they are", () => {
    assert.deepStrictEqual(violationsOf({ a: 1, b: null, $c: {} }, ["Numeric"], true), [])
  })
})
