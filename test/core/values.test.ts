import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { readHost } from "../../src/core/config/host.js"
import { checkApiKey } from "../../src/core/config/keys.js"
import { readBoolean, readDuration, readInteger, readList, unquote } from "../../src/core/config/text.js"
import { isIdentifier } from "../../src/core/event/layers.js"
import { formatMillis, isTime, parseTimestamp } from "../../src/core/event/timestamp.js"
import { parseRetryAfter } from "../../src/core/http/retryAfter.js"

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
  it("is cleaned up where the meaning is plain", () => {
    const cases = {
      "": "https://us.i.posthog.com",
      "   ": "https://us.i.posthog.com",
      "\"\"": "https://us.i.posthog.com",
      "https://app.posthog.com": "https://us.i.posthog.com",
      "https://us.posthog.com/": "https://us.i.posthog.com",
      " https://eu.posthog.com// ": "https://eu.i.posthog.com",
      "https://eu.i.posthog.com": "https://eu.i.posthog.com",
      "HTTPS://EU.I.PostHog.com/": "https://eu.i.posthog.com",
      "http://eu.i.posthog.com": "https://eu.i.posthog.com",
      "https://eu-assets.i.posthog.com/static/array.js": "https://eu.i.posthog.com",
      "https://us.posthog.com/project/123/settings?tab=key#top": "https://us.i.posthog.com",
      "https://eu.i.posthog.com/batch/": "https://eu.i.posthog.com",
      "https://us.i.posthog.com/i/v0/e/": "https://us.i.posthog.com",
      "eu.i.posthog.com": "https://eu.i.posthog.com",
      "eu.posthog.com/project/1": "https://eu.i.posthog.com",
      "\"https://eu.i.posthog.com\"": "https://eu.i.posthog.com",
      "'https://eu.i.posthog.com/'\r": "https://eu.i.posthog.com",
      "https://posthog.example.com/ingest/": "https://posthog.example.com/ingest",
      "https://posthog.example.com/ingest/batch/": "https://posthog.example.com/ingest",
      "https://posthog.example.com/project/123/insights": "https://posthog.example.com",
      "https://posthog.example.com/batches": "https://posthog.example.com/batches",
      "posthog.example.com:8443/ingest": "https://posthog.example.com:8443/ingest",
      "localhost:8000": "http://localhost:8000",
      "127.0.0.1:8000/": "http://127.0.0.1:8000",
      "http://127.0.0.1:8000": "http://127.0.0.1:8000",
      "http://posthog:8000": "http://posthog:8000"
    }
    for (const [given, wanted] of Object.entries(cases)) {
      assert.deepStrictEqual(readHost(given), { host: wanted }, given)
    }
  })

  it("has a problem otherwise, which shows nothing of it", () => {
    for (
      const host of [
        "hunter2",
        "ftp://hunter2.com",
        "https://",
        "https://hunter2:secret@x.com",
        "https://x?a=hunter2",
        "https://x#hunter2",
        "https://posthog.com/hunter2",
        "posthog:hunter2",
        "phc_hunter2",
        "phx_hunter2.example.com",
        "eyJhunter2.hunter2.hunter",
        "\"https://hunter2"
      ]
    ) {
      const read = readHost(host)
      assert.isTrue("problem" in read, host)
      assert.notInclude(JSON.stringify(read), "hunter2")
    }
  })
})

describe("texts of the environment", () => {
  it("lose white space and the quotes around them, and no others", () => {
    const cases = {
      " a ": "a",
      "\"a\"": "a",
      "'a'": "a",
      "\"'a'\"": "a",
      "“a”": "a",
      "` a `\r\n": "a",
      "\"\"": "",
      "\"": "\"",
      "\"a": "\"a",
      "a\"b\"": "a\"b\"",
      "\uFEFFa": "a"
    }
    for (const [given, wanted] of Object.entries(cases)) assert.strictEqual(unquote(given), wanted)
  })

  it("are truth values in any case", () => {
    for (const text of ["true", "True", "TRUE", " yes ", "on", "ON", "1", "y", "\"true\""]) {
      assert.isTrue(readBoolean(text), text)
    }
    for (const text of ["false", "False", "FALSE", "No", "off", "0", "n", "'false'"]) {
      assert.isFalse(readBoolean(text), text)
    }
    for (const text of ["", "2", "maybe", "truee", "null", "constructor"]) assert.isUndefined(readBoolean(text), text)
  })

  it("are times: milliseconds, or with a unit", () => {
    const cases = {
      "5000": 5_000,
      "0": 0,
      "1_000": 1_000,
      "5 seconds": 5_000,
      "5 Seconds": 5_000,
      "5s": 5_000,
      "500ms": 500,
      "500 millis": 500,
      "1.5 hours": 5_400_000,
      "2 min": 120_000,
      "1 week": 604_800_000,
      "+3 s": 3_000,
      "\"30 seconds\"": 30_000,
      "7 nanos": 0.000007
    }
    for (const [given, wanted] of Object.entries(cases)) assert.closeTo(readDuration(given)!, wanted, 1e-12)
    for (
      const text of [
        "",
        "-5",
        "-5 seconds",
        "soon",
        "5 parsecs",
        "Infinity",
        "NaN",
        "infinity seconds",
        "1e3",
        "5 5 seconds",
        "s",
        "9".repeat(400)
      ]
    ) {
      assert.isUndefined(readDuration(text), text)
    }
  })

  it("are whole numbers and lists", () => {
    assert.deepStrictEqual(["7", "-1", " 1_000 ", "'3'"].map(readInteger), [7, -1, 1000, 3])
    for (const text of ["", "ten", "1.5", "1e3", "Infinity", "NaN", "9".repeat(30), "1__0"]) {
      assert.isUndefined(readInteger(text), text)
    }
    assert.deepStrictEqual(readList("\"web, checkout,,\""), ["web", "checkout"])
    assert.deepStrictEqual(readList(" , "), [])
  })
})

describe("apiKey", () => {
  it("tells the keys apart and knows what PostHog refuses", () => {
    assert.strictEqual(checkApiKey("phc_abc"), undefined)
    assert.strictEqual(checkApiKey("an-old-key"), undefined)
    assert.strictEqual(checkApiKey("phx_abc"), "personal_api_key")
    assert.strictEqual(checkApiKey("phs_abc"), "project_secret_key")
    for (
      const key of [
        "phc_ü",
        "phc a",
        "\"phc_a",
        "<ph_project_api_key>",
        "${POSTHOG_API_KEY}",
        "phc_\u0000",
        "x".repeat(65)
      ]
    ) {
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
