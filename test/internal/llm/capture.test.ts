import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Call } from "../../../src/core/llm/model.js"
import { inState, snapshot } from "../../../src/internal/context.js"
import { instanceOf } from "../../../src/internal/instance.js"
import { captureCall } from "../../../src/internal/llm/capture.js"
import { inSpan, inTrace } from "../../../src/internal/llm/region.js"
import { libraryVersion } from "../../../src/internal/version.js"
import { PostHog } from "../../../src/PostHog.js"
import * as PostHogTest from "../../../src/PostHogTest.js"

const call: Call = {
  kind: "generation",
  provider: "openai",
  request: { model: "gpt-5-mini", streamed: false, input: () => [{ role: "user", content: "Hi" }], parameters: {} },
  answer: {
    model: "gpt-5-mini-2025-08-07",
    usage: { inputTokens: 8, outputTokens: 2, cacheReportingExclusive: false },
    output: () => [{ role: "assistant", content: [{ type: "text", text: "Hello" }] }]
  },
  httpStatus: 200,
  latencySeconds: 0.5
}

describe("captureCall", () => {
  it.effect("sends a call with its place in the tree, and gives the uuid", () =>
    Effect.gen(function*() {
      const service = yield* PostHog
      const uuid = yield* Effect.withFiberRuntime<string | undefined>((fiber) =>
        captureCall(instanceOf(service), snapshot(fiber as never), call)
      ).pipe(
        inState((state) => inSpan(inTrace(state, "t1", "s1"), "p1", undefined))
      )
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event?.uuid, uuid)
      assert.strictEqual(event?.distinct_id, "t1")
      assert.deepInclude(event?.properties, {
        $ai_lib: "effect-posthog",
        $ai_lib_version: libraryVersion,
        $ai_model: "gpt-5-mini",
        $ai_provider: "openai",
        $ai_trace_id: "t1",
        $ai_session_id: "s1",
        $ai_span_id: uuid,
        $ai_parent_id: "p1",
        $ai_input: [{ role: "user", content: "Hi" }],
        $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "Hello" }] }],
        $ai_input_tokens: 8,
        $ai_output_tokens: 2,
        $ai_cache_reporting_exclusive: false,
        $ai_http_status: 200,
        $ai_latency: 0.5,
        $process_person_profile: false
      })
    }).pipe(Effect.provide(PostHogTest.layer())))
})
