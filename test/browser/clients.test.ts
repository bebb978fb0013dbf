/**
 * Clients of browsers in a real browser, each on a page of its own that sends to a local PostHog of its own: everything
 * arrives, and the console is silent.
 */
import type { Browser } from "playwright-core"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { ReceivedRequest } from "../../src/local/model.js"
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

describe.skipIf(executable === undefined)(`browsers${executable === undefined ? ` (${noChromium})` : ""}`, () => {
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

  const silence = (page: Visit): void => {
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
    silence(page)
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
    silence(page)
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
    silence(page)
  })
})
