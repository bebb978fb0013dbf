import { describe, expect, it } from "vitest"
import { failureOf, partIntent, propertiesOf, withIntent } from "../../src/core/mcp/events.js"
import { takesIntent, textFor, valueFor } from "../../src/core/mcp/text.js"

describe("texts", () => {
  it("tell no credentials and nothing about persons", () => {
    const text = [
      "https://ada:secret@example.com/x?token=abcdefgh",
      "Authorization: Bearer abcdefghijklmnop",
      "password=hunter22",
      "phc_abcdefghijklmnopqrstuvwxyz0123456789",
      "ada@example.com",
      "+49 170 1234567 or (555) 123-4567",
      "10.1.2.3 and 2001:db8:0:0:0:0:2:1 and fe80::1",
      "4111 1111 1111 1111",
      "078-05-1120"
    ].join("\n")
    const shown = textFor(text, 4_000)
    for (
      const secret of [
        "secret",
        "abcdefgh",
        "hunter22",
        "phc_abc",
        "ada@",
        "1234567",
        "123-4567",
        "10.1.2.3",
        "2001:db8",
        "fe80",
        "4111",
        "078-05"
      ]
    ) expect(shown).not.toContain(secret)
    expect(shown).toContain("[redacted]")
  })

  it("keep what is no such thing", () => {
    for (
      const text of [
        "1764192664000",
        "version 1.2.3",
        "2026-11-26 21:10:03",
        "order 4111-22",
        "Option::isSome",
        "5 of 10"
      ]
    ) {
      expect(textFor(text, 100)).toBe(text)
    }
  })

  it("are redacted first and cut after, and never in half a character", () => {
    expect(textFor(`${"x".repeat(10)} ada@example.com`, 20)).not.toContain("ada")
    expect(textFor("ab😀", 3)).toBe("ab")
  })

  it("take no more time than they have characters", () => {
    for (const piece of ["a.", "1 ", "a@", "1:", "(", "+1 ", "a-", "%"]) {
      // Would not end where a text were gone over again for each of its characters.
      expect(textFor(piece.repeat(50_000), 32_768).length).toBeLessThanOrEqual(32_768)
    }
  })
})

describe("values", () => {
  it("are bounded in depth, in entries and as a whole, and show no media", () => {
    const deep: Record<string, unknown> = {}
    let at = deep
    for (let i = 0; i < 50; i++) at = at["next"] = {} as Record<string, unknown>
    expect(JSON.stringify(valueFor(deep, 10_000))).toContain("[Too deep]")
    expect(valueFor(Array.from({ length: 1_000 }, (_, i) => i), 10_000)).toHaveLength(100)
    expect(JSON.stringify(valueFor({ a: "x y ".repeat(100_000) }, 45_000)).length).toBeLessThanOrEqual(45_000)
    expect(valueFor(Array.from({ length: 100 }, () => "x y ".repeat(1_000)), 10_000)).toBe(
      "[removed due to size limit]"
    )
    expect(valueFor({ type: "image", mimeType: "image/png", data: "iVBORw0KGgo".repeat(20) }, 1_000))
      .toMatchObject({ data: "[base64 image/png redacted]" })
    expect(valueFor({ password: "hunter22", n: 1 }, 1_000)).toEqual({ password: "[redacted]", n: 1 })
  })

  it("that throw as they are read are replaced", () => {
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    for (
      const value of [
        revoked.proxy,
        cyclic,
        {
          get a() {
            throw new Error("no")
          }
        },
        Symbol("s"),
        1n,
        () => 1
      ]
    ) {
      expect(() => valueFor(value, 1_000)).not.toThrow()
    }
  })
})

describe("intents", () => {
  it("are added where a tool's parameters are a plain object without one", () => {
    expect(takesIntent({ type: "object", properties: {} })).toBe(true)
    expect(takesIntent({ type: "object", properties: { context: {} } })).toBe(false)
    for (const name of ["$ref", "oneOf", "anyOf", "allOf"]) expect(takesIntent({ [name]: [] })).toBe(false)
    expect(takesIntent(undefined)).toBe(false)
    expect(withIntent({ name: "a", inputSchema: { type: "object", required: ["b"] } })).toMatchObject({
      inputSchema: { properties: { context: { type: "string" } }, required: ["b", "context"] }
    })
  })

  it("are taken out of the arguments", () => {
    expect(partIntent({ name: "a", arguments: { b: 1, context: " why " } }))
      .toEqual({ intent: "why", params: { name: "a", arguments: { b: 1 } } })
    expect(partIntent({ name: "a", arguments: { context: 3 } })).toEqual({
      intent: undefined,
      params: { name: "a", arguments: {} }
    })
    expect(partIntent(undefined)).toEqual({ intent: undefined, params: undefined })
  })
})

describe("failures", () => {
  const result = (structuredContent: unknown) => ({
    _tag: "Success",
    value: { isError: true, structuredContent, content: [{ type: "text", text: "said" }] }
  })

  it("have the names that PostHog knows", () => {
    const types = [
      [result(undefined), "Error"],
      [result({ _tag: "OutOfStock" }), "OutOfStock"],
      [result({ _tag: "MalformedOutput", description: "d" }), "validation"],
      [result({ _tag: "TimeoutException" }), "timeout"],
      [result({ _tag: "ResponseError", response: { status: 429 } }), "rate_limited"],
      [result({ _tag: "ResponseError", response: { status: 403 } }), "permission"],
      [result({ _tag: "ResponseError", response: { status: 404 } }), "api_4xx"],
      [result({ _tag: "ResponseError", response: { status: 503 } }), "api_5xx"],
      [{ _tag: "Failure", cause: { _tag: "Fail", error: { code: -32602, message: "m" } } }, "validation"],
      [{ _tag: "Failure", cause: { _tag: "Fail", error: { code: -32603, message: "m" } } }, "internal"],
      [{ _tag: "Failure", cause: { _tag: "Die", defect: { name: "Error", message: "m" } } }, "internal"],
      [{ _tag: "Failure", cause: { _tag: "Die", defect: { name: "RangeError", message: "m" } } }, "RangeError"],
      [{ _tag: "Failure", cause: { _tag: "Interrupt" } }, "cancelled"],
      [{
        _tag: "Failure",
        cause: { _tag: "Parallel", left: { _tag: "Interrupt" }, right: { _tag: "Die", defect: "d" } }
      }, "internal"]
    ] as const
    for (const [exit, type] of types) expect(failureOf({ method: "tools/call", exit })?.type).toBe(type)
    expect(failureOf({ method: "tools/call", exit: { _tag: "Success", value: { isError: false } } })).toBeUndefined()
    expect(failureOf({ method: "tools/list", exit: result(undefined) })).toBeUndefined()
  })

  it("are read as Effect 4 has them: lists of reasons, errors of tools as text, and what a handler threw", () => {
    const failure = (...reasons: ReadonlyArray<object>) => ({ _tag: "Failure", cause: { reasons } })
    const said = (text: string) => ({ _tag: "Success", value: { isError: true, content: [{ type: "text", text }] } })
    const interrupt = { _tag: "Interrupt", fiberId: 1 }
    const types = [
      [failure(interrupt), "cancelled"],
      [
        failure(interrupt, { _tag: "Fail", error: { _tag: "ProtocolError", code: -32602, message: "m" } }),
        "validation"
      ],
      [failure({ _tag: "Die", defect: new RangeError("m") }), "RangeError"],
      [failure(), "cancelled"],
      [said(`{"_tag":"OutOfStock","message":"none left"}`), "OutOfStock"],
      [said("out of stock"), "Error"],
      [said("{no json"), "Error"]
    ] as const
    for (const [exit, type] of types) expect(failureOf({ method: "tools/call", exit })?.type).toBe(type)
    expect(failureOf({ method: "tools/call", exit: said(`{"_tag":"A","message":"none left"}`) })?.message)
      .toBe("none left")
    expect(failureOf({ method: "tools/call", exit: said("Internal error"), thrown: { value: new RangeError("no") } }))
      .toMatchObject({ type: "RangeError", message: "no", isFault: true })
  })

  it("and names are no longer than PostHog takes them", () => {
    const properties = propertiesOf(
      {
        method: "tools/call",
        params: { name: "n".repeat(1_000), arguments: {} },
        exit: result({ message: "m".repeat(10_000) }),
        durationMillis: 1,
        sessionId: "ses_1",
        intent: "i".repeat(10_000),
        description: "d".repeat(10_000)
      },
      { serverName: "s".repeat(1_000) },
      true
    )
    const lengthOf = (name: string) => String(properties[name]).length
    expect(["$mcp_tool_name", "$mcp_server_name"].map(lengthOf)).toEqual([256, 256])
    expect(["$mcp_intent", "$mcp_tool_description", "$mcp_error_message"].map(lengthOf)).toEqual([2048, 2048, 2048])
  })
})
