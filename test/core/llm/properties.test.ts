import { assert, describe, it } from "@effect/vitest"
import type { Call } from "../../../src/core/llm/model.js"
import { failureOf, propertiesOf, withOwn } from "../../../src/core/llm/properties.js"

const of = (call: Partial<Call>) =>
  propertiesOf({ kind: "generation", provider: undefined, request: {}, answer: {}, ...call })

const usage = (usage: Call["answer"]["usage"]) => of({ answer: { usage } })

describe("properties of a call", () => {
  it("say nothing of what is not known", () => {
    assert.deepStrictEqual(of({}), {
      $ai_lib: "effect-posthog",
      $ai_model_parameters: {},
      $ai_tokens_source: "sdk"
    })
  })

  it("the model is the one that was asked for, else the one that answered", () => {
    assert.strictEqual(of({ request: { model: "a" }, answer: { model: "b" } }).$ai_model, "a")
    assert.strictEqual(of({ answer: { model: "models/b" } }).$ai_model, "b")
    assert.notProperty(of({ request: { model: "" } }), "$ai_model")
  })

  it("a count is a whole number that is not negative, and one that was not reported is absent", () => {
    for (const wrong of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, undefined]) {
      assert.notProperty(usage({ inputTokens: wrong, outputTokens: 1 }), "$ai_input_tokens")
    }
    assert.notProperty(usage({ inputTokens: "7" as never }), "$ai_input_tokens")
    assert.deepInclude(usage({ inputTokens: 0, outputTokens: 0, totalTokens: 0 }), {
      $ai_input_tokens: 0,
      $ai_output_tokens: 0,
      $ai_total_tokens: 0
    })
    const none = usage({ reasoningTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0, webSearchCount: 0 })
    for (
      const name of ["reasoning_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "web_search_count"]
    ) {
      assert.notProperty(none, `$ai_${name}`)
    }
  })

  it("the cache: how it is counted is said, and the split only when it is the whole", () => {
    const split = { cacheCreationInputTokens: 30, cacheCreation5mInputTokens: 10, cacheCreation1hInputTokens: 20 }
    assert.deepInclude(usage({ ...split, cacheReportingExclusive: true }), {
      $ai_cache_creation_input_tokens: 30,
      $ai_cache_creation_5m_input_tokens: 10,
      $ai_cache_creation_1h_input_tokens: 20,
      $ai_cache_reporting_exclusive: true
    })
    assert.strictEqual(usage({ cacheReportingExclusive: false }).$ai_cache_reporting_exclusive, false)
    assert.notProperty(usage({ inputTokens: 1 }), "$ai_cache_reporting_exclusive")
    for (const wrong of [{ cacheCreation5mInputTokens: 11 }, { cacheCreation1hInputTokens: undefined }]) {
      const told = usage({ ...split, ...wrong })
      assert.notProperty(told, "$ai_cache_creation_5m_input_tokens")
      assert.notProperty(told, "$ai_cache_creation_1h_input_tokens")
    }
  })

  it("prices of one's own: both of the first two or neither", () => {
    assert.deepInclude(of({ prices: { input: 1, output: 2, cacheRead: 0, cacheWrite: 3, request: 4, webSearch: 5 } }), {
      $ai_input_token_price: 1,
      $ai_output_token_price: 2,
      $ai_cache_read_token_price: 0,
      $ai_cache_write_token_price: 3,
      $ai_request_price: 4,
      $ai_web_search_price: 5
    })
    const half = of({ prices: { input: 1 } })
    assert.notProperty(half, "$ai_input_token_price")
    assert.notProperty(of({ prices: { input: 1, output: -2 } }), "$ai_output_token_price")
  })

  it("the tier is the one that served, and the first token that of a stream", () => {
    const asked = { parameters: { service_tier: "auto", temperature: 1, max_completion_tokens: 9, stop: undefined } }
    assert.deepInclude(of({ request: asked }), {
      $ai_model_parameters: { temperature: 1, max_completion_tokens: 9 },
      $ai_temperature: 1,
      $ai_max_tokens: 9
    })
    assert.notProperty(of({ request: asked }), "$ai_service_tier")
    assert.deepInclude(of({ request: asked, answer: { serviceTier: "flex" } }).$ai_model_parameters, {
      service_tier: "flex"
    })
    assert.notProperty(of({ request: { streamed: false }, firstTokenSeconds: 1 }), "$ai_time_to_first_token")
    assert.strictEqual(of({ request: { streamed: true }, firstTokenSeconds: 1 }).$ai_time_to_first_token, 1)
    assert.notProperty(of({ latencySeconds: Number.NaN }), "$ai_latency")
    assert.notProperty(of({ answer: { metadata: {} } }), "$ai_provider_metadata")
  })

  it("a failure is an object with what is known of it", () => {
    assert.deepStrictEqual(failureOf({ type: "overloaded_error", code: "" }, 529, undefined), {
      $ai_is_error: true,
      $ai_error: { type: "overloaded_error", status: 529 },
      $ai_error_type: "overloaded_error"
    })
  })

  it("properties of the program win, and counts among them are told as such", () => {
    const known = usage({ inputTokens: 1, cacheReportingExclusive: true })
    assert.deepInclude(withOwn(known, { $ai_model: "m" }), { $ai_model: "m", $ai_tokens_source: "sdk" })
    for (const name of ["$ai_output_tokens", "$ai_cache_read_input_tokens", "$ai_audio_input_tokens"]) {
      const own = withOwn(known, { [name]: 5 })
      assert.deepInclude(own, { [name]: 5, $ai_tokens_source: "passthrough" })
      assert.notProperty(own, "$ai_cache_reporting_exclusive")
    }
    assert.strictEqual(
      withOwn(known, { $ai_input_tokens: 1, $ai_cache_reporting_exclusive: false })
        .$ai_cache_reporting_exclusive,
      false
    )
  })
})
