/**
 * The API with which a local PostHog is controlled: what it gives out and takes, and who may not ask it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, request } from "node:http"
import { control } from "../../src/local/control.js"
import { type LocalServer, makeServer } from "../../src/local/server.js"

interface Answered {
  readonly status: number
  readonly headers: NodeJS.Dict<string | ReadonlyArray<string>>
  readonly text: string
  readonly json: any
}

type Headers = Readonly<Record<string, string>>

/** A request as it is said: `fetch` would set headers of its own. */
const ask = (url: string, method: string, headers: Headers = {}, body?: string): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8")
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          get json() {
            return JSON.parse(text)
          }
        })
      })
      response.on("error", reject)
    })
    sent.on("error", reject)
    sent.end(body)
  })

interface World {
  readonly server: LocalServer
  readonly get: (path: string, headers?: Headers) => Promise<Answered>
  readonly post: (path: string, value: unknown, headers?: Headers) => Promise<Answered>
  /** Sends events to the server. */
  readonly send: (...events: ReadonlyArray<object>) => Promise<Answered>
}

const withServer = async (f: (world: World) => Promise<void>, options = {}): Promise<void> => {
  const server = await makeServer({ port: 0, controlPort: 0, ...options }, { control })
  const authorization = { authorization: `Bearer ${server.token}` }
  try {
    await f({
      server,
      get: (path, headers) => ask(`${server.controlUrl}${path}`, "GET", { ...authorization, ...headers }),
      post: (path, value, headers) =>
        ask(`${server.controlUrl}${path}`, "POST", { ...authorization, ...headers }, JSON.stringify(value)),
      send: (...events) =>
        ask(`${server.url}/batch/`, "POST", {}, JSON.stringify({ api_key: "phc_local", batch: events }))
    })
  } finally {
    await server.close()
  }
}

const event = (name: string, distinctId = "ada", properties: object = {}) => ({
  event: name,
  distinct_id: distinctId,
  properties
})

/** Reads lines of a stream, until the messages in them satisfy. */
const readStream = (
  world: World,
  isEnough: (messages: ReadonlyArray<any>) => boolean,
  begun: () => void = () => {}
): Promise<ReadonlyArray<any>> =>
  new Promise((resolve, reject) => {
    const { controlUrl, token } = world.server
    const sent = request(`${controlUrl}/stream`, { headers: { authorization: `Bearer ${token}` } }, (response) => {
      const messages: Array<any> = []
      let rest = ""
      let hasBegun = false
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n")
        rest = lines.pop()!
        for (const line of lines) messages.push(...JSON.parse(line))
        if (!hasBegun && messages.some(({ type }) => type === "replayed")) {
          hasBegun = true
          begun()
        }
        if (!isEnough(messages)) return
        sent.destroy()
        resolve(messages)
      })
      response.on("error", () => {})
    })
    sent.on("error", reject)
    sent.end()
  })

/** Whether somebody listens to the store who did not when this was called. */
const followed = ({ local }: LocalServer): () => boolean => {
  const { listeners } = local.store as unknown as { readonly listeners: ReadonlySet<unknown> }
  const before = listeners.size
  return () => listeners.size > before
}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise(setImmediate)
}

describe("control", () => {
  it("gives events by name, person and number, as JSON and as lines", () =>
    withServer(async ({ get, send }) => {
      await send(event("a", "ada", { n: 1 }), event("b", "bob"), event("a", "bob", { n: 2 }))
      const all = await get("/events")
      assert.strictEqual(all.status, 200)
      assert.deepStrictEqual(all.json.events.map(({ event }: any) => event), ["a", "b", "a"])
      assert.strictEqual(all.json.counts.accepted, 3)
      const ofBob = await get("/events?event=a&person=bob")
      assert.deepStrictEqual(ofBob.json.events.map(({ properties }: any) => properties), [{ n: 2 }])
      const { seq } = all.json.events[1]
      const later = await get(`/events?since=${seq}&format=ndjson`)
      assert.strictEqual(later.headers["content-type"], "application/x-ndjson")
      const [line, ...more] = later.text.trimEnd().split("\n")
      assert.deepStrictEqual([JSON.parse(line!).event, more.length], ["a", 0])
      const one = await get(`/events/${seq}`)
      assert.deepInclude(one.json, { event: "b", distinct_id: "bob", verdict: "accepted" })
      assert.strictEqual(one.json.raw.event, "b")
      assert.strictEqual(one.json.receivedIn.target, "events")
      const none = await get("/events/99")
      assert.deepStrictEqual([none.status, /no event "99"/.test(none.json.error)], [404, true])
    }))

  it("waits for events, and says what came instead when there are none", () =>
    withServer(async ({ get, send }) => {
      const waiting = get("/wait?event=a&count=2&within=10s")
      await send(event("a"))
      await send(event("a"))
      const waited = await waiting
      assert.deepStrictEqual([waited.status, waited.json.events.length], [200, 2])
      const inVain = await get("/wait?event=order&within=20ms")
      assert.strictEqual(inVain.status, 408)
      assert.deepStrictEqual([inVain.json.events, inVain.json.came], [[], ["a"]])
      assert.match(inVain.json.error, /^No event "order" came within 20 ms\.\nCame:\n {2}2 × "a" of "ada"/)
      for (const query of ["within=soon", "within=1h", "count=0", "count=x"]) {
        assert.strictEqual((await get(`/wait?event=a&${query}`)).status, 400, query)
      }
    }))

  it("sets flags, in short, one by one, and as a document", () =>
    withServer(async ({ get, post, server }) => {
      const evaluated = async (person = "ada") => {
        const { json } = await ask(
          `${server.url}/flags/?v=2`,
          "POST",
          {},
          JSON.stringify({ token: "phc_local", distinct_id: person })
        )
        return Object.fromEntries(
          Object.entries<any>(json.flags).map(([key, { enabled, variant }]) => [key, variant ?? enabled])
        )
      }
      assert.strictEqual((await post("/flags", { checkout: "fast", "new-nav": true })).status, 200)
      assert.deepStrictEqual(await evaluated(), { checkout: "fast", "new-nav": true })
      await post("/flags", { override: { key: "checkout", value: "slow", distinctId: "bob" } })
      assert.deepStrictEqual([(await evaluated()).checkout, (await evaluated("bob")).checkout], ["fast", "slow"])
      await post("/flags", { override: { key: "new-nav", value: null } })
      assert.notProperty(await evaluated(), "new-nav")
      const wrong = await post("/flags", { checkout: 3 })
      assert.deepStrictEqual([wrong.status, /checkout is true, false or the name/.test(wrong.json.error)], [400, true])
      assert.strictEqual((await evaluated()).checkout, "fast")
      const now = await get("/flags")
      assert.deepInclude(now.json.overrides, { key: "checkout", value: "fast" })
      await post("/clear", { what: "flags" })
      assert.deepStrictEqual(await evaluated(), {})
      assert.isArray(now.json.document.flags)
    }))

  it("explains why a flag is what it is for somebody", () =>
    withServer(async ({ get, post, send }) => {
      await send({ ...event("$identify", "ada"), properties: { $set: { plan: "pro" } } })
      await post("/flags", {
        flags: [{
          id: 1,
          key: "checkout",
          active: true,
          filters: {
            groups: [{
              properties: [{ key: "plan", value: "pro", type: "person", operator: "exact" }],
              rollout_percentage: 100
            }]
          }
        }]
      })
      const forAda = await get("/flags/checkout?person=ada")
      assert.deepInclude(forAda.json, { key: "checkout", value: true, isOverridden: false })
      assert.match(forAda.json.text, /^checkout is on for ada: .*plan/)
      const forBob = await get("/flags/checkout?person=bob")
      assert.strictEqual(forBob.json.value, false)
      assert.strictEqual(forBob.json.explanation.reason.code, "no_condition_match")
      await post("/flags", { override: { key: "checkout", value: true, distinctId: "bob" } })
      const overridden = await get("/flags/checkout?person=bob")
      assert.deepInclude(overridden.json, { value: true, isOverridden: true })
      assert.match(overridden.json.text, /overridden here/)
      assert.match((await get("/flags/none?person=ada")).json.error, /there is no flag "none"; make one/)
      assert.match((await get("/flags/checkout")).json.error, /\?person=/)
      assert.strictEqual((await get("/flags/%E0%A4%A?person=ada")).status, 404)
    }))

  it("starts faults and stops them, and says what is wrong with one", () =>
    withServer(async ({ get, post, send }) => {
      const started = await post("/faults", { fault: { kind: "status", status: 503 }, on: "events", times: 3 })
      assert.strictEqual(started.status, 200)
      assert.strictEqual((await send(event("a"))).status, 503)
      assert.deepStrictEqual((await get("/faults")).json.running.map(({ hits }: any) => hits), [1])
      await post("/faults", { stop: started.json.id })
      assert.strictEqual((await send(event("a"))).status, 200)
      const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
        [{}, /a fault is an object with a kind/],
        [{ fault: { kind: "flood" } }, /there is no such kind/],
        [{ fault: { kind: "status", status: 99 } }, /from 200 to 599/],
        [{ fault: { kind: "status", status: 503, headers: { "a\n": "b" } } }, /headers/],
        [{ fault: { kind: "slow", millis: -1 } }, /millis/],
        [{ fault: { kind: "silent" }, on: "all" }, /on is one of events/],
        [{ fault: { kind: "silent" }, share: 2 }, /share/],
        [{ fault: { kind: "partial", result: "ok" } }, /result is/],
        [{ stop: "none" }, /"all"/]
      ]
      for (const [given, words] of cases) {
        const { json, status } = await post("/faults", given)
        assert.strictEqual(status, 400)
        assert.match(json.error, words)
      }
      assert.deepStrictEqual((await get("/faults")).json.running, [])
    }))

  it("gives people, requests, evaluations, hints, counts and reports, and forgets", () =>
    withServer(async ({ get, post, send }) => {
      await send(event("a"))
      assert.strictEqual((await get("/requests")).json.requests.length, 1)
      assert.strictEqual((await get("/counts")).json.accepted, 1)
      for (const list of ["people", "evaluations", "hints"]) assert.isArray((await get(`/${list}`)).json[list], list)
      const account = { instance: "1", sdk: "x/1", accepted: 3, delivered: 1, queued: 1, dropped: { rejected: 1 } }
      assert.strictEqual(
        (await post("/report", { ...account, lost: [{ event: "a", reason: "rejected" }] })).status,
        200
      )
      assert.deepInclude((await get("/report")).json.reports[0], account)
      assert.match((await post("/report", { ...account, queued: "one" })).json.error, /whole numbers/)
      assert.strictEqual((await post("/clear", {})).status, 200)
      assert.strictEqual((await get("/counts")).json.accepted, 0)
      assert.deepStrictEqual((await get("/report")).json.reports, [])
    }))

  it("lets an origin send that asks", () =>
    withServer(async ({ get, post, server }) => {
      const origin = "https://app.example"
      const sent = () =>
        ask(
          `${server.url}/batch/`,
          "POST",
          { origin },
          JSON.stringify({ api_key: "phc_local", batch: [event("a")] })
        )
      assert.strictEqual((await sent()).status, 403)
      assert.deepStrictEqual((await get("/origins")).json.asking, [origin])
      assert.strictEqual((await post("/origins", { allow: origin })).status, 200)
      assert.strictEqual((await sent()).status, 200)
      assert.strictEqual((await post("/origins", {})).status, 400)
    }))

  it("takes the next request on a connection whose body was too large", () =>
    withServer(async ({ server }) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const on = (path: string, body: string): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const headers = { authorization: `Bearer ${server.token}` }
          const sent = request(path, { method: "POST", headers, agent }, (response) => {
            response.resume().on("end", () => resolve(response.statusCode))
          })
          sent.on("error", reject)
          sent.end(body)
        })
      assert.strictEqual(await on(`${server.controlUrl}/flags`, " ".repeat(21 * 1024 * 1024)), 413)
      assert.strictEqual(await on(`${server.controlUrl}/clear`, ""), 200)
      assert.strictEqual(await on(`${server.url}/local/report`, " ".repeat(200_000)), 413)
      assert.strictEqual(await on(`${server.url}/flags/`, "{}"), 401)
      agent.destroy()
    }))

  it("has so many readers of its stream, and who waits for many holds no more than the server", () =>
    withServer(async ({ get, send, server }) => {
      const ends: Array<() => void> = []
      const open = (): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const headers = { authorization: `Bearer ${server.token}` }
          const sent = request(`${server.controlUrl}/stream`, { headers, agent: false }, (response) => {
            response.on("error", () => {})
            resolve(response.statusCode)
          })
          sent.on("error", reject)
          sent.end()
          ends.push(() => sent.destroy())
        })
      for (let n = 0; n < 50; n++) assert.strictEqual(await open(), 200)
      assert.strictEqual(await open(), 503)
      for (const end of ends) end()
      while (await open() === 503) await new Promise(setImmediate)
      const isFollowed = followed(server)
      const waiting = get("/wait?event=a&count=30&within=1m")
      await until(isFollowed)
      for (let n = 0; n < 30; n++) await send(event("a", "ada", { n }))
      const { json, status } = await waiting
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(json.events.map(({ properties }: any) => properties.n), [25, 26, 27, 28, 29])
      for (const end of ends) end()
    }, { maxEvents: 5 }))

  it("has so many faults, and any number of flags", () =>
    withServer(async ({ get, post, server }) => {
      for (let n = 0; n < 100; n++) {
        assert.strictEqual((await post("/faults", { fault: { kind: "garbage" }, on: "replay" })).status, 200)
      }
      assert.strictEqual((await post("/faults", { fault: { kind: "garbage" } })).status, 400)
      assert.strictEqual(server.faults.running().length, 100)
      const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`flag-${n}`, n % 2 === 0]))
      assert.strictEqual((await post("/flags", many)).status, 200)
      const { document } = (await get("/flags")).json
      assert.strictEqual(new Set(document.flags.map(({ id }: any) => id)).size, 20_000)
    }))

  it("tells of a state once however often it changes, because all definitions are one", () =>
    withServer(async (world) => {
      const flags = [{ key: "known", active: true, name: "x".repeat(3_000_000), filters: { groups: [] } }]
      await world.post("/flags", { flags })
      const keys = Array.from({ length: 190 }, (_, index) => `missing-${index}`)
      const messages = await readStream(
        world,
        (all) => all.some(({ evaluation }) => evaluation?.flag === "missing-189"),
        () => {
          void ask(
            `${world.server.url}/flags/?v=2`,
            "POST",
            {},
            JSON.stringify({ token: "phc_local", distinct_id: "ada", flag_keys_to_evaluate: keys })
          )
        }
      )
      const told = messages.slice(messages.findIndex(({ type }) => type === "replayed"))
      assert.strictEqual(told.filter(({ type }) => type === "changed").length, 1)
      assert.strictEqual(told.find(({ type }) => type === "changed").state.missing.length, 190)
    }))

  it("streams what there is and then what happens, cut to a size for lists", () =>
    withServer(async (world) => {
      const long = "x".repeat(5_000)
      await world.send(event("first", "ada", { long, list: Array.from({ length: 80 }, (_, index) => index) }))
      const messages = await readStream(
        world,
        (messages) => messages.some(({ event }) => event?.event === "second"),
        () => void world.send(event("second"))
      )
      const [first] = messages.filter(({ type }) => type === "event")
      assert.strictEqual(first.event.event, "first")
      assert.isBelow(first.event.properties.long.length, 1_100)
      assert.strictEqual(first.event.properties.list.length, 51)
      for (const what of ["flags", "faults", "origins", "report"]) {
        assert.isTrue(messages.some((message) => message.type === "changed" && message.what === what), what)
      }
      assert.strictEqual(messages.filter(({ type }) => type === "counts").at(-1).counts.accepted, 2)
    }))

  it("shows as many events as it holds, whatever is in them", () =>
    withServer(async (world) => {
      const hostile = [
        { toString: 1, valueOf: 2, toJSON: "no" },
        JSON.parse("{\"__proto__\": {\"polluted\": true}, \"constructor\": 3}") as object,
        { $exception_list: "none", $ai_input_tokens: { toString: 1 } },
        { "<img src=x onerror=alert(1)>": "javascript:alert(1)" },
        { $groups: 7, $set: "a", distinct_id: [] }
      ]
      await world.send(...hostile.map((properties, index) => event(`hostile ${index}`, "ada", properties)))
      const messages = await readStream(world, (messages) => messages.some(({ type }) => type === "replayed"))
      const shown = messages.filter(({ type }) => type === "event")
      assert.strictEqual(shown.length, world.server.local.store.events.length)
      assert.strictEqual(shown.length, hostile.length)
      assert.isUndefined(({} as { polluted?: unknown }).polluted)
      assert.strictEqual(JSON.parse((await world.get("/events")).text).events.length, hostile.length)
    }))

  it("leaves a reader behind that does not read, and gives the next one everything", () =>
    withServer(async (world) => {
      const { controlUrl, local, token } = world.server
      const isFollowed = followed(world.server)
      const sent = request(`${controlUrl}/stream`, { headers: { authorization: `Bearer ${token}` } }, (response) => {
        response.pause()
        response.on("error", () => {})
      })
      sent.on("error", () => {})
      sent.end()
      await until(isFollowed)
      const text = "x".repeat(900)
      const properties = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`p${index}`, text]))
      const large = Array.from({ length: 50 }, () => event("large", "ada", properties))
      while (isFollowed()) await world.send(...large)
      sent.destroy()
      assert.isAbove(local.store.counts.forgotten, 0)
      const messages = await readStream(world, (messages) => messages.some(({ type }) => type === "replayed"))
      assert.strictEqual(messages.filter(({ type }) => type === "event").length, local.store.events.length)
    }, { maxEvents: 100 }), 60_000)

  it("ends the wait of somebody who has gone", () =>
    withServer(async ({ server }) => {
      const isFollowed = followed(server)
      const sent = request(`${server.controlUrl}/wait?event=a&within=10m`, {
        headers: { authorization: `Bearer ${server.token}` }
      })
      sent.on("error", () => {})
      sent.end()
      await until(isFollowed)
      sent.destroy()
      await until(() => !isFollowed())
    }))
})

describe("control is for its own page and for who has the token", () => {
  const paths = ["/events", "/events/1", "/stream", "/wait?event=a&within=1ms", "/flags", "/people", "/requests", "/x"]

  it("wants the token, and says where it is", () =>
    withServer(async ({ server }) => {
      for (const path of paths) {
        const none = await ask(`${server.controlUrl}${path}`, "GET")
        assert.strictEqual(none.status, 401, path)
        assert.match(none.json.error, /--token/)
        for (const token of ["wrong", `${server.token}x`, server.token.slice(1), ""]) {
          const wrong = await ask(`${server.controlUrl}${path}`, "GET", { authorization: `Bearer ${token}` })
          assert.strictEqual(wrong.status, 401, path)
          assert.notInclude(wrong.text, server.token)
        }
      }
      for (const path of ["/flags", "/faults", "/clear", "/report", "/origins"]) {
        assert.strictEqual((await ask(`${server.controlUrl}${path}`, "POST", {}, "{}")).status, 401, path)
      }
    }))

  it("answers no page of another origin, although that has the token", () =>
    withServer(async ({ get, post, send, server }) => {
      await send(event("a"))
      const others: ReadonlyArray<Headers> = [
        { origin: "https://evil.example" },
        { origin: "null" },
        { origin: server.url },
        { origin: "http://localhost:3000" },
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
        { "sec-fetch-site": "same-site", origin: server.controlUrl! }
      ]
      for (const headers of others) {
        for (
          const answer of [
            await get("/events", headers),
            await get("/stream", headers),
            await post("/clear", {}, headers)
          ]
        ) {
          assert.strictEqual(answer.status, 403, JSON.stringify(headers))
          assert.isUndefined(answer.headers["access-control-allow-origin"])
        }
      }
      assert.strictEqual(server.local.store.events.length, 1)
      for (
        const headers of [{ origin: server.controlUrl!, "sec-fetch-site": "same-origin" }, { "sec-fetch-site": "none" }]
      ) {
        assert.strictEqual((await get("/counts", headers)).status, 200)
      }
    }))

  it("answers under no other name, so that no other name can lead to it", () =>
    withServer(async ({ get }) => {
      for (const path of [...paths, "/", "/health"]) {
        assert.strictEqual((await get(path, { host: "evil.example" })).status, 421, path)
      }
    }))

  it("answers no preflight, cannot be framed, and lets its page load nothing from elsewhere", () =>
    withServer(async ({ server }) => {
      const preflight = await ask(`${server.controlUrl}/clear`, "OPTIONS", {
        origin: "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization"
      })
      assert.isAtLeast(preflight.status, 400)
      assert.isUndefined(preflight.headers["access-control-allow-origin"])
      const page = await ask(`${server.controlUrl}/`, "GET")
      assert.strictEqual(page.status, 200)
      const policy = String(page.headers["content-security-policy"])
      for (const part of ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
        assert.include(policy, part)
      }
      assert.strictEqual(page.headers["x-frame-options"], "DENY")
      assert.strictEqual(page.headers["x-content-type-options"], "nosniff")
      assert.notInclude(page.text, server.token)
    }))

  it("says that it is one of ours to everybody, and no more", () =>
    withServer(async ({ server }) => {
      const { json, status } = await ask(`${server.controlUrl}/health`, "GET")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(Object.keys(json).sort(), ["controlUrl", "name", "url", "version"])
    }))

  it("says what to do with what it does not know", () =>
    withServer(async ({ get, post, server }) => {
      assert.match((await get("/nothing")).json.error, /there are clear, counts/)
      assert.deepStrictEqual((await get("/clear")).status, 405)
      assert.deepStrictEqual((await get("/toString")).status, 404)
      assert.deepStrictEqual((await get("/%E0%A4%A")).status, 404)
      assert.deepStrictEqual((await post("/flags", "text")).status, 400)
      const authorization = `Bearer ${server.token}`
      for (const body of ["{", "[".repeat(50_000), "\"text\"", "3"]) {
        const { status } = await ask(`${server.controlUrl}/faults`, "POST", { authorization }, body)
        assert.strictEqual(status, 400, body.slice(0, 10))
      }
      assert.strictEqual((await get("/counts")).status, 200)
    }))
})
