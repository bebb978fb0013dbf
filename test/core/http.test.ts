import { assert, describe, it } from "@effect/vitest"
import {
  isSecretByDefault,
  readRequest,
  type RequestFacts,
  type RequestSettings
} from "../../src/core/http/incoming.js"

const settings: RequestSettings = {
  tracingHeaders: true,
  trustProxies: 0,
  ipHeader: undefined,
  ip: true,
  userAgent: true,
  query: "redact",
  isSecret: isSecretByDefault
}

const read = (
  headers: Readonly<Record<string, unknown>>,
  more: Partial<RequestSettings> = {},
  facts: Partial<RequestFacts> = {}
) =>
  readRequest({ method: "GET", url: "/", header: (name) => headers[name], remoteAddress: "10.0.0.1", ...facts }, {
    ...settings,
    ...more
  })

describe("tracing headers", () => {
  const id = (value: unknown) => read({ "x-posthog-distinct-id": value }).distinctId

  it("are cleaned: no control characters, no white space around, a thousand characters at most, empty is absent", () => {
    const cases: ReadonlyArray<readonly [unknown, string | undefined]> = [
      ["ada", "ada"],
      ["  ada\t", "ada"],
      ["a\u0000d\u001b[31ma\u007f\u0085", "ad[31ma"],
      ["\r\n", undefined],
      ["", undefined],
      ["   ", undefined],
      [undefined, undefined],
      [null, undefined],
      [7, undefined],
      [{ toString: () => "ada" }, undefined],
      [["", "  ", 5, "ada", "bob"], "ada"],
      [[], undefined],
      // Sent twice.
      ["ada, bob", "ada"],
      [", ada", "ada"],
      ["x".repeat(100_000), "x".repeat(1_000)],
      ["\u0000".repeat(100_000) + "ada", undefined],
      ["__proto__", "__proto__"],
      ["constructor", "constructor"],
      ["späť", "späť"],
      ["%00%0a", "%00%0a"]
    ]
    for (const [value, expected] of cases) assert.strictEqual(id(value), expected, JSON.stringify(value)?.slice(0, 50))
  })

  it("give session and window, and nothing when they do not count", () => {
    const headers = {
      "x-posthog-distinct-id": "u",
      "x-posthog-session-id": " s ",
      "x-posthog-window-id": "w"
    }
    const { distinctId, properties, sessionId } = read(headers)
    assert.deepStrictEqual([distinctId, sessionId, properties.$window_id], ["u", "s", "w"])
    const without = read(headers, { tracingHeaders: false })
    assert.deepStrictEqual([without.distinctId, without.sessionId, without.properties.$window_id], [
      undefined,
      undefined,
      undefined
    ])
  })
})

describe("the client's address", () => {
  const ip = (forwarded: unknown, trustProxies: RequestSettings["trustProxies"], remoteAddress?: string) =>
    read({ "x-forwarded-for": forwarded }, { trustProxies }, { remoteAddress: remoteAddress ?? "10.0.0.1" })
      .properties.$ip

  it("is that of the connection, unless proxies are trusted; then the first before them", () => {
    const list = "6.6.6.6, 1.2.3.4, 10.0.0.2"
    assert.strictEqual(ip(list, 0), "10.0.0.1")
    assert.strictEqual(ip(list, 1), "10.0.0.2")
    assert.strictEqual(ip(list, 2), "1.2.3.4")
    // What the client itself has put in front is beyond the proxies.
    assert.strictEqual(ip(list, (address) => address.startsWith("10.")), "1.2.3.4")
    assert.strictEqual(ip(list, 99), "6.6.6.6")
    assert.strictEqual(ip(list, () => true), "6.6.6.6")
    assert.strictEqual(ip(undefined, 1), "10.0.0.1")
    assert.strictEqual(ip(undefined, () => false), "10.0.0.1")
  })

  it("comes without port and brackets, and what is no address is none", () => {
    const cases: ReadonlyArray<readonly [string, string | undefined]> = [
      ["1.2.3.4:5678", "1.2.3.4"],
      ["[2001:db8::1]:443", "2001:db8::1"],
      ["2001:db8::1", "2001:db8::1"],
      ["::ffff:1.2.3.4", "1.2.3.4"],
      ["::1", "::1"],
      ["fe80::1%eth0", "fe80::1%eth0"],
      ["unknown", undefined],
      ["<script>", undefined],
      ["1.2.3.4\u0000", undefined],
      ["_hidden", undefined],
      ["999.1.1.1", undefined],
      ["1.2.3", undefined],
      ["::", "::"],
      ["64:ff9b::1.2.3.4", "64:ff9b::1.2.3.4"],
      ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
      ["1:2:3:4:5:6:7:8:9", undefined],
      ["1::2::3", undefined],
      ["12345::1", undefined],
      [":", undefined],
      ["1.2.3.4::", undefined],
      ["x".repeat(100_000), undefined]
    ]
    for (const [value, expected] of cases) assert.strictEqual(ip(value, 1), expected, value.slice(0, 40))
    for (const [value, expected] of cases) assert.strictEqual(ip("", 0, value), expected, value.slice(0, 40))
  })

  it("can come from a header of one's own proxy, or not at all", () => {
    const headers = { "cf-connecting-ip": "1.2.3.4", "x-forwarded-for": "6.6.6.6" }
    assert.strictEqual(read(headers, { ipHeader: "cf-connecting-ip" }).properties.$ip, "1.2.3.4")
    assert.notProperty(read({}, { ipHeader: "cf-connecting-ip" }).properties, "$ip")
    assert.notProperty(read(headers, { ip: false }).properties, "$ip")
    assert.notProperty(read({}, {}, { remoteAddress: undefined }).properties, "$ip")
  })
})

describe("the address of the request", () => {
  const host = { host: "shop.example.com:8080" }
  const url = (url: string, headers: Readonly<Record<string, unknown>> = host, more: Partial<RequestSettings> = {}) =>
    read(headers, more, { url }).properties.$current_url

  it("is absolute where the host is known", () => {
    assert.strictEqual(url("/a/b?c=1#d"), "http://shop.example.com:8080/a/b?c=1")
    assert.strictEqual(url("https://other.example.com/a"), "https://other.example.com/a")
    assert.strictEqual(url("https://user:password@other.example.com/a"), "https://other.example.com/a")
    assert.strictEqual(url("/a", {}), "/a")
    assert.strictEqual(url("*", host), "http://shop.example.com:8080/*")
    assert.strictEqual(url("?x=1", host), "http://shop.example.com:8080/?x=1")
    assert.strictEqual(url("", host), "http://shop.example.com:8080/")
    const { $host, $pathname, $request_method, $request_path } = read(host, {}, { url: "/a?b" }).properties
    assert.deepStrictEqual([$host, $pathname, $request_path, $request_method], [host.host, "/a", "/a", "GET"])
  })

  it("says what a proxy of one's own says, and only that", () => {
    const headers = {
      ...host,
      "x-forwarded-host": "evil.example.com, public.example.com",
      "x-forwarded-proto": "https"
    }
    assert.strictEqual(url("/", headers), "http://shop.example.com:8080/")
    assert.strictEqual(url("/", headers, { trustProxies: 1 }), "https://public.example.com/")
    assert.strictEqual(
      url("/", { ...headers, "x-forwarded-proto": "javascript" }, { trustProxies: 1 }),
      "http://public.example.com/"
    )
    // Each of two proxies has added its part.
    const both = { ...host, "x-forwarded-host": "public.example.com, inner" }
    assert.strictEqual(url("/", both, { trustProxies: 2 }), "http://public.example.com/")
    assert.strictEqual(url("/", both, { trustProxies: 5 }), "http://public.example.com/")
  })

  it("does not believe whoever comes past the proxies", () => {
    const headers = { ...host, "x-forwarded-host": "evil.example.com", "x-forwarded-proto": "https" }
    const from = (remoteAddress: string | undefined) =>
      read(headers, { trustProxies: (address) => address.startsWith("10.") }, { remoteAddress }).properties.$current_url
    assert.strictEqual(from("6.6.6.6"), "http://shop.example.com:8080/")
    assert.strictEqual(from("::ffff:10.0.0.1"), "https://evil.example.com/")
    // Behind the Fetch API nobody knows who is at the other end.
    assert.strictEqual(from(undefined), "https://evil.example.com/")
  })

  it("has no host that is none", () => {
    for (const bad of ["a b", "<x>", "a/b", "x".repeat(400), "a@b", "[::1", "ex\u0000ample.com/"]) {
      assert.strictEqual(url("/p", { host: bad }), "/p", bad)
    }
    assert.strictEqual(url("/p", { host: "[::1]:80" }), "http://[::1]:80/p")
  })

  it("shows no secrets of the query, or all of it, or none", () => {
    const query = "page=2&api_key=k&access%5Ftoken=t&code=c&flag&email=a%40b.c&PASSWORD=p&empty=&state=s&=x"
    assert.strictEqual(
      url(`/?${query}`, {}),
      "/?page=2&api_key=[redacted]&access%5Ftoken=[redacted]&code=[redacted]&flag&email=a%40b.c&PASSWORD=[redacted]&empty=&state=[redacted]&=x"
    )
    assert.strictEqual(url(`/?${query}`, {}, { query: "keep" }), `/?${query}`)
    assert.strictEqual(url(`/?${query}`, {}, { query: "omit" }), "/")
    assert.strictEqual(url("/?a=1&b=2", {}, { isSecret: (name) => name === "a" }), "/?a=[redacted]&b=2")
    assert.strictEqual(url("/?a=1;token=t;u&b=2;c", {}), "/?a=1;token=[redacted]&b=2;c")
    assert.strictEqual(url("/?%E0%A4%A=1", {}), "/?%E0%A4%A=1")
  })

  it("knows secrets in the names that are common, and nothing else", () => {
    const secrets =
      "user[password] user%5Bpassword%5D passwords pwd X-Amz-Signature X-Amz-Security-Token X-Amz-Credential sig oauth_verifier code_verifier SAMLResponse access_key privateKey reset-key auth_code session_id sid jwt otp"
    for (const name of secrets.split(" ")) assert.strictEqual(url(`/?${name}=x`, {}), `/?${name}=[redacted]`)
    const plain =
      "page q email keyword sort_key country_code zipcode monkey design user_id order[status] sessions states"
    for (const name of plain.split(" ")) assert.strictEqual(url(`/?${name}=x`, {}), `/?${name}=x`)
  })

  it("is cut, and other headers with it", () => {
    assert.isAtMost(String(url(`/${"x".repeat(100_000)}`)).length, 4_100)
    const { properties } = read({ "user-agent": "y".repeat(100_000) })
    assert.strictEqual(String(properties.$user_agent).length, 1_000)
    assert.notProperty(read({ "user-agent": "x" }, { userAgent: false }).properties, "$user_agent")
  })
})

describe("the connection", () => {
  const of = (
    headers: Readonly<Record<string, unknown>>,
    facts: Partial<RequestFacts>,
    more?: Partial<RequestSettings>
  ) => read(headers, more, facts).properties

  it("says whether it is encrypted, before what a client says and below a proxy of one's own", () => {
    const host = { host: "a.b" }
    assert.strictEqual(of(host, { isEncrypted: () => true }).$current_url, "https://a.b/")
    assert.strictEqual(of(host, { isEncrypted: () => false }).$current_url, "http://a.b/")
    assert.strictEqual(of({ ...host, ":scheme": "https" }, { isEncrypted: () => false }).$current_url, "http://a.b/")
    assert.strictEqual(of({ ...host, ":scheme": "https" }, {}).$current_url, "https://a.b/")
    const proxied = of({ ...host, "x-forwarded-proto": "https" }, { isEncrypted: () => false }, { trustProxies: 1 })
    assert.strictEqual(proxied.$current_url, "https://a.b/")
  })

  it("has its host in HTTP/2's own header, if it is one", () => {
    assert.strictEqual(of({ ":authority": "a.b:8443" }, { isEncrypted: () => true }).$current_url, "https://a.b:8443/")
    assert.strictEqual(of({ ":authority": "user:pw@a.b" }, { isEncrypted: () => true }).$host, "a.b")
    assert.isUndefined(of({ ":authority": "a b\"" }, { isEncrypted: () => true }).$host)
  })

  it("that is closed is no proxy of one's own; where there is none it may be", () => {
    const headers = { "x-forwarded-for": "1.2.3.4", "x-forwarded-host": "evil.example", host: "a.b" }
    const trustProxies = () => true
    const closed = of(headers, { remoteAddress: undefined, isEncrypted: () => false }, { trustProxies })
    assert.isUndefined(closed.$ip)
    assert.strictEqual(closed.$host, "a.b")
    const fetched = of(headers, { remoteAddress: undefined }, { trustProxies })
    assert.strictEqual(fetched.$ip, "1.2.3.4")
    assert.strictEqual(fetched.$host, "evil.example")
  })
})
