import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import { failureIn } from "../../../src/core/llm/failure.js"
import { major } from "../../support/effect.js"

class AuthenticationError extends Error {
  override readonly name = "AuthenticationError"
  readonly status = 401
  readonly code = "invalid_api_key"
}

const wrapping = major === 3 ? "UnknownException" : "UnknownError"

describe("failureIn", () => {
  const error = new AuthenticationError("Incorrect API key provided: sk-proj-abcdefgh1234567890abcdefgh")
  const told = {
    failure: {
      type: "AuthenticationError",
      code: "invalid_api_key",
      message: "Incorrect API key provided: [redacted]"
    },
    status: 401
  }

  it("tells what Effect.tryPromise wrapped, not that it did", () => {
    assert.deepStrictEqual(failureIn(error), told)
    assert.deepStrictEqual(failureIn(new Cause.UnknownException(error)), told)
    assert.deepStrictEqual(failureIn(new Cause.UnknownException(new Cause.UnknownException(error), "outer")), told)
  })

  it("a wrapping of nothing is itself, and one of itself has an end", () => {
    assert.strictEqual(failureIn(new Cause.UnknownException(undefined, "nothing")).failure.type, wrapping)
    const endless: Record<string, unknown> = { _tag: "UnknownException", message: "round" }
    endless.error = endless
    assert.strictEqual(failureIn(endless).failure.type, "UnknownException")
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const hostile of [undefined, null, 7, "text", proxy, new Cause.UnknownException(proxy)]) {
      assert.isString(failureIn(hostile).failure.type)
    }
  })
})
