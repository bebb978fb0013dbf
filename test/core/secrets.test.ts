import { assert, describe, it } from "@effect/vitest"
import { redactJson, redactSource, redactText } from "../../src/core/secrets.js"

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"

describe("redactText", () => {
  /** What becomes of a text. */
  const addresses: Readonly<Record<string, string>> = {
    "nothing to hide": "nothing to hide",
    "a?token=1": "a?token=[redacted]",
    "GET https://shop/a?page=2&token=abc#token=1 failed":
      "GET https://shop/a?page=2&token=[redacted]#token=[redacted] failed",
    "(503 POST http://h/b?api_key=k)": "(503 POST http://h/b?api_key=[redacted])",
    "\"https://h/?access%5Ftoken=t\"": "\"https://h/?access%5Ftoken=[redacted]\"",
    "https://h/?a=1;sig=2;b=3&c=4": "https://h/?a=1;sig=[redacted]&c=4",
    "postgres://ada:pa%23ss@db:5432/shop": "postgres://[redacted]@db:5432/shop",
    "https://token@github.com/x and redis://:p@r": "https://[redacted]@github.com/x and redis://[redacted]@r",
    "http://a/x?y=1 http://b/x?jwt=2": "http://a/x?y=1 http://b/x?jwt=[redacted]",
    "http://h/users/a@b.c?email=a@b.c": "http://h/users/a@b.c?email=a@b.c",
    "connect postgres://app:p@ssw0rd@db:5432/app failed": "connect postgres://[redacted]@db:5432/app failed",
    "postgres://app:p/ss:w@rd@db/app": "postgres://[redacted]@db/app",
    "postgres://app:p?ss#w@db/app": "postgres://[redacted]@db/app",
    "amqp://app:p%40@/vhost": "amqp://[redacted]@/vhost",
    "mysql://root:hunter2": "mysql://[redacted]",
    "mongodb+srv://u:p@ss@c.mongodb.net/db?retryWrites=true":
      "mongodb+srv://[redacted]@c.mongodb.net/db?retryWrites=true",
    "root:hun@ter2@tcp(db:3306)/app": "[redacted]@tcp(db:3306)/app",
    "dsn=app:hunter2@db.internal:5432/app": "dsn=[redacted]@db.internal:5432/app",
    "jdbc:oracle:thin:scott/tiger@//db:1521/x": "jdbc:oracle:thin:[redacted]@//db:1521/x",
    "Server=db;User Id=sa;Password=p4ss": "Server=db;User Id=sa;Password=[redacted]",
    "GET https://app.example.com/cb#access_token=SECRET&page=x":
      "GET https://app.example.com/cb#access_token=[redacted]&page=x",
    "GET /reset?token=S 500": "GET /reset?token=[redacted] 500",
    "GET /?next=%2Fcb%3Ftoken%3DSECRET": "GET /?next=%2Fcb%3Ftoken%3D[redacted]",
    "GET /?next=%252Fcb%253Ftoken%253DSECRET%2526page%253D2 404":
      "GET /?next=%252Fcb%253Ftoken%253D[redacted]%2526page%253D2 404",
    "GET /?a=1&amp;token=S": "GET /?a=1&amp;token=[redacted]",
    "user[password]=x&page=2": "user[password]=[redacted]&page=2"
  }

  const others: Readonly<Record<string, string>> = {
    "Authorization: Bearer abc.def failed with 401": "Authorization: Bearer [redacted] failed with 401",
    "authorization: Digest username=\"x\", response=\"y\"\nok": "authorization: Digest [redacted]\nok",
    "Proxy-Authorization: Basic dXNlcjpwYXNz": "Proxy-Authorization: Basic [redacted]",
    "got Bearer hunter2 and Basic dXNlcjpwYXNz": "got Bearer [redacted] and Basic [redacted]",
    "Cookie: a=b; theme=c\nAccept: */*": "Cookie: [redacted]\nAccept: */*",
    "Set-Cookie: x=y; Path=/": "Set-Cookie: [redacted]",
    "x-api-key: k1": "x-api-key: [redacted]",
    "password=hunter2, user=ada": "password=[redacted], user=ada",
    "password: hunter2": "password: [redacted]",
    "API key: hunter2 was refused": "API key: [redacted] was refused",
    "said {\"password\":\"hun\\\"ter2\",\"user\":\"ada\"}": "said {\"password\":\"[redacted]\",\"user\":\"ada\"}",
    "{ 'token': 'h2', userPIN: 1234, ok: true }": "{ 'token': '[redacted]', userPIN: [redacted], ok: true }",
    "{\"detail\":\"{\\\"password\\\":\\\"a\\\\\\\"b\\\",\\\"user\\\":\\\"ada\\\"}\"}":
      "{\"detail\":\"{\\\"password\\\":\\\"[redacted]\\\",\\\"user\\\":\\\"ada\\\"}\"}",
    "[[\"token\",\"S\"],[\"page\",\"1\"]]": "[[\"token\",\"[redacted]\"],[\"page\",\"1\"]]",
    "Map(1) { 'password' => 'hunter2' }": "Map(1) { 'password' => '[redacted]' }",
    "mysql --password hunter2 --host db": "mysql --password [redacted] --host db",
    "curl -u ada:hunter2 https://x": "curl -u [redacted] https://x",
    [`id ${jwt}!`]: "id [redacted]!",
    "sk-ant-api03-AAAAAAAAAAAA sk-proj-abcdefgh1 sk_live_abcdefgh": "[redacted] [redacted] [redacted]",
    "AIzaSyA-0123456789abcdef0123456789abcde xoxb-123456789012-abc AKIAIOSFODNN7EXAMPLE":
      "[redacted] [redacted] [redacted]",
    "ghp_abcdefghijklmnop1234,github_pat_11ABCDEFG0abcdefghi": "[redacted],[redacted]",
    "phx_abcdefghijklmnop phc_abcdefghijklmnop": "[redacted] [redacted]",
    "key -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- end": "key [redacted] end",
    "POST /v1 HTTP/1.1\r\nx-a: b\r\n\r\nbody": "POST /v1 HTTP/1.1\r\n[redacted]",
    "{ readonly password: NonEmpty }\n└─ [\"password\"]\n   └─ Expected NonEmpty, actual \"h2\"":
      "{ readonly password: NonEmpty }\n└─ [\"password\"]\n   └─ Expected NonEmpty, actual [redacted]",
    "oops { url: 'https://x', headers: { 'x-c': 'z' }, body: '{\"prompt\":' +\n  '\"x\"}', status: 3 }":
      "oops { url: 'https://x', headers: [redacted], body: '[redacted]', status: 3 }"
  }

  /** What ordinary programs say, and nobody may take away. */
  const ordinary = [
    "token expired",
    "password must be 8 characters",
    "Invalid password: must be 8 characters",
    "Unexpected token < in JSON at position 0",
    "Unexpected token 'export'",
    "invalid token: expected ';' at 3",
    "bearer token is missing",
    "Basic authentication required for the Basic plan",
    "max_tokens: 4096, total_tokens=17, token_type=bearer",
    "token: undefined, password: null, secret: [redacted]",
    "connect ECONNREFUSED 127.0.0.1:5432",
    "Cannot find module '/app/node_modules/@effect/platform/x.js'",
    "file:///app/node_modules/@effect/platform/x.js:10:5",
    "http://localhost:3000/users/ada@example.com and https://app:8080/x@y",
    "mail to ada@example.com, npm:effect@3.19.1/dist, git@github.com:a/b.git",
    "10:30:00 error at src/a.ts:10:5",
    "C:\\app\\token\\x.ts(3,4): error TS2322",
    "sk-learn and sk-some-css-class-name-of-many-words, php_admin_value, eyJ",
    "100%25 of {\"user\":\"ada\",\"page\":2}",
    "GET /users/7?page=2&q=a%20b 404"
  ]

  it("hides user and password in addresses, and parameters that are secrets, however they are encoded", () => {
    for (const [text, redacted] of Object.entries(addresses)) assert.strictEqual(redactText(text), redacted)
  })

  it("hides what has the name of a secret or looks like one, wherever it stands", () => {
    for (const [text, redacted] of Object.entries(others)) assert.strictEqual(redactText(text), redacted)
  })

  it("leaves ordinary texts alone", () => {
    for (const text of ordinary) assert.strictEqual(redactText(text), text)
  })

  it("changes nothing the second time", () => {
    for (const redacted of [...Object.values(addresses), ...Object.values(others)]) {
      assert.strictEqual(redactText(redacted), redacted)
    }
  })

  it("does not show the beginning of a secret that the cut goes through", () => {
    for (const secret of ["postgres://ada:hunter2hunter2@db/shop", "{\"password\":\"hunter2 hunter2\"}", `id ${jwt}`]) {
      for (let length = 20; length < 60; length++) {
        const shown = redactText(`${"a ".repeat(length)}${secret}`, 100)
        assert.notMatch(shown, /hunter|eyJ/)
      }
    }
  })

  it("takes no longer for a text that is longer, whatever it is made of", () => {
    // What is looked at is bounded: a text of ten times the length gives the same, without being looked at.
    const pieces = [
      "://",
      "@",
      "%25",
      "=",
      "&",
      ";",
      "\"",
      "token=",
      "token:[",
      "-eyJ",
      "a:b@",
      "\\\\\"",
      "headers:{",
      "')"
    ]
    pieces.push("cookie: x ", "postgres://u:", "-----BEGIN PRIVATE KEY-----", "[\"a\"", "&quot;", "password: {\"", "x=")
    for (const piece of pieces) {
      const some = redactText(piece.repeat(30_000))
      assert.isAtMost(some.length, 70_000)
      assert.strictEqual(redactText(piece.repeat(300_000)), some)
    }
  })
})

describe("redactSource", () => {
  it("hides keys and passwords of addresses in a line of source, and nothing else", () => {
    const cases: Readonly<Record<string, string>> = {
      "const password = read(token)": "const password = read(token)",
      "const key = \"sk-ant-api03-AAAAAAAAAAAA\"": "const key = \"[redacted]\"",
      "connect(\"postgres://a:b@db/x\")": "connect(\"postgres://[redacted]@db/x\")"
    }
    for (const [line, redacted] of Object.entries(cases)) assert.strictEqual(redactSource(line), redacted)
  })
})

describe("redactJson", () => {
  const cases: ReadonlyArray<readonly [given: unknown, redacted: unknown]> = [
    [{ password: "p", user: { apiKey: 1, name: "ada" } }, { user: { name: "ada" } }],
    [{ headers: { Authorization: "x", "x-goog-api-key": "y", accept: "*/*" } }, { headers: { accept: "*/*" } }],
    [{ rawHeaders: ["Authorization", "x", "Host", "h"] }, { rawHeaders: ["Authorization", "[redacted]", "Host", "h"] }],
    [{ urlParams: [["token", "x"], ["page", "2"]] }, { urlParams: [["token", "[redacted]"], ["page", "2"]] }],
    [[{ name: "password", value: "x" }, { name: "page", value: "2" }], [{ name: "password", value: "[redacted]" }, {
      name: "page",
      value: "2"
    }]],
    [{ method: "POST", url: "/pay?token=x", headers: {}, body: "b", data: "d" }, {
      method: "POST",
      url: "/pay?token=[redacted]",
      headers: {}
    }],
    [{ _id: "@effect/platform/HttpBody", _tag: "Uint8Array", body: "b" }, {
      _id: "@effect/platform/HttpBody",
      _tag: "Uint8Array"
    }],
    [{ path: ["password"], actual: "x", message: "Expected a, actual \"x\"" }, {
      path: ["password"],
      message: "Expected a, actual [redacted]"
    }],
    [{ path: "password", issue: { actual: "x", _tag: "Type" } }, { path: "password", issue: { _tag: "Type" } }],
    [{ text: "{\"token\":\"x\"}" }, { text: "{\"token\":\"[redacted]\"}" }],
    [{ "GET /?code=x": 1 }, { "GET /?code=[redacted]": 1 }],
    [{ usage: { inputTokens: 12, token: true, secret: null } }, {
      usage: { inputTokens: 12, token: true, secret: null }
    }]
  ]

  it("leaves out what has the name of a secret, and bodies of requests, however deep they lie", () => {
    for (const [given, redacted] of cases) assert.deepStrictEqual(redactJson(given), redacted)
  })

  it("changes nothing the second time", () => {
    for (const [, redacted] of cases) assert.deepStrictEqual(redactJson(redacted), redacted)
  })
})
