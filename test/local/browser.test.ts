/** What browsers send and ask for, as plain requests: where there is no browser, the protocol is checked all the same. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runInNewContext } from "node:vm"
import { gzipSync } from "node:zlib"
import { describe, expect, it, onTestFinished } from "vitest"
import { isOwnOrigin } from "../../src/local/origins.js"
import type { LocalServer } from "../../src/local/server.js"
import { ask, askAs, post, start } from "./running.js"

const own = "http://localhost:3000"
const elsewhere = "https://shop.example"

const event = (name: string) => ({ event: name, properties: { distinct_id: "ada", token: "phc_a", $lib: "web" } })
const batch = (name: string) =>
  JSON.stringify({ api_key: "phc_a", batch: [event(name)], sent_at: "2026-11-27T12:00:00Z" })
const base64 = (text: string) => Buffer.from(text).toString("base64")
const form = (text: string) => `data=${encodeURIComponent(base64(text))}`

describe("bodies", () => {
  it.each<[string, string, string | Buffer, Record<string, string>, string]>([
    ["posthog-js", "/e/", gzipSync(batch("a")), { "content-type": "text/plain" }, "gzip without header"],
    ["posthog-js, older", "/e/?compression=gzip-js", gzipSync(batch("a")), { "content-type": "text/plain" }, "gzip"],
    ["posthog-js without compression", "/i/v0/e/", batch("a"), { "content-type": "application/json" }, "plain"],
    [
      "posthog-js at the end of a page, without gzip",
      "/e/?compression=base64",
      form(batch("a")),
      { "content-type": "application/x-www-form-urlencoded" },
      "base64"
    ],
    [
      "posthog-js-lite",
      "/batch/",
      gzipSync(batch("a")),
      { "content-type": "application/json", "content-encoding": "gzip" },
      "gzip"
    ],
    ["a list", "/e/", JSON.stringify([event("a")]), { "content-type": "text/plain" }, "plain"],
    ["one event", "/e/", JSON.stringify(event("a")), { "content-type": "text/plain" }, "plain"],
    ["one event in base64", "/e", base64(JSON.stringify(event("a"))), { "content-type": "text/plain" }, "base64"]
  ])("%s", async (_, path, body, headers, packed) => {
    const server = await start()
    const heard = await post(server, path, body, { origin: own, ...headers })
    expect([heard.status, heard.body]).toEqual([200, { status: 1 }])
    expect(heard.headers.get("access-control-allow-origin")).toBe(own)
    const { events, requests } = server.local.store
    expect(events.map(({ distinct_id, event, project }) => [event, distinct_id, project])).toEqual([[
      "a",
      "ada",
      "phc_a"
    ]])
    expect(requests[0]!.packed).toContain(packed)
  })

  it("flags in a form, as posthog-js asks for them without its configuration", async () => {
    const server = await start()
    server.local.flags.setOverrides([{ key: "checkout", value: "fast" }])
    const asked = form(JSON.stringify({ token: "phc_a", distinct_id: "ada", device_id: null, timezone: "Europe/Oslo" }))
    const { body } = await post(server, "/flags/?v=2&compression=base64", asked, {
      origin: own,
      "content-type": "application/x-www-form-urlencoded"
    })
    expect(body.flags.checkout.variant).toBe("fast")
  })
})

describe("origins", () => {
  it.each([
    ["http://localhost", true],
    ["https://localhost:3000", true],
    ["http://app.localhost:3000", true],
    ["http://127.0.0.1:5173", true],
    ["http://[::1]:5173", true],
    ["https://shop.test", true],
    ["http://host.docker.internal:8080", true],
    ["null", false],
    ["", false],
    ["https://shop.example", false],
    ["https://localhost.evil.example", false],
    ["https://evil-localhost", false],
    ["https://127.0.0.1.evil.example", false],
    ["https://test", false],
    ["http://192.168.1.7:3000", false],
    ["http://myapp.local", false],
    ["capacitor://localhost", false],
    ["chrome-extension://abcdef", false],
    ["http://localhost@evil.example", false]
  ])("%s may send without asking: %s", (origin, isOwn) => {
    expect(isOwnOrigin(origin)).toBe(isOwn)
  })

  const sends = async (server: LocalServer, origin: string) =>
    (await post(server, "/e/", batch("a"), { origin, "content-type": "text/plain" })).status

  it("from elsewhere are refused with a reason that the page may read, and remembered", async () => {
    const server = await start()
    const happened: Array<string> = []
    server.local.store.subscribe((happening) => {
      if (happening.type === "changed") happened.push(happening.what)
    })
    for (const path of ["/e/", "/flags/?v=2", "/s/", "/i/v1/logs?token=phc_a"]) {
      const heard = await post(server, path, batch("a"), { origin: elsewhere, "sec-fetch-mode": "no-cors" })
      expect(heard.status).toBe(403)
      expect(heard.body.detail).toContain(`--allow-origin ${elsewhere}`)
      expect(heard.headers.get("access-control-allow-origin")).toBe(elsewhere)
    }
    const preflight = await ask(server, "/e/", { method: "OPTIONS", headers: { origin: elsewhere } })
    expect(preflight.status).toBe(403)
    const { origins, store } = server.local
    expect(store.events).toEqual([])
    expect(origins.asking()).toEqual([elsewhere])
    expect(happened).toEqual(["origins"])
    expect(store.hints.map(({ about }) => about)).toEqual(["origins"])
    expect(store.requests.map(({ reason }) => reason)).toContain(`pages of ${elsewhere} may not send here`)
    origins.allow(`${elsewhere.toUpperCase()}/`)
    expect(origins.asking()).toEqual([])
    expect(await sends(server, elsewhere)).toBe(200)
    expect(await sends(server, "https://other.example")).toBe(403)
  })

  it("can be allowed from the start, however they are written", async () => {
    const server = await start({ allowOrigins: ["HTTPS://Shop.example/", "capacitor://localhost", "null"] })
    for (const origin of [elsewhere, "capacitor://localhost", "null", own]) {
      expect(await sends(server, origin)).toBe(200)
    }
    expect(await sends(server, "http://shop.example")).toBe(403)
  })

  it("that ask are not kept without end", async () => {
    const server = await start()
    for (let i = 0; i < 120; i++) {
      server.local.origins.refuse({ origin: `https://${i}.${"x".repeat(300)}.example` })
    }
    const asking = server.local.origins.asking()
    expect(asking).toHaveLength(100)
    expect(Math.max(...asking.map(({ length }) => length))).toBe(200)
  })
})

describe("headers for browsers", () => {
  it("are on answers of every kind", async () => {
    const server = await start()
    server.faults.start({
      fault: { kind: "status", status: 429, headers: { "retry-after": "2" } },
      on: "events",
      times: 1
    })
    const headers = { origin: own }
    const heard = [
      await post(server, "/e/", batch("a"), headers),
      await post(server, "/e/", "{", headers),
      await post(server, "/e/", Buffer.from([0x1f, 0x8b, 0]), headers),
      await ask(server, "/nowhere", { headers }),
      await ask(server, "/e/", { headers }),
      await ask(server, "/array/phc_a/config", { headers }),
      await ask(server, "/array/%E0%A4%A/config", { headers })
    ]
    expect(heard.map(({ status }) => status)).toEqual([429, 400, 400, 404, 405, 200, 400])
    for (const { headers } of heard) {
      expect(headers.get("access-control-allow-origin")).toBe(own)
      expect(headers.get("access-control-expose-headers")).toBe("Retry-After, PostHog-Request-Id")
      expect(headers.get("vary")).toBe("Origin")
      expect(headers.get("cross-origin-resource-policy")).toBe("cross-origin")
      expect(headers.get("access-control-allow-credentials")).toBeNull()
    }
  })

  it("answer the question before a request, and only where browsers may come", async () => {
    const server = await start()
    const preflight = (path: string, headers: Record<string, string> = {}) =>
      askAs(server, path, { host: new URL(server.url).host, origin: own, ...headers }, "OPTIONS")
    const asked = { "access-control-request-method": "POST", "access-control-request-headers": "content-type,x-own" }
    const { headers, status } = await preflight("/batch/", asked)
    expect(status).toBe(204)
    expect(headers).toMatchObject({
      "access-control-allow-origin": own,
      "access-control-allow-methods": "GET, POST, OPTIONS",
      "access-control-allow-headers": "content-type,x-own",
      "access-control-max-age": "600"
    })
    expect(headers).not.toHaveProperty("access-control-allow-private-network")
    const near = await preflight("/batch/", { ...asked, "access-control-request-private-network": "true" })
    expect(near.headers["access-control-allow-private-network"]).toBe("true")
    for (
      const path of [
        "/flags/definitions",
        "/api/feature_flag/local_evaluation",
        "/api/projects/@current/feature_flags/a/remote_config"
      ]
    ) {
      const { headers } = await preflight(path, asked)
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([])
    }
  })
})

describe("configuration", () => {
  /** What a page knows after the script has run. */
  const run = (script: string): any => {
    const window: Record<string, any> = {}
    runInNewContext(script, { window })
    return window._POSTHOG_REMOTE_CONFIG
  }

  it("is a script and JSON, and the same in both", async () => {
    const server = await start()
    const [script, json] = [await ask(server, "/array/phc_a/config.js"), await ask(server, "/array/phc_a/config/")]
    expect(script.headers.get("content-type")).toContain("text/javascript")
    expect(JSON.parse(JSON.stringify(run(script.text)))).toEqual({ phc_a: { config: json.body, siteApps: [] } })
    expect(json.body).toMatchObject({
      token: "phc_a",
      hasFeatureFlags: true,
      supportedCompression: expect.arrayContaining(["gzip-js"]),
      analytics: { endpoint: "/i/v0/e/" },
      sessionRecording: false
    })
    const recording = await start({ replay: true })
    expect((await ask(recording, "/array/phc_a/config")).body.sessionRecording).toMatchObject({ endpoint: "/s/" })
  })

  it("takes a hostile key for a text", async () => {
    const server = await start()
    for (const token of ["</script><script>alert(1)</script>", "\"];throw 1;[\"", "\u2028", "__proto__", "a/b"]) {
      const { text } = await ask(server, `/array/${encodeURIComponent(token)}/config.js`)
      expect(text).not.toMatch(/<|\u2028/)
      expect(Object.getOwnPropertyNames(run(text) ?? {})).toEqual(token === "__proto__" ? [] : [token])
    }
  })
})

describe("scripts", () => {
  const installed = async (files: Record<string, string>): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), "local-posthog-"))
    onTestFinished(() => rm(folder, { recursive: true }))
    const dist = join(folder, "node_modules", "posthog-js", "dist")
    await mkdir(dist, { recursive: true })
    await writeFile(join(folder, "secret.js"), "secret")
    await writeFile(join(folder, "node_modules", "posthog-js", "package.json"), "{\"name\":\"posthog-js\"}")
    for (const [name, text] of Object.entries(files)) await writeFile(join(dist, name), text)
    return folder
  }

  it("are those that the program has installed", async () => {
    const assetsFrom = await installed({ "array.js": "'array'", "surveys.js": "'surveys'", "surveys.js.map": "{}" })
    const server = await start({ assetsFrom })
    for (const path of ["/static/surveys.js", "/static/1.449.2/surveys.js", "/static/surveys.js?v=1.449.2"]) {
      const { headers, status, text } = await ask(server, path, { headers: { origin: own } })
      expect([status, text]).toEqual([200, "'surveys'"])
      expect(headers.get("content-type")).toContain("text/javascript")
      expect(headers.get("access-control-allow-origin")).toBe(own)
    }
    expect((await ask(server, "/static/surveys.js.map")).status).toBe(200)
    const array = await ask(server, "/array/phc_a/array.js")
    expect(array.text).toMatch(/_POSTHOG_REMOTE_CONFIG[^]*'array'$/)
  })

  it("lead nowhere else", async () => {
    const server = await start({ assetsFrom: await installed({ "array.js": "'array'" }) })
    const { host } = new URL(server.url)
    for (
      const path of [
        "/static/../../../secret.js",
        "/static/..%2f..%2f..%2fsecret.js",
        "/static/%2e%2e/%2e%2e/%2e%2e/secret.js",
        "/static/..\\..\\..\\secret.js",
        "/static//etc/passwd",
        "/static/package.json",
        "/static/x.js%00.map",
        "/static/"
      ]
    ) {
      const { status, text } = await askAs(server, path, { host })
      expect(text).not.toContain("'array'")
      if (status === 200) expect(text).toContain("is not here")
      expect(text).not.toMatch(/^secret|root:/)
    }
  })

  it("that are missing say so in the console, once, and do not make posthog-js ask again", async () => {
    const folder = await mkdtemp(join(tmpdir(), "local-posthog-"))
    onTestFinished(() => rm(folder, { recursive: true }))
    const server = await start({ assetsFrom: folder })
    const printed: Array<string> = []
    const print = (text: string) => printed.push(text)
    const context = { window: {}, console: { info: print, error: print } }
    for (const path of ["/static/surveys.js", "/static/surveys.js", "/static/array.js"]) {
      const { status, text } = await ask(server, path)
      expect(status).toBe(200)
      runInNewContext(text, context)
    }
    expect(printed).toHaveLength(2)
    expect(printed[1]).toContain("npm i -D posthog-js")
  })

  it("come from PostHog, or from nowhere, when that is wanted", async () => {
    const cdn = await start({ assets: "cdn" })
    const { headers, status } = await ask(cdn, "/static/1.449.2/surveys.js?v=1")
    expect([status, headers.get("location")])
      .toEqual([302, "https://us-assets.i.posthog.com/static/1.449.2/surveys.js?v=1"])
    const none = await start({ assets: "none" })
    expect(await ask(none, "/static/surveys.js")).toMatchObject({ status: 200, text: "" })
    expect((await ask(none, "/static/array.js")).text).toContain("console.error")
  })
})

describe("the rest", () => {
  it("lists of what is not here are empty", async () => {
    const server = await start()
    const bodies = await Promise.all(
      ["surveys", "early_access_features", "web_experiments", "product_tours"].map(async (name) =>
        (await ask(server, `/api/${name}/?token=phc_a`)).body
      )
    )
    expect(bodies).toMatchObject([{ surveys: [] }, { earlyAccessFeatures: [] }, { experiments: [] }, {
      product_tours: []
    }])
  })

  it("links that SDKs print lead to the page, where there is one", async () => {
    const without = await start()
    expect((await ask(without, "/project/phc_a/person/ada")).status).toBe(404)
    const server = await start()
    const links = ["/", "/project/phc_a/person/ada%2Fb", "/project/phc_a/replay/0194?t=5", "/issues/?project=phc_a"]
    Object.defineProperty(server, "controlUrl", { value: "http://127.0.0.1:8791" })
    const heard = await Promise.all(links.map((path) => ask(server, path)))
    expect(heard.map(({ headers, status }) => [status, headers.get("location")])).toEqual([
      [302, "http://127.0.0.1:8791/"],
      [302, "http://127.0.0.1:8791/#people?filter=person:ada%2Fb"],
      [302, "http://127.0.0.1:8791/#events?filter=session:0194"],
      [302, "http://127.0.0.1:8791/#errors"]
    ])
  })
})
