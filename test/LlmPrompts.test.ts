import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { LlmPrompts, PostHogTest } from "../src/index.js"
import { type Answer, FakeClient } from "./support/fakeClient.js"
import { apiKey, onFake } from "./support/posthog.js"

const prompt = (version: number, more: object = {}): Answer => ({
  status: 200,
  body: JSON.stringify({
    id: "1",
    name: "greeting",
    prompt: `Hello {{name}}, v${version}`,
    version,
    config: null,
    ...more
  })
})

const withClient = (answers: ReadonlyArray<Answer>, options = {}) => {
  const client = new FakeClient(() => ({ status: 500 }))
  client.next(...answers)
  return { client, provide: Effect.provide(onFake(client, { secretKey: "phx_very_secret", ...options })) }
}

describe("LlmPrompts", () => {
  it.effect("asks PostHog by name, and by version or label", () => {
    const { client, provide } = withClient([prompt(1, { config: { model: "m" } }), prompt(2), prompt(3)])
    return Effect.gen(function*() {
      const found = yield* LlmPrompts.get("greeting")
      assert.deepStrictEqual(found, {
        name: "greeting",
        text: "Hello {{name}}, v1",
        version: 1,
        label: undefined,
        config: { model: "m" },
        source: "api"
      })
      yield* LlmPrompts.get("my prompt/é?", { version: 2 })
      yield* LlmPrompts.get("greeting", { label: "a&b" })
      const base = "https://us.i.posthog.com/api/environments/@current/llm_prompts/name"
      assert.deepStrictEqual(client.requests.map(({ url }) => url), [
        `${base}/greeting/?token=${apiKey}`,
        `${base}/my%20prompt%2F%C3%A9%3F/?token=${apiKey}&version=2`,
        `${base}/greeting/?token=${apiKey}&label=a%26b`
      ])
      assert.strictEqual(client.requests[0]?.headers.authorization, "Bearer phx_very_secret")
    }).pipe(provide)
  })

  it.effect("keeps what it got for five minutes, or as long as the call says", () => {
    const { client, provide } = withClient([prompt(1), prompt(2), prompt(3)])
    return Effect.gen(function*() {
      const versions = Effect.map(LlmPrompts.get("greeting"), ({ source, version }) => [version, source])
      assert.deepStrictEqual(yield* versions, [1, "api"])
      yield* TestClock.adjust("299 seconds")
      assert.deepStrictEqual(yield* versions, [1, "cache"])
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(yield* versions, [2, "api"])
      assert.strictEqual((yield* LlmPrompts.get("greeting", { timeToLive: 0 })).version, 3)
      assert.lengthOf(client.requests, 3)
    }).pipe(provide)
  })

  it.effect("those who ask at the same time share one request, also when the first does not wait", () => {
    const { client, provide } = withClient([{ ...prompt(1) as object, delay: 1_000 } as Answer])
    return Effect.gen(function*() {
      const [first, ...others] = yield* Effect.forEach([1, 2, 3, 4], () => Effect.fork(LlmPrompts.get("greeting")))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(first!)
      yield* TestClock.adjust("500 millis")
      const all = yield* Effect.forEach(others, Fiber.join)
      assert.deepStrictEqual(all.map(({ version }) => version), [1, 1, 1])
      assert.lengthOf(client.requests, 1)
    }).pipe(provide)
  })

  it.effect("uses the one of an earlier time when PostHog cannot be asked, and leaves PostHog alone for a while", () => {
    const { client, provide } = withClient([
      prompt(1),
      "refused",
      { status: 429, headers: { "retry-after": "120" } },
      prompt(2)
    ])
    return Effect.gen(function*() {
      const get = Effect.map(LlmPrompts.get("greeting"), ({ source, version }) => [version, source])
      yield* get
      yield* TestClock.adjust("300 seconds")
      assert.deepStrictEqual(yield* get, [1, "stale_cache"])
      assert.deepStrictEqual(yield* get, [1, "stale_cache"])
      assert.lengthOf(client.requests, 2)
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(yield* get, [1, "stale_cache"])
      assert.lengthOf(client.requests, 3)
      yield* TestClock.adjust("119 seconds")
      assert.deepStrictEqual(yield* get, [1, "stale_cache"])
      assert.lengthOf(client.requests, 3)
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(yield* get, [2, "api"])
    }).pipe(provide)
  })

  it.effect("without one it uses the fallback, and without that it says what is wrong", () => {
    const { client, provide } = withClient([
      { status: 404 },
      { status: 404 },
      { status: 403, body: "no scope" },
      { status: 200, body: "<html>" },
      { status: 200, body: "{\"name\":\"greeting\"}" },
      "refused"
    ])
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* LlmPrompts.get("greeting", { fallback: "Hi" }), {
        name: "greeting",
        text: "Hi",
        source: "code_fallback"
      })
      const reason = Effect.map(Effect.flip(LlmPrompts.get("greeting")), (error) => {
        assert.notInclude(error.message, "phx_")
        return [error.reason, error.status]
      })
      assert.deepStrictEqual(yield* Effect.all([reason, reason, reason, reason, reason]), [
        ["not_found", 404],
        ["status", 403],
        ["invalid_response", 200],
        ["invalid_response", undefined],
        ["connection", undefined]
      ])
      for (const [name, options] of [["", {}], ["a", { version: 1, label: "b" }]] as const) {
        assert.strictEqual((yield* Effect.flip(LlmPrompts.get(name, options))).reason, "invalid_request")
      }
      assert.strictEqual((yield* Effect.flip(LlmPrompts.get(".."))).reason, "not_found")
      assert.strictEqual((yield* Effect.flip(LlmPrompts.get("\ud800"))).reason, "not_found")
      assert.lengthOf(client.requests, 6)
    }).pipe(provide)
  })

  it.effect("asks nothing without a secret key, in tests, and when the instance does nothing", () =>
    Effect.gen(function*() {
      const reason = Effect.map(Effect.flip(LlmPrompts.get("greeting")), ({ reason }) => reason)
      const { client, provide } = withClient([], { secretKey: undefined })
      assert.strictEqual(yield* provide(reason), "no_secret_key")
      assert.strictEqual(yield* reason.pipe(Effect.provide(PostHogTest.layer())), "disabled")
      assert.strictEqual(yield* reason.pipe(Effect.provide(PostHogTest.layer({ optedOut: true }))), "opted_out")
      assert.strictEqual(
        (yield* LlmPrompts.get("greeting", { fallback: "Hi" }).pipe(Effect.provide(PostHogTest.layer()))).text,
        "Hi"
      )
      assert.lengthOf(client.requests, 0)
    }))

  it.effect("lists prompts page by page, and follows no link to another host", () => {
    const page = (name: string, next: string | null): Answer => ({
      status: 200,
      body: JSON.stringify({ results: [{ name, prompt: name, version: 1 }], next })
    })
    const { client, provide } = withClient([
      page("a", "https://us.i.posthog.com/api/environments/@current/llm_prompts/?offset=1"),
      page("b", null),
      page("a", "https://evil.example/x")
    ])
    return Effect.gen(function*() {
      const all = yield* LlmPrompts.list({ label: "production" })
      assert.deepStrictEqual(all.map(({ name }) => name), ["a", "b"])
      assert.strictEqual(
        client.requests[0]?.url,
        `https://us.i.posthog.com/api/environments/@current/llm_prompts/?token=${apiKey}&content=full&label=production`
      )
      assert.strictEqual((yield* Effect.flip(LlmPrompts.list())).reason, "invalid_response")
      assert.lengthOf(client.requests, 3)
    }).pipe(provide)
  })

  it("compile puts values in, once, and leaves what it does not know", () => {
    const compile = (text: string, variables?: object) => LlmPrompts.compile({ text }, variables)
    assert.strictEqual(
      compile("{{a}} {{ b }} {{c-d.e_1}} {{toString}}", { a: "{{x}}", x: 1, "c-d.e_1": 2, b: 3 }),
      "{{x}} {{ b }} 2 {{toString}}"
    )
    assert.strictEqual(LlmPrompts.compile("{{n}} {{o}} {{z}}", { n: null, o: { p: 1 }, z: 0 }), "null {\"p\":1} 0")
    assert.strictEqual(compile("{{a}}"), "{{a}}")
    assert.strictEqual(compile("$& {{a}}", { a: "$1 $&" }), "$& $1 $&")
  })
})
