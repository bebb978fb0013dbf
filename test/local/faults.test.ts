/** What a local PostHog does wrong on request: to whom, how often, and that it is well afterwards. */
import { createServer } from "node:net"
import { assert, describe, it, onTestFinished } from "vitest"
import type { Fault } from "../../src/local/model.js"
import { ask, batch, event, isRefused, isWell, post, start, until } from "./running.js"

/** What a client learns from a request that nobody answers in full. */
const outcome = (asked: Promise<{ readonly status: number }>): Promise<number | string> =>
  asked.then(({ status }) => status, () => "failed")

const flags = JSON.stringify({ token: "phc_key", distinct_id: "ada" })

describe("faults", () => {
  it("hit their target, as often as they are told", async () => {
    const server = await start()
    server.faults.start({
      fault: { kind: "status", status: 503, headers: { "retry-after": "2" } },
      on: "events",
      times: 2
    })
    const { faults } = server
    assert.strictEqual((await post(server, "/flags/?v=2", flags)).status, 200)
    const first = await post(server, "/batch/", batch(), { origin: "http://localhost:3000" })
    assert.strictEqual(first.status, 503)
    assert.strictEqual(first.headers.get("retry-after"), "2")
    assert.strictEqual(first.headers.get("access-control-allow-origin"), "http://localhost:3000")
    assert.deepInclude(faults.running()[0], { hits: 1, times: 2, on: "events" })
    assert.strictEqual((await post(server, "/e/", batch())).status, 503)
    assert.deepStrictEqual(faults.running(), [])
    assert.strictEqual((await post(server, "/batch/", batch())).status, 200)
    assert.strictEqual(server.local.store.counts.accepted, 1)
    assert.deepStrictEqual(server.local.store.requests.map(({ fault, status }) => [status, fault]), [
      [200, undefined],
      [503, "status 503"],
      [503, "status 503"],
      [200, undefined]
    ])
  })

  it("hit a share of the requests, and follow each other", async () => {
    const draws = [0.1, 0.9, 0.4, 0.5]
    const server = await start({}, { random: () => draws.shift()! })
    server.faults.start({ fault: { kind: "status", status: 503 }, share: 0.5 })
    const statuses: Array<number> = []
    for (let i = 0; i < 4; i++) statuses.push((await post(server, "/batch/", batch())).status)
    assert.deepStrictEqual(statuses, [503, 200, 503, 200])
    await server.faults.stop()
    server.faults.start({ fault: { kind: "status", status: 500 }, times: 1 })
    server.faults.start({ fault: { kind: "slow", millis: 0 }, times: 1 })
    server.faults.start({ fault: { kind: "status", status: 502 }, times: 1 })
    const script: Array<number> = []
    for (let i = 0; i < 4; i++) script.push((await post(server, "/batch/", batch())).status)
    assert.deepStrictEqual(script, [500, 200, 502, 200])
  })

  it("refuse connections on the same port until they are stopped", async () => {
    const server = await start()
    assert.isTrue(await isWell(server))
    for (let round = 0; round < 3; round++) {
      const refusing = server.faults.start({ fault: { kind: "refuse" } })
      assert.isTrue(await isRefused(server))
      await refusing.stop()
      assert.isFalse(await isRefused(server))
      assert.isTrue(await isWell(server))
    }
    const refusing = server.faults.start({ fault: { kind: "refuse" } })
    await Promise.all([refusing.stop(), server.faults.start({ fault: { kind: "refuse" } }).stop()])
    assert.isFalse(await isRefused(server))
    const last = server.faults.start({ fault: { kind: "refuse" } })
    // Whoever stops it while it closes opens nothing again.
    const closing = server.close()
    await last.stop()
    await closing
    assert.isTrue(await isRefused(server))
  })

  it("say so when another program has taken the port while connections were refused", async () => {
    const server = await start()
    const unhandled: Array<unknown> = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on("unhandledRejection", note)
    onTestFinished(() => {
      process.off("unhandledRejection", note)
    })
    const refusing = server.faults.start({ fault: { kind: "refuse" } })
    assert.isTrue(await isRefused(server))
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(Number(new URL(server.url).port), "127.0.0.1", resolve))
    onTestFinished(() => {
      other.close()
    })
    const problem = await refusing.stop().then(() => undefined, (error: Error) => error.message)
    assert.match(problem ?? "", /is in use/)
    assert.match(server.local.store.hints[0]?.text ?? "", /taken by another program/)
    // Nobody waits for these.
    server.faults.start({ fault: { kind: "garbage" }, times: 1 })
    assert.strictEqual(server.faults.next({ target: "events", method: "POST" })?.kind, "garbage")
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    await server.close()
    assert.deepStrictEqual(unhandled, [])
  })

  it("reset connections before an event is taken, and after", async () => {
    const server = await start()
    server.faults.start({ fault: { kind: "reset", when: "before" }, times: 1 })
    assert.strictEqual(await outcome(post(server, "/batch/", batch())), "failed")
    assert.strictEqual(server.local.store.counts.accepted, 0)
    server.faults.start({ fault: { kind: "reset", when: "after" }, times: 1 })
    const bought = batch(event("bought", { uuid: "0195f3a4-0000-7000-8000-000000000001" }))
    assert.strictEqual(await outcome(post(server, "/batch/", bought)), "failed")
    assert.strictEqual(server.local.store.counts.accepted, 1)
    assert.strictEqual((await post(server, "/batch/", bought)).status, 200)
    assert.deepInclude(server.local.store.counts, { accepted: 1, duplicates: 1 })
    assert.strictEqual(server.local.store.events[0]!.times, 2)
  })

  it("cut an answer, or leave it unfinished", async () => {
    const server = await start()
    server.faults.start({ fault: { kind: "cut" }, times: 1 })
    assert.strictEqual(await outcome(post(server, "/batch/", batch())), "failed")
    assert.strictEqual(server.local.store.counts.accepted, 1)
    server.faults.start({ fault: { kind: "cut", stays: true, status: 202 }, times: 1 })
    const response = await fetch(`${server.url}/batch/`, { method: "POST", body: batch() })
    assert.strictEqual(response.status, 202)
    const reader = response.body!.getReader()
    assert.strictEqual(Buffer.from((await reader.read()).value!).toString(), "{\"stat")
    await reader.cancel()
    server.faults.start({ fault: { kind: "cut", body: "<html>everything</html>" }, times: 1 })
    assert.strictEqual(await outcome(post(server, "/batch/", batch())), "failed")
    assert.strictEqual(server.local.store.counts.accepted, 2)
    assert.isTrue(await isWell(server))
  })

  it("stay silent until the client leaves", async () => {
    const server = await start()
    server.faults.start({ fault: { kind: "silent" }, times: 1 })
    const leaving = new AbortController()
    const asked = outcome(ask(server, "/batch/", { method: "POST", body: batch(), signal: leaving.signal }))
    await until(server, () => server.local.store.requests.at(-1)?.fault === "silent")
    leaving.abort()
    assert.strictEqual(await asked, "failed")
    assert.strictEqual(server.local.store.requests[0]!.status, undefined)
    assert.strictEqual(server.local.store.counts.accepted, 0)
  })

  it("wait for a time or for a promise, and then do the next", async () => {
    const server = await start()
    let release = (_: unknown): void => {}
    const held = new Promise((resolve) => {
      release = resolve
    })
    const next: Fault = { kind: "slow", millis: 1, next: { kind: "status", status: 502 } }
    server.faults.start({ fault: { kind: "wait", until: held, next }, times: 1 })
    const asked = post(server, "/batch/", batch())
    await until(server, () => server.local.store.requests.length === 1)
    // Others are not held up.
    assert.isTrue(await isWell(server))
    release(undefined)
    assert.strictEqual((await asked).status, 502)
    assert.strictEqual(server.local.store.requests[0]!.fault, "wait, slow 1 ms, status 502")
  })

  it("answer what is no JSON, and that a quota is used up", async () => {
    const server = await start()
    server.faults.start({ fault: { kind: "garbage" }, times: 1 })
    const { body, headers, status } = await post(server, "/batch/", batch())
    assert.deepStrictEqual([status, headers.get("content-type"), body], [200, "text/html", undefined])
    const quota = async (path: string, sent: string | undefined, limited?: ReadonlyArray<string>) => {
      server.faults.start({ fault: { kind: "quota", limited }, times: 1 })
      const answer = await ask(server, path, sent === undefined ? {} : { method: "POST", body: sent })
      return [answer.status, answer.body]
    }
    assert.deepStrictEqual(await quota("/batch/", batch()), [200, { status: 1, quota_limited: ["events"] }])
    assert.deepStrictEqual(await quota("/s/", "[]"), [200, { status: 1, quota_limited: ["recordings"] }])
    assert.deepStrictEqual(await quota("/e/", batch(), ["events", "exceptions"]), [
      200,
      { status: 1, quota_limited: ["events", "exceptions"] }
    ])
    assert.deepStrictEqual(await quota("/flags/?v=2", flags), [
      200,
      { flags: {}, errorsWhileComputingFlags: false, quotaLimited: ["feature_flags"] }
    ])
    assert.strictEqual((await quota("/flags/definitions?token=phc_key", undefined))[0], 402)
    assert.strictEqual(server.local.store.counts.accepted, 0)
  })

  it("give every n-th event of capture v1 a result", async () => {
    const server = await start()
    const uuid = (index: number): string => `0195f3a4-0000-7000-8000-00000000000${index}`
    const send = async (...indexes: ReadonlyArray<number>): Promise<ReadonlyArray<unknown>> => {
      const answer = await post(
        server,
        "/i/v1/analytics/events",
        JSON.stringify({
          created_at: "2026-11-27T12:00:00Z",
          batch: indexes.map((index) =>
            event("bought", { uuid: uuid(index), timestamp: "2026-11-27T12:00:00Z", options: {} })
          )
        }),
        {
          authorization: "Bearer phc_key",
          "content-type": "application/json",
          "posthog-sdk-info": "posthog-node/5.70.0",
          "posthog-attempt": "1",
          "posthog-request-id": uuid(9),
          "posthog-request-timestamp": "2026-11-27T12:00:00Z"
        }
      )
      assert.strictEqual(answer.status, 200, answer.text)
      return indexes.map((index) => answer.body.results[uuid(index)])
    }
    const { stop } = server.faults.start({ fault: { kind: "partial", result: "retry", every: 3 }, on: "events" })
    assert.deepStrictEqual(await send(0, 1), [{ result: "ok" }, { result: "ok" }])
    // It counts over requests: clients that send each event by itself are hit as well.
    assert.deepStrictEqual(await send(2), [{ result: "retry" }])
    assert.deepStrictEqual(await send(3, 4, 5), [{ result: "ok" }, { result: "ok" }, { result: "retry" }])
    await stop()
    server.faults.start({ fault: { kind: "partial", result: "warning", details: "odd" }, times: 1 })
    assert.deepStrictEqual(await send(6), [{ result: "warning", details: "odd" }])
    assert.deepInclude(server.local.store.counts, { accepted: 5, refused: 2 })
    // What is sent again is taken.
    assert.deepStrictEqual(await send(2, 5), [{ result: "ok" }, { result: "ok" }])
    assert.deepInclude(server.local.store.counts, { accepted: 7, duplicates: 0 })
    assert.strictEqual(server.local.store.requests.find(({ fault }) => fault !== undefined)!.fault, "partial retry")
  })

  it("can be chosen by a program in the same process, which may also answer by itself", async () => {
    const seen: Array<string> = []
    const server = await start({}, {
      onRequest: ({ body, received }, wire) => {
        seen.push(`${received.path} ${wire.length} ${(body.json as { readonly api_key?: string }).api_key}`)
        return received.path === "/e/" ? { kind: "status", status: 502 } : undefined
      },
      intercept: (exchange, go) => {
        if (exchange.received.path === "/capture/") return { kind: "slow", millis: 0 }
        if (exchange.received.path === "/track/") return { status: 418, body: "" }
        return go(exchange)
      }
    })
    const statuses: Array<number> = []
    for (const path of ["/batch/", "/e/", "/capture/", "/track/"]) {
      statuses.push((await post(server, path, batch())).status)
    }
    assert.deepStrictEqual(statuses, [200, 502, 200, 418])
    server.faults.start({ fault: { kind: "status", status: 503 }, times: 1 })
    // A fault that was started comes first.
    assert.strictEqual((await post(server, "/e/", batch())).status, 503)
    const { length } = batch()
    assert.deepStrictEqual(
      seen,
      ["/batch/", "/e/", "/capture/", "/track/", "/e/"].map((path) => `${path} ${length} phc_key`)
    )
    assert.strictEqual(server.local.store.counts.accepted, 2)
  })

  it("tell others when they begin, hit and end", async () => {
    const server = await start()
    const told: Array<string> = []
    server.local.store.subscribe((happening) => {
      if (happening.type === "changed") told.push(`${happening.what} ${server.faults.running().length}`)
    })
    const { stop } = server.faults.start({ fault: { kind: "garbage" } })
    await stop()
    await stop()
    await server.faults.stop(77)
    assert.deepStrictEqual(told, ["faults 1", "faults 0"])
  })
})
