/** Who may speak to a local PostHog, and what of their secrets stays. */
import { createServer } from "node:net"
import { assert, describe, it, onTestFinished } from "vitest"
import { control } from "../../src/local/control.js"
import { hasToken, isAllowedHost, keptHeaders, shortenSecrets } from "../../src/local/guard.js"
import { makeServer } from "../../src/local/server.js"
import { settle } from "../../src/local/settings.js"
import { ask, askAs, batch, isWell, post, start } from "./running.js"

const paths = [
  ["POST", "/batch/"],
  ["POST", "/i/v1/analytics/events"],
  ["POST", "/flags/?v=2"],
  ["GET", "/flags/definitions?token=phc_key"],
  ["GET", "/array/phc_key/config.js"],
  ["GET", "/static/array.js"],
  ["GET", "/"],
  ["GET", "/nix"],
  ["OPTIONS", "/batch/"]
] as const

/** What a start fails with. */
const failure = (start: () => unknown): Promise<{ readonly reason?: string; readonly message: string }> =>
  Promise.resolve().then(start).then(() => assert.fail("it started"), (error) => error)

describe("guard", () => {
  it("answers 421 to a host that is not this machine, on every route", async () => {
    const server = await start()
    for (const [method, path] of paths) {
      for (const host of ["evil.example", "evil.example:8790", "127.0.0.1.evil.example", "localhost.evil.example"]) {
        const answer = await askAs(server, path, { host, origin: "http://evil.example" }, method)
        assert.strictEqual(answer.status, 421, `${method} ${path} ${host}`)
        assert.match(server.local.store.requests.at(-1)!.reason!, /evil\.example is not this server|evil\.example:8790/)
      }
    }
    assert.strictEqual(server.local.store.events.length, 0)
    assert.isTrue(await isWell(server))
  })

  it("knows the names of this machine, and those that it is told", () => {
    const plain = settle({}, {})
    for (
      const host of [
        "localhost",
        "LOCALHOST:8790",
        "app.localhost:3",
        "127.0.0.1",
        "127.8.9.10:80",
        "[::1]:8790",
        "10.0.2.2:8790"
      ]
    ) {
      assert.isTrue(isAllowedHost(host, plain), host)
    }
    for (
      const host of [
        undefined,
        "",
        ":8790",
        "posthog",
        "192.168.1.5:8790",
        "[::2]",
        "localhost:x",
        "localhost@evil.example",
        "127.0.0.1:80:80",
        "a b",
        "notlocalhost",
        "1270.0.0.1"
      ]
    ) {
      assert.isFalse(isAllowedHost(host, plain), host)
    }
    const told = settle({ allowHosts: ["posthog", "Docker.Internal", "::2"] }, {})
    for (const host of ["posthog:8790", "docker.internal", "[::2]:8790"]) assert.isTrue(isAllowedHost(host, told), host)
    const wide = settle({ host: "0.0.0.0", token: "0123456789abcdef" }, {})
    assert.isTrue(isAllowedHost("192.168.1.5:8790", wide))
    assert.isFalse(isAllowedHost("evil.example", wide))
  })

  it("keeps of a secret what tells it from others", async () => {
    const server = await start()
    await ask(server, "/flags/definitions?token=phc_key&secret_api_key=phs_abcdefghij", {
      headers: {
        authorization: "Bearer phx_abcdefghijklmnop",
        cookie: "session=abcdefghijklmnop",
        "x-note": "my key is phs_abcdefghijklmnop"
      }
    })
    await post(server, "/batch/", batch(), { authorization: "Basic dXNlcjpwYXNzd29yZA==" })
    await ask(server, "/nix/phx_abcdefghijklmnop", { headers: { authorization: "Bearer phc_key" } })
    const [first, second, third] = server.local.store.requests
    assert.deepInclude(first!.headers, {
      authorization: "Bearer phx_abcd…",
      cookie: "session=…",
      "x-note": "my key is phs_abc…"
    })
    assert.strictEqual(first!.query, "?token=phc_key&secret_api_key=phs_abc…")
    assert.strictEqual(second!.headers.authorization, "Basic dXNlcjpw…")
    assert.deepInclude(third, { path: "/nix/phx_abc…" })
    assert.strictEqual(third!.headers.authorization, "Bearer phc_key")
    assert.notInclude(JSON.stringify(server.local.store.requests), "klmnop")
    assert.strictEqual(shortenSecrets("phx_abc phc_abcdefgh"), "phx_abc phc_abcdefgh")
    assert.strictEqual(keptHeaders({ "x-long": "x".repeat(10_000) })["x-long"]!.length, 2_000)
  })

  it("keeps no secret that is short, escaped, a project's or in a header of another name", async () => {
    const server = await start()
    const headers = {
      authorization: "Bearer hunter2",
      cookie: "a=secret",
      "x-vercel-token": "supersecret",
      "cf-access-client-secret": "supersecret",
      "x-session-id": "supersecret"
    }
    const secret = "phx_supersecret"
    for (
      const path of [
        `/flags/definitions?token=${secret}&q=%22${secret}%22&key=%70hx_supersecret&other=phs%5Fsupersecret&a_${secret}`,
        `/array/${secret}/config`,
        "/array/%70hx_supersecret/config",
        `/project/1/person/${secret}`
      ]
    ) {
      await ask(server, path, { headers })
      await ask(server, path, { headers: { authorization: "Bearer phs_x", "user-agent": `${secret}/1.0.0` } })
    }
    await post(server, "/i/v1/logs?token=pha_supersecret", "{}")
    const kept = JSON.stringify(server.local.store.requests)
    for (const part of ["supersec", "hunter", "a=secret"]) assert.notInclude(kept, part)
    assert.isTrue(server.local.store.requests.every(({ status }) => status !== 500))
  })

  it("leads to its page with what was shortened, too", async () => {
    const server = await makeServer({ port: 0, controlPort: 0 }, { control })
    onTestFinished(() => server.close())
    const answer = await ask(server, "/project/1/person/phx_abcdefghijkl")
    assert.strictEqual(answer.status, 302)
    assert.strictEqual(answer.headers.get("location"), `${server.controlUrl}/#people?filter=person:phx_abc%E2%80%A6`)
  })

  it("sees a secret behind what only looks like one", async () => {
    const server = await start()
    await post(
      server,
      "/batch/",
      batch({ event: "a", distinct_id: "b", properties: { no: "phx_ is", yes: "phx_abcdefghijkl" } })
    )
    assert.match(server.local.store.hints[0]?.text ?? "", /personal API key/)
  })

  it("knows its token and no other", () => {
    const token = "0123456789abcdef0123456789abcdef"
    const bearer = (text: string) => ({ authorization: text })
    assert.isTrue(hasToken(bearer(`Bearer ${token}`), token))
    for (const wrong of ["", "Bearer ", `Bearer ${token}0`, `Bearer ${token.slice(1)}`, token, `Basic ${token}`]) {
      assert.isFalse(hasToken(bearer(wrong), token), wrong)
    }
    assert.isFalse(hasToken({}, token))
    const made = new Set(Array.from({ length: 100 }, () => settle({}, {}).token))
    assert.strictEqual(made.size, 100)
    // 128 bits are 22 characters of base64.
    for (const one of made) assert.isAtLeast(one.length, 22)
  })

  it("does not start in production, nor for other machines without a token", async () => {
    const production = await failure(() => settle({}, { NODE_ENV: "production" }))
    assert.strictEqual(production.reason, "production")
    assert.strictEqual(settle({ allowProduction: true }, { NODE_ENV: "production" }).port, 8790)
    for (const host of ["0.0.0.0", "::", "192.168.1.5", "myapp.local"]) {
      const open = await failure(() => settle({ host }, {}))
      assert.strictEqual(open.reason, "options", host)
      assert.match(open.message, /needs a token/)
      assert.strictEqual(settle({ host, token: "0123456789abcdef" }, {}).host, host)
    }
    for (const host of ["127.0.0.1", "::1", "localhost"]) assert.strictEqual(settle({ host }, {}).host, host)
    const before = process.env.NODE_ENV
    process.env.NODE_ENV = "production"
    try {
      assert.strictEqual((await failure(() => makeServer({ port: 0 }))).reason, "production")
    } finally {
      process.env.NODE_ENV = before
    }
  })

  it("says which option is wrong", async () => {
    for (
      const [options, message] of [
        [{ port: -1 }, /^port must/],
        [{ port: 70_000 }, /^port must/],
        [{ port: 1.5 }, /^port must/],
        [{ port: 65_535 }, /^controlPort must/],
        [{ port: 8790, controlPort: 8790 }, /must be two/],
        [{ maxEvents: -1 }, /^maxEvents must/],
        [{ maxBytes: NaN }, /^maxBytes must/],
        [{ token: "short" }, /^token must/],
        [{ token: "with a space in the middle" }, /^token must/]
      ] as const
    ) {
      const wrong = await failure(() => settle(options, {}))
      assert.deepStrictEqual([wrong.reason, message.test(wrong.message)], ["options", true], wrong.message)
    }
    assert.deepInclude(settle({ port: 5000 }, {}), { port: 5000, controlPort: 5001 })
    assert.deepInclude(settle({ port: 0 }, {}), { port: 0, controlPort: 0 })
  })

  it("says that a port is in use, on either address", async () => {
    for (const host of ["127.0.0.1", "::1"]) {
      const other = createServer()
      const isThere = await new Promise<boolean>((resolve) => {
        other.once("error", () => resolve(false))
        other.listen(0, host, () => resolve(true))
      })
      // Some machines have no IPv6.
      if (!isThere) continue
      const { port } = other.address() as { readonly port: number }
      const inUse = await failure(() => makeServer({ port, controlPort: false }))
      assert.strictEqual(inUse.reason, "port in use")
      assert.include(inUse.message, String(port))
      await new Promise((resolve) => {
        other.close(resolve)
      })
      await (await makeServer({ port, controlPort: false })).close()
    }
  })
})
