/**
 * What is decided about loading definitions, as tables.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  afterAnswer,
  afterFailure,
  beginsWithStored,
  confirmed,
  etagFor,
  follow,
  initial,
  type Loaded,
  type LoadState,
  ordinaryFailure,
  rememberProbed
} from "../../src/core/flags/loading.js"

const definitions = { keys: [], flags: new Map(), minimalFlagCalledEvents: false }

const loaded = (source: Loaded["source"]): Loaded => ({
  definitions,
  source,
  loadedAt: 1,
  etag: "e",
  probed: new Map([["k", false]])
})

const state = (more: Partial<LoadState> = {}): LoadState => ({ ...initial, ...more })
const here = (source: Loaded["source"] = "server", seen?: string) => state({ loaded: loaded(source), seen })
const stored = (revision: string) => ({ entry: { revision } })
const empty = { entry: undefined }

describe("who does not ask PostHog", () => {
  const rows: ReadonlyArray<
    readonly [
      what: string,
      LoadState,
      ReturnType<typeof stored> | typeof empty | undefined,
      hasKey: boolean,
      hasLooked: boolean,
      step: ReturnType<typeof follow>
    ]
  > = [
    ["nothing here, something stored", state(), stored("1"), true, false, "adopt"],
    ["the same without a key", state(), stored("1"), false, false, "adopt"],
    ["something newer is stored", here("server", "1"), stored("2"), true, false, "adopt"],
    ["something is stored that was never seen", here("options"), stored("1"), true, false, "adopt"],
    ["what is stored is what is here", here("store", "1"), stored("1"), true, false, "confirm"],
    ["nothing is stored, and something is here", here("server", "1"), empty, true, false, "keep"],
    ["no answer, and something is here", here("server", "1"), undefined, true, false, "unanswered"],
    ["nothing anywhere", state(), empty, true, false, "look"],
    ["nothing here, and no answer", state(), undefined, true, false, "look"],
    ["nothing anywhere, also a moment later", state(), undefined, true, true, "ask"],
    ["something is stored a moment later", state(), stored("1"), true, true, "adopt"],
    ["nothing anywhere, and no key", state(), empty, false, false, "nothing"],
    ["no answer, and no key", state(), undefined, false, false, "nothing"]
  ]
  for (const [what, before, found, hasKey, hasLooked, step] of rows) {
    it(`${what}: ${step}`, () => assert.strictEqual(follow(before, found, hasKey, hasLooked), step))
  }
})

describe("who asks PostHog", () => {
  it("begins with what is stored, if that is better than what is here", () => {
    assert.isTrue(beginsWithStored(state(), stored("1")))
    assert.isTrue(beginsWithStored(here("options"), stored("1")))
    for (const source of ["server", "store"] as const) assert.isFalse(beginsWithStored(here(source), stored("1")))
    // PostHog took the definitions away.
    assert.isFalse(beginsWithStored(state({ cleared: true }), stored("1")))
    for (const found of [empty, undefined]) assert.isFalse(beginsWithStored(state(), found))
  })

  it("asks with the ETag of what is here only where the store has the same, or does not answer", () => {
    assert.strictEqual(etagFor(here("server", "1"), stored("1")), "e")
    assert.strictEqual(etagFor(here("server", "1"), undefined), "e")
    assert.isUndefined(etagFor(here("server", "1"), stored("2")))
    assert.isUndefined(etagFor(here("server", "1"), empty))
    assert.isUndefined(etagFor(here("server"), empty))
    assert.isUndefined(etagFor(state(), stored("1")))
  })
})

describe("when the next load is", () => {
  const refused = { clears: false, backsOff: true, retryAfter: undefined }

  it("after the interval, but later each time after a refusal, up to a minute, until there is an answer", () => {
    let at = state()
    const delays: Array<number> = []
    for (let i = 0; i < 5; i++) {
      const after = afterFailure(at, refused, 5_000, 100)
      assert.strictEqual(after.state.nextLoadAt, 100 + after.delay)
      assert.strictEqual(after.state.demandAt, after.state.nextLoadAt)
      delays.push(after.delay)
      at = after.state
    }
    assert.deepStrictEqual(delays, [10_000, 20_000, 40_000, 60_000, 60_000])
    assert.strictEqual(afterFailure(afterAnswer(at, loaded("server")), refused, 5_000, 0).delay, 10_000)
  })

  it("never sooner than the interval, and as late as the server asks, up to a minute", () => {
    const delay = (retryAfter: number | undefined, base: number, backsOff = false) =>
      afterFailure(state(), { clears: false, backsOff, retryAfter }, base, 0).delay
    assert.strictEqual(delay(undefined, 30_000), 30_000)
    assert.strictEqual(delay(1_000, 30_000), 30_000)
    assert.strictEqual(delay(45_000, 30_000), 45_000)
    assert.strictEqual(delay(3_600_000, 30_000), 60_000)
    assert.strictEqual(delay(undefined, 300_000, true), 300_000)
  })

  it("evaluations without definitions may ask for one a second later, and for none over a quota or a refusal", () => {
    assert.strictEqual(afterFailure(state(), ordinaryFailure, 30_000, 7).state.demandAt, 1_007)
    assert.strictEqual(afterFailure(state(), ordinaryFailure, 500, 7).state.demandAt, 507)
    const clears = afterFailure(here(), { ...ordinaryFailure, clears: true }, 30_000, 7).state
    assert.deepInclude(clears, { cleared: true, demandAt: 30_007 })
    assert.isFalse(afterAnswer(clears, loaded("server")).cleared)
    // A failure of another kind does not bring it back.
    assert.isTrue(afterFailure(clears, ordinaryFailure, 1, 0).state.cleared)
  })
})

describe("what is remembered between two loads", () => {
  it("ends when the definitions are confirmed, as their age does", () => {
    const before = loaded("server")
    assert.deepStrictEqual(confirmed(before, "f", 9), { ...before, loadedAt: 9, etag: "f", probed: new Map() })
    assert.strictEqual(confirmed(before, undefined, 9).etag, "e")
  })

  it("is bounded in number and length", () => {
    const before = loaded("server")
    for (let i = 0; i < 5_000; i++) rememberProbed(before, `key ${i}`, false)
    assert.strictEqual(before.probed.size, 1_000)
    const other = loaded("server")
    rememberProbed(other, "k".repeat(401), false)
    assert.strictEqual(other.probed.size, 1)
  })
})
