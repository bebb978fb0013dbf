import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { checkApiKey } from "../../src/core/event/apiKey.js"
import { normaliseHost } from "../../src/core/event/host.js"
import { isIdentifier } from "../../src/core/event/properties.js"
import { parseRetryAfter } from "../../src/core/event/retryAfter.js"
import { formatMillis, isTime, parseTimestamp } from "../../src/core/event/timestamp.js"

describe("timestamp", () => {
  it("brings a text with an offset into UTC and keeps the digits of the fraction", () => {
    const cases = {
      "2025-01-02T08:34:05+05:30": "2025-01-02T03:04:05Z",
      "2023-11-15T03:43:20.000+05:30": "2023-11-14T22:13:20.000Z",
      "2025-01-01T00:00:00.123456Z": "2025-01-01T00:00:00.123456Z",
      "2024-12-31T23:59:59.9-00:30": "2025-01-01T00:29:59.9Z",
      "2025-06-01 10:00:00+02": "2025-06-01T08:00:00Z",
      "2025-06-01T10:00:00-0230": "2025-06-01T12:30:00Z",
      "2025-06-01T10:00": "2025-06-01T10:00:00Z",
      "2025-06-01": "2025-06-01T00:00:00Z",
      " 2025-06-01T10:00:00z ": "2025-06-01T10:00:00Z"
    }
    for (const [given, wanted] of Object.entries(cases)) assert.strictEqual(parseTimestamp(given), wanted)
  })

  it("refuses what is no date, or an impossible one", () => {
    for (
      const text of [
        "",
        "now",
        "yesterday",
        "1735689600000",
        "2025-02-30T00:00:00Z",
        "2025-13-01",
        "2025-01-01T25:00:00Z",
        "2025-01-01T00:61:00Z",
        "2025-01-01T00:00:00+25:00",
        "2025-01-01T00:00:00+05:99",
        "12025-01-01T00:00:00Z",
        "0000-01-01T00:00:00+12:00",
        "2025-01-01T00:00:00Z\"},\"x\":1"
      ]
    ) {
      assert.strictEqual(parseTimestamp(text), undefined, text)
    }
  })

  it("agrees with Date about every instant that a date can be written for", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.date({ min: new Date("1970-01-01"), max: new Date("2200-01-01"), noInvalidDate: true }),
        (date) => {
          assert.strictEqual(parseTimestamp(date.toISOString()), date.toISOString())
          assert.strictEqual(formatMillis(date.getTime()), date.toISOString())
        }
      ),
      { seed: 1 }
    )
  })

  it("knows which numbers are times", () => {
    for (const millis of [0, -1, 1e12]) assert.isTrue(isTime(millis))
    for (const millis of [Number.NaN, Infinity, 9e15, 8.64e15, -8.64e15]) assert.isFalse(isTime(millis))
  })
})

describe("host", () => {
  it("is trimmed, mapped to the ingestion address, and has a default", () => {
    const cases = {
      "": "https://us.i.posthog.com",
      "   ": "https://us.i.posthog.com",
      "https://app.posthog.com": "https://us.i.posthog.com",
      "https://us.posthog.com/": "https://us.i.posthog.com",
      " https://eu.posthog.com// ": "https://eu.i.posthog.com",
      "https://eu.i.posthog.com": "https://eu.i.posthog.com",
      "https://posthog.example.com/ingest/": "https://posthog.example.com/ingest",
      "http://127.0.0.1:8000": "http://127.0.0.1:8000"
    }
    for (const [given, wanted] of Object.entries(cases)) assert.strictEqual(normaliseHost(given), wanted)
  })

  it("must be an http or https URL without query, fragment and credentials", () => {
    for (
      const host of [
        "eu.i.posthog.com",
        "ftp://x",
        "https://",
        "https://user:secret@x.com",
        "https://x?a=1",
        "https://x#a"
      ]
    ) {
      assert.strictEqual(normaliseHost(host), undefined, host)
    }
  })
})

describe("apiKey", () => {
  it("tells the keys apart and knows what PostHog refuses", () => {
    assert.strictEqual(checkApiKey("phc_abc"), undefined)
    assert.strictEqual(checkApiKey("an-old-key"), undefined)
    assert.strictEqual(checkApiKey("phx_abc"), "personal_api_key")
    assert.strictEqual(checkApiKey("phs_abc"), "project_secret_key")
    for (const key of ["phc_ü", "phc a", "phc_\u0000", "x".repeat(65)]) {
      assert.strictEqual(checkApiKey(key), "malformed_api_key")
    }
  })
})

describe("Retry-After", () => {
  const now = Date.UTC(2026, 0, 1)
  it("is read as seconds or as an HTTP date", () => {
    const cases: Record<string, number | undefined> = {
      "3": 3_000,
      " 60, 120 ": 60_000,
      "Thu, 01 Jan 2026 00:00:05 GMT": 5_000,
      "Thursday, 01-Jan-26 00:00:05 GMT": 5_000,
      "0": undefined,
      "-5": undefined,
      "1.5": undefined,
      "soon": undefined,
      "": undefined,
      "Wed, 31 Dec 2025 00:00:00 GMT": undefined
    }
    for (const [given, wanted] of Object.entries(cases)) {
      assert.strictEqual(parseRetryAfter(given, now), wanted, given)
    }
    assert.strictEqual(parseRetryAfter(undefined, now), undefined)
  })
})

describe("identifiers", () => {
  it("are texts with something to see, and finite numbers", () => {
    for (const value of ["a", " a", "ü", "　x", 0, 7.5]) assert.isTrue(isIdentifier(value), String(value))
    for (const value of ["", " ", "\t\n", "　", Number.NaN, Infinity, null, undefined, {}, true]) {
      assert.isFalse(isIdentifier(value), String(value))
    }
  })
})
