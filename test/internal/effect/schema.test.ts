/**
 * What is seen of Effect's schemas: what is sent, what is said of it, and how values are encoded.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isPersonal } from "../../../src/core/catalogue/describe.js"
import { wrong } from "../../../src/core/catalogue/encode.js"
import type { Member, Shape } from "../../../src/core/catalogue/shape.js"
import { fullOf, quickOf } from "../../../src/internal/effect/parse.js"
import { membersOf } from "../../../src/internal/effect/schema.js"
import { checked, type Name, schemas } from "../../support/schemas.js"

/** A shape in few characters. */
const textOf = (shape: Shape): string => {
  const marks = [
    shape.personal === undefined ? "" : `!${shape.personal}`,
    shape.deprecated === undefined ? "" : `~${shape.deprecated}`,
    shape.description === undefined ? "" : ` "${shape.description}"`
  ].join("")
  const inner = (): string => {
    switch (shape.kind) {
      case "string":
      case "number":
      case "boolean":
        return shape.values === undefined ? shape.kind : `${shape.kind}(${shape.values.join()})`
      case "time":
        return shape.isZoned === true ? "zoned" : "time"
      case "nothing":
        return shape.isAbsent === true ? "absent" : "null"
      case "object": {
        const others = shape.others === undefined ? [] : [`[${textOf(shape.others)}]`]
        return `{${[...shape.members.map(memberText), ...others].join(", ")}}`
      }
      case "list":
        return `[${shape.items.map(textOf).join(", ")}]`
      case "union": {
        const choices = shape.choices.map(textOf).join("|")
        return marks === "" ? choices : `(${choices})`
      }
      default:
        return shape.kind
    }
  }
  return inner() + marks
}

const memberText = ({ isOptional, name, shape }: Member): string => `${name}${isOptional ? "?" : ""}: ${textOf(shape)}`

/** By the name of the schema: its shape, then values with what is sent for them. */
const rows: Readonly<Record<Name, readonly [shape: string, ...values: ReadonlyArray<readonly [unknown, unknown]>]>> = {
  string: ["a: string", ["x", "x"], ["", ""], [1, wrong], [null, wrong], [undefined, wrong]],
  number: ["a: number", [1, 1], ["1", wrong], [1n, wrong]],
  boolean: ["a: boolean", [true, true], ["true", wrong]],
  literals: ["a: string(x)|string(y)", ["x", "x"], ["z", wrong]],
  enums: ["a: string(r)|number(1)", ["r", "r"], [1, 1], [2, wrong]],
  template: ["a: string", ["id-7", "id-7"], ["7", wrong]],
  union: ["a: string|number", ["x", "x"], [1, 1], [true, wrong]],
  optional: ["a?: string|absent", ["x", "x"], [undefined, undefined], [null, wrong]],
  exact: ["a?: string", ["x", "x"], [undefined, wrong]],
  defaulted: ["a?: string|absent", ["x", "x"], [1, wrong]],
  nullable: ["a: string|null", ["x", "x"], [null, null], [undefined, wrong]],
  dateText: ["a: time", [new Date(0), "1970-01-01T00:00:00.000Z"], [new Date(NaN), wrong], ["1970-01-01", wrong]],
  dateNumber: ["a: time", [new Date(7), 7]],
  utcText: ["a: time"],
  utcSelf: ["a: time"],
  zonedText: ["a: string"],
  zonedSelf: ["a: zoned"],
  durationMillis: ["a: number"],
  durationSelf: ["a: number"],
  decimalText: ["a: string"],
  decimalSelf: ["a: number"],
  bigintText: ["a: string", [7n, "7"], [7, wrong]],
  bigintSelf: ["a: string"],
  brand: ["a: string", ["x", "x"], [1, wrong]],
  refined: ["a: string", ["xyz", "xyz"], ["x", wrong]],
  int: ["a: number", [1, 1], [1.5, wrong]],
  struct: ["a: {x: string, y?: number|absent}", [{ x: "s" }, { x: "s" }], [{ y: 1 }, wrong]],
  nested: ["a: {in: {n: string}}", [{ in: { n: 7 } }, { in: { n: "7" } }]],
  list: ["a: [string]", [["x"], ["x"]], [[1], wrong]],
  tuple: ["a: [string, number]", [["x", 1], ["x", 1]], [["x"], wrong]],
  record: ["a: {[number]}", [{ k: 1 }, { k: 1 }], [{ k: "1" }, wrong]],
  optionSelf: ["a: string|absent"],
  optionNull: ["a: string|null"],
  chunk: ["a: [string]"],
  hashMap: ["a: {[number]}"],
  redacted: ["a: string!usual"],
  redactedSelf: ["a: string!usual"],
  urlText: ["a: string", [new URL("https://a.b/"), "https://a.b/"]],
  urlSelf: ["a: string"],
  class: ["a: {x: string}"],
  renamed: ["a: {y: string}", [{ x: "s" }, { y: "s" }]],
  transformed: ["a: string", [7, "7"], ["7", wrong]],
  recursive: ["a: {name: string, parts: [later]}"],
  anything: ["a: unknown", [{ x: 1 }, { x: 1 }]],

  described: ["a: string \"said\"", ["x", "x"]],
  describedRefined: ["a: string \"said\"", ["xyz", "xyz"]],
  describedUnder: ["a: string \"said\"", ["xyz", "xyz"]],
  describedOptional: ["a?: (string|absent) \"said\""],
  describedDate: ["a: time \"said\""],
  deprecated: ["a: string~old"],
  deprecatedOptional: ["a?: (string|absent)~old"],

  personal: ["a: string!hash", ["x", "x"]],
  personalUsual: ["a: string!usual"],
  personalDate: ["a: time!omit"],
  personalInOptional: ["a?: (string!hash|absent)!hash"],
  personalOptional: ["a?: (string|absent)!hash"],
  personalRefined: ["a: string!hash"],
  personalSeen: ["a: number!hash"],
  personalSeenClass: ["a: {x: string}!hash"],
  personalNested: ["a: {in: {mail: string!hash}}"],
  personalList: ["a: [string!hash]"],
  personalRecord: ["a: {[string!hash]}"],
  personalClass: ["a: {x: string!hash}"],
  personalRecursive: ["a: {name: string!hash, parts: [later]}!usual"],
  personalRenamed: ["a: {y: string!hash}"],
  // Beside a member that is not sent as it is given, which makes the object another one.
  personalBeside: ["a: {mail?: (string|absent)!hash, n?: number|absent}"],
  // Where it cannot be told in which part of what is sent it is, all of it is.
  personalKey: ["a: {[number]}!usual"],
  personalInText: ["a: string!usual"],
  personalRedacted: ["a: string!hash"]
}

describe("a schema", () => {
  for (const [name, [expected, ...values]] of Object.entries(rows) as ReadonlyArray<[Name, typeof rows[Name]]>) {
    it(`${name}: is ${expected}`, () => {
      const field = schemas[name]
      assert.strictEqual(membersOf("a", field).map(memberText).join(", "), expected)
      const [quick, full] = [quickOf("a", field), fullOf("a", field)]
      for (const [value, sent] of values) {
        const encoded = full({ a: value })
        assert.deepStrictEqual(encoded === wrong ? wrong : Object.values(encoded)[0], sent)
        if (quick !== undefined) assert.deepStrictEqual(quick.encode(value), sent)
      }
    })
  }

  it("of a plain kind has a quick encoder, and no other has", () => {
    const quick = (Object.keys(schemas) as ReadonlyArray<Name>).filter((name) =>
      quickOf("a", schemas[name]) !== undefined
    )
    assert.includeMembers([...quick], [
      "string",
      "number",
      "boolean",
      "literals",
      "union",
      "optional",
      "nullable",
      "dateText"
    ])
    for (const name of ["refined", "int", "template", "struct", "transformed", "dateNumber", "bigintText"] as const) {
      assert.notInclude(quick, name)
    }
    assert.strictEqual(quickOf("a", schemas.optional)?.isOptional, true)
    assert.strictEqual(quickOf("a", schemas.nullable)?.isOptional, false)
  })

  it("that throws gives nothing, and hurts nobody", () => {
    assert.strictEqual(fullOf("a", schemas.throwing)({ a: "x" }), wrong)
  })

  it("has no description but what the program says", () => {
    const all = Object.entries(Schema).filter(([, value]) => Schema.isSchema(value)) as unknown as ReadonlyArray<
      readonly [string, Parameters<typeof membersOf>[1]]
    >
    assert.isAbove(all.length, 60)
    for (const [name, schema] of [...all, ...checked]) {
      // The only one whose members Effect 3 describes for people.
      if (name === "ArrayFormatterIssue") continue
      for (const member of membersOf("a", schema)) {
        assert.notInclude(memberText(member), "\"", name)
        assert.isFalse(isPersonal(member.shape))
      }
    }
  })
})
