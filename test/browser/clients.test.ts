/**
 * Clients of browsers in a real browser, each on a page of its own that sends to a local PostHog of its own: everything
 * arrives, and the console is silent.
 */
import type { Browser } from "playwright-core"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { Fault, ReceivedRequest } from "../../src/local/model.js"
import type { LocalServer } from "../../src/local/server.js"
import { findChromium, noChromium, startChromium } from "../support/chromium.js"
import { makeSite, type Setup, type Site, type Visit, visit } from "./stage.js"

const executable = findChromium()
if (executable === undefined) console.warn(`test/browser/clients.test.ts: ${noChromium}`)

const button = "<button id=\"buy\">Buy</button>"

const withFlag = (server: LocalServer): void => {
  server.local.flags.setOverrides([{ key: "checkout", value: "fast", payload: { color: "#00f" } }])
}

const requests = ({ server }: Visit, path: RegExp): ReadonlyArray<ReceivedRequest> =>
  server.local.store.requests.filter((request) => path.test(request.path))

const name = `browsers${executable === undefined ? ` (${noChromium})` : ""}`

describe.skipIf(executable === undefined)(name, { timeout: 60_000 }, () => {
  let browser: Browser
  let site: Site
  const visits: Array<Visit> = []

  beforeAll(async () => {
    ;[browser, site] = await Promise.all([startChromium(executable!), makeSite()])
  }, 60_000)
  afterEach(() => Promise.all(visits.splice(0).map((each) => each.close())))
  afterAll(() => Promise.all([browser?.close(), site?.close()]))

  const open = async (setup: Setup): Promise<Visit> => {
    const opened = await visit(browser, site, { body: button, prepare: withFlag, ...setup })
    visits.push(opened)
    return opened
  }

  /** What all set-ups of posthog-js have in common. */
  const tour = async (page: Visit): Promise<void> => {
    await page.run("posthog.identify('ada', { plan: 'pro' }); posthog.group('company', 'acme', { seats: 3 })")
    await page.run("new Promise((resolve) => posthog.onFeatureFlags((keys) => keys.length > 0 && resolve()))")
    expect(await page.run("[posthog.getFeatureFlag('checkout'), posthog.getFeatureFlagPayload('checkout')]"))
      .toEqual(["fast", { color: "#00f" }])
    await page.page.click("#buy")
    await page.run("posthog.captureException(new TypeError('no card'))")
    await page.run("posthog.capture('order completed', { total: 12.5 })")
    const view = await page.event("$pageview")
    expect(view).toMatchObject({ verdict: "accepted", sdk: { name: "web" }, properties: { $host: expect.any(String) } })
    const identified = await page.event("$identify")
    expect(identified).toMatchObject({ distinct_id: "ada", $set: { plan: "pro" } })
    expect(identified.properties.$anon_distinct_id).toBe(view.distinct_id)
    expect((await page.event("$groupidentify")).properties).toMatchObject({
      $group_type: "company",
      $group_key: "acme",
      $group_set: { seats: 3 }
    })
    expect((await page.event("$feature_flag_called")).properties).toMatchObject({
      $feature_flag: "checkout",
      $feature_flag_response: "fast",
      $feature_flag_payload: "{\"color\":\"#00f\"}"
    })
    expect((await page.event("$autocapture")).properties).toMatchObject({ $event_type: "click", $el_text: "Buy" })
    expect((await page.event("$exception")).properties.$exception_list)
      .toMatchObject([{ type: "TypeError", value: "no card" }])
    expect(await page.event("order completed")).toMatchObject({
      distinct_id: "ada",
      verdict: "accepted",
      warnings: [],
      properties: { total: 12.5, "$feature/checkout": "fast", $groups: { company: "acme" } }
    })
  }

  /** What leaves with the page. */
  const leave = async (page: Visit): Promise<void> => {
    await page.run("posthog.capture('last words')")
    await page.page.goto("about:blank")
    await page.event("last words")
    await page.event("$pageleave")
  }

  const silence = async (page: Visit): Promise<void> => {
    await page.until(() => page.server.local.store.requests.every(({ isOver }) => isOver) || undefined)
    expect(page.complaints).toEqual([])
    const { events, requests } = page.server.local.store
    expect(events.filter(({ verdict }) => verdict !== "accepted")).toEqual([])
    expect(requests.filter(({ status }) => status === undefined || status >= 400)).toEqual([])
  }

  it.each<[string, Setup]>([
    ["posthog-js, bundled", {}],
    ["posthog-js, by snippet", { client: "snippet" }],
    ["posthog-js over XMLHttpRequest", { config: { api_transport: "XHR" } }],
    ["posthog-js without compression", { config: { disable_compression: true } }],
    ["posthog-js without external scripts", { config: { disable_external_dependency_loading: true } }],
    ["posthog-js with a header of the user's own", { config: { request_headers: { "X-Own": "1" } } }],
    ["posthog-js on a name that nobody can register", { host: "shop.test" }]
  ])("%s", async (_, setup) => {
    const page = await open(setup)
    await tour(page)
    await leave(page)
    await silence(page)
  })

  it("the set-ups are what they say", async () => {
    const [plain, header, internal] = await Promise.all([
      open({ config: { disable_compression: true } }),
      open({ config: { request_headers: { "X-Own": "1" } } }),
      open({ config: { disable_external_dependency_loading: true } })
    ])
    for (const page of [plain, header, internal]) await page.event("$pageview")
    expect(plain.server.local.store.events[0]!.sdk.name).toBe("web")
    const [sentPlain] = requests(plain, /^\/e\//).filter(({ method }) => method === "POST")
    expect(sentPlain).toMatchObject({ packed: "plain" })
    const asked = requests(header, /^\/e\//)
    expect(asked.map(({ method }) => method)).toEqual(["OPTIONS", "POST"])
    expect(asked[1]!.headers).toMatchObject({ "x-own": "1" })
    await internal.until(() => requests(internal, /^\/array\/.*\/config$/)[0])
    expect(requests(internal, /^\/static\//)).toEqual([])
  })

  it("an error that nobody catches", async () => {
    const page = await open({})
    await page.until(() => requests(page, /exception-autocapture\.js$/)[0]?.status)
    // As long as the script is on its way, nobody listens.
    await page.page.waitForFunction("window.onerror !== null")
    await page.run("setTimeout(() => { throw new RangeError('out of stock') })")
    const { properties } = await page.event("$exception")
    expect(properties.$exception_list).toMatchObject([
      { type: "RangeError", value: "out of stock", mechanism: { handled: false } }
    ])
    expect(page.complaints).toEqual(["RangeError: out of stock"])
  })

  it("a flag that is not there is a hint, and one that is made later is seen", async () => {
    const page = await open({ prepare: () => {} })
    await page.run("new Promise((resolve) => posthog.onFeatureFlags(resolve))")
    await page.run("posthog.getFeatureFlag('chekout')")
    await page.until(() => page.server.local.flags.missing()[0])
    expect(page.server.local.flags.missing()).toEqual(["chekout"])
    expect(page.server.local.store.hints.map(({ about }) => about)).toContain("flag chekout")
    page.server.local.flags.override({ key: "chekout", value: true })
    await page.run(
      "new Promise((resolve) => { posthog.onFeatureFlags((keys) => keys.includes('chekout') && resolve());" +
        " posthog.reloadFeatureFlags() })"
    )
    expect(await page.run("posthog.isFeatureEnabled('chekout')")).toBe(true)
    expect(page.server.local.flags.missing()).toEqual([])
    await silence(page)
  })

  it("posthog-js-lite", async () => {
    const page = await open({ client: "lite" })
    await page.run("posthog.identify('ada', { plan: 'pro' })")
    expect(await page.event("$identify")).toMatchObject({ distinct_id: "ada", verdict: "accepted" })
    await page.run("posthog.group('company', 'acme')")
    await page.event("$groupidentify")
    await page.run("posthog.reloadFeatureFlagsAsync()")
    expect(await page.run("[posthog.getFeatureFlag('checkout'), posthog.getFeatureFlagPayload('checkout')]"))
      .toEqual(["fast", { color: "#00f" }])
    await page.event("$feature_flag_called")
    await page.run("posthog.capture('order completed', { total: 12.5 })")
    expect(await page.event("order completed")).toMatchObject({
      sdk: { name: "js" },
      distinct_id: "ada",
      properties: { total: 12.5 }
    })
    await page.run("posthog.shutdown()")
    await silence(page)
  })

  it("logs of a page", async () => {
    const page = await open({})
    await page.run("posthog.identify('ada'); posthog.logger.info('cart opened', { items: 2 })")
    expect(await page.event("$log")).toMatchObject({
      kind: "log",
      verdict: "accepted",
      distinct_id: "ada",
      properties: { body: "cart opened", attributes: { items: 2 } }
    })
    await silence(page)
  })

  it("recordings of a session are counted, and not kept", async () => {
    const page = await open({ options: { replay: true } })
    await page.until(() => requests(page, /lazy-recorder\.js$/)[0]?.status)
    await page.page.waitForFunction("posthog.sessionRecordingStarted()")
    // Before somebody does something, a recording waits.
    await page.page.click("#buy")
    const { properties, kind } = await page.event("$snapshot")
    await page.until(() => requests(page, /^\/s\//)[0]?.status)
    expect(kind).toBe("replay")
    expect(properties.$snapshot_count).toBeGreaterThan(0)
    expect(properties).not.toHaveProperty("$snapshot_data")
    expect(requests(page, /^\/s\//)[0]).toMatchObject({ packed: "gzip without header", status: 200 })
    await silence(page)
  })

  it("a page from elsewhere asks, and may send when it is allowed", async () => {
    const page = await open({ host: "shop.example" })
    const origin = `http://shop.example:${site.port}`
    const { local } = page.server
    await page.until(() => local.origins.asking()[0])
    expect(local.origins.asking()).toEqual([origin])
    // What leaves with the page needs no leave of the browser's.
    await page.run(`navigator.sendBeacon(${JSON.stringify(`${page.server.url}/e/`)}, "[]")`)
    await page.until(() =>
      requests(page, /^\/e\//).find(({ headers }) => headers["sec-fetch-mode"] === "no-cors")?.status
    )
    expect(local.store.events).toEqual([])
    expect([...new Set(requests(page, /./).map(({ status }) => status))]).toEqual([403])
    local.origins.allow(origin)
    await page.page.reload()
    await page.event("$pageview")
    expect(local.origins.asking()).toEqual([])
  })

  it.each(["localhost", "shop.example"])("a page of %s neither reads, clears nor frames what is here", async (host) => {
    const page = await open({ host, options: { allowOrigins: [`http://shop.example:${site.port}`] } })
    await page.event("$pageview")
    const { controlUrl, local, token: secret } = page.server
    const { length } = local.store.events
    const attempts = (url: string) =>
      `(async () => {
      const authorization = "Bearer ${secret}"
      const heard = []
      for (const [path, init] of [
        ["/events", {}],
        ["/events", { headers: { authorization } }],
        ["/stream", { mode: "no-cors" }],
        ["/clear", { method: "POST" }],
        ["/clear", { method: "POST", headers: { authorization } }],
        ["/clear", { method: "POST", mode: "no-cors", body: "{}" }],
        ["/", {}]
      ]) {
        try {
          const response = await fetch("${url}" + path, init)
          heard.push(path + " " + response.type + " " + response.status + " " + (await response.text()).length)
        } catch {
          heard.push(path + " blocked")
        }
      }
      const frame = document.createElement("iframe")
      frame.src = "${url}/"
      const loaded = new Promise((resolve) => { frame.onload = resolve })
      document.body.append(frame)
      await loaded
      let inside = "closed"
      try { inside = frame.contentWindow.document.body.textContent } catch {}
      return [...heard, inside]
    })()`
    expect(await page.run(attempts(controlUrl!))).toEqual([
      "/events blocked",
      "/events blocked",
      "/stream blocked",
      "/clear blocked",
      "/clear blocked",
      "/clear blocked",
      "/ blocked",
      "closed"
    ])
    // The browser says that it did not show it.
    expect(page.complaints.filter((text) => /frame-ancestors|X-Frame-Options|refused to connect/i.test(text)))
      .not.toEqual([])
    expect(local.store.events.length).toBeGreaterThanOrEqual(length)
    expect(local.store.counts.accepted).toBeGreaterThan(0)
  })

  it("a refusal is retried, and what is no answer is taken for one", async () => {
    const page = await open({})
    await page.event("$pageview")
    await page.until(() => requests(page, /^\/flags/)[0]?.status)
    const { faults } = page.server
    faults.start({ fault: { kind: "status", status: 503 }, on: "events", times: 1 })
    await page.run("posthog.capture('retried')")
    await page.event("retried")
    await page.until(() =>
      requests(page, /^\/i\/v0\/e\//).find(({ attempt, status }) => attempt === 2 && status === 200)
    )
    expect(requests(page, /^\/i\/v0\/e\//).map(({ attempt, status }) => [attempt, status]).slice(-2))
      .toEqual([[1, 503], [2, 200]])
    faults.start({ fault: { kind: "garbage" }, on: "events", times: 1 })
    await page.run("posthog.capture('lost')")
    await page.until(() => requests(page, /^\/i\/v0\/e\//).filter(({ fault }) => fault !== undefined)[1]?.status)
    await page.run("posthog.capture('last')")
    await page.event("last")
    expect(page.server.local.store.events.map(({ event }) => event)).not.toContain("lost")
    expect(page.complaints.filter((text) => !text.includes("503"))).toEqual([])
  })

  it("other faults cost posthog-js what it gives up, and no more", async () => {
    const status = (status: number): Fault => ({ kind: "status", status, headers: { "retry-after": "1" } })
    const outcomes: ReadonlyArray<readonly [Fault, arrives: boolean]> = [
      [status(400), false],
      [status(413), false],
      [status(429), false],
      [{ kind: "reset", when: "before" }, true],
      [{ kind: "quota", limited: ["events"] }, false]
    ]
    await Promise.all(outcomes.map(async ([fault, arrives]) => {
      const page = await open({})
      await page.event("$pageview")
      await page.until(() => requests(page, /^\/flags/)[0]?.status)
      page.server.faults.start({ fault, on: "events", times: 1 })
      await page.run("posthog.capture('hit')")
      if (arrives) {
        await page.event("hit")
        return
      }
      await page.until(() => page.server.local.store.requests.find((each) => each.fault !== undefined && each.isOver))
      // It sends no events for a minute once the quota is used up.
      if (fault.kind !== "quota") {
        await page.run("posthog.capture('after')")
        await page.event("after")
      }
      expect(page.server.local.store.events.map(({ event }) => event)).not.toContain("hit")
    }))
  })
})
