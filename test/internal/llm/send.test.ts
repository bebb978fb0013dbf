import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { instanceOf } from "../../../src/internal/instance.js"
import { type AiInput, sendAi } from "../../../src/internal/llm/send.js"

const send = (input: AiInput) =>
  Effect.flatMap(PostHog.PostHog, (service) =>
    Effect.withFiberRuntime<string | undefined>((fiber) => {
      const { captured, uuid } = sendAi(instanceOf(service), fiber, input)
      return Effect.as(captured, uuid)
    }))

describe("sendAi", () => {
  it.effect("gives the uuid of the event, that of the caller if there is one", () =>
    Effect.gen(function*() {
      const given = "0192d4f5-0000-7000-8000-000000000001"
      const own = yield* send({ event: "$ai_span", properties: {}, options: { uuid: given, distinctId: "user_1" } })
      const made = yield* send({ event: "$ai_span", properties: {} })
      assert.deepStrictEqual((yield* PostHogTest.captured).map(({ uuid }) => uuid), [own, made])
      assert.strictEqual(own, given)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("without a user the event is personless under the id of its trace", () =>
    Effect.gen(function*() {
      yield* send({ event: "$ai_span", properties: {}, personlessId: "trace-1" })
      yield* send({ event: "$ai_span", properties: {}, personlessId: "trace-1" }).pipe(PostHog.withDistinctId("user_1"))
      const [first, second] = yield* PostHogTest.captured
      assert.strictEqual(first?.distinct_id, "trace-1")
      assert.strictEqual(first?.properties.$process_person_profile, false)
      assert.strictEqual(second?.distinct_id, "user_1")
      assert.notProperty(second?.properties, "$process_person_profile")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("is kept in memory with everything where all events have it, and its options beside", () =>
    Effect.gen(function*() {
      yield* send({
        event: "$ai_span",
        properties: { $session_id: "s" },
        options: { distinctId: "user_1", options: { process_person_profile: true, future: 1 } }
      })
      yield* send({ event: "$ai_span", properties: { text: "x".repeat(2_000_000) }, options: { distinctId: "user_1" } })
      yield* send({ event: "$ai_span", properties: { text: "x".repeat(9_000_000) }, options: { distinctId: "user_1" } })
      const captured = yield* PostHogTest.captured
      assert.strictEqual(captured.length, 2)
      assert.deepInclude(captured[0]?.properties, {
        $session_id: "s",
        $lib: "posthog-effect",
        $process_person_profile: true
      })
      assert.deepStrictEqual(captured[0]?.options, { process_person_profile: true, future: 1 })
      assert.deepInclude((yield* PostHog.stats).dropped, { too_large: 1 })
    }).pipe(Effect.provide(TestLayer)))
})
