import { assert, describe, it } from "@effect/vitest"
import { redactAddresses } from "../../src/core/secrets.js"

describe("redactAddresses", () => {
  const cases: Readonly<Record<string, string>> = {
    "nothing to hide": "nothing to hide",
    "a?token=1": "a?token=1",
    "GET https://shop/a?page=2&token=abc#token=1 failed": "GET https://shop/a?page=2&token=[redacted]#token=1 failed",
    "(503 POST http://h/b?api_key=k)": "(503 POST http://h/b?api_key=[redacted])",
    "\"https://h/?access%5Ftoken=t\"": "\"https://h/?access%5Ftoken=[redacted]\"",
    "https://h/?a=1;sig=2;b=3&c=4": "https://h/?a=1;sig=[redacted]&c=4",
    "postgres://ada:pa%23ss@db:5432/shop": "postgres://[redacted]@db:5432/shop",
    "https://token@github.com/x and redis://:p@r": "https://[redacted]@github.com/x and redis://[redacted]@r",
    "http://a/x?y=1 http://b/x?jwt=2": "http://a/x?y=1 http://b/x?jwt=[redacted]",
    "http://h/users/a@b.c?email=a@b.c": "http://h/users/a@b.c?email=a@b.c"
  }

  it("hides users, passwords and secrets in queries, and nothing else", () => {
    for (const [text, redacted] of Object.entries(cases)) assert.strictEqual(redactAddresses(text), redacted)
  })

  it("changes nothing the second time", () => {
    for (const redacted of Object.values(cases)) assert.strictEqual(redactAddresses(redacted), redacted)
  })
})
