import { assert, describe, it } from "@effect/vitest"
import { openaiChat } from "../../../src/core/llm/formats/openaiChat.js"
import { openaiEmbeddings } from "../../../src/core/llm/formats/openaiEmbeddings.js"
import { openaiResponses } from "../../../src/core/llm/formats/openaiResponses.js"
import type { AnswerFacts, Format } from "../../../src/core/llm/model.js"
import { mutated } from "../../support/llm/anyJson.js"
import { requestFacts, streamFacts } from "../../support/llm/facts.js"
import * as chat from "../../support/llm/openaiChat.js"
import * as embeddings from "../../support/llm/openaiEmbeddings.js"
import * as responses from "../../support/llm/openaiResponses.js"
import { random } from "../../support/random.js"

const formats: Readonly<Record<string, readonly [format: Format, bodies: Readonly<Record<string, unknown>>]>> = {
  chat: [openaiChat, { ...chat }],
  responses: [openaiResponses, { ...responses }],
  embeddings: [openaiEmbeddings, { ...embeddings }]
}

const runs = 1_000

/** What a builder of events relies on. */
const assertSound = ({ usage, ...facts }: ReturnType<typeof streamFacts> | (AnswerFacts & { output: unknown })) => {
  const { raw: _, cacheReportingExclusive: __, reasoningInOutput: ___, ...counts } = usage ?? {}
  for (const count of Object.values(counts)) {
    if (!Number.isSafeInteger(count) || Number(count) < 0) assert.fail(`no count: ${String(count)}`)
  }
  for (const name of ["model", "completionId", "stopReason", "serviceTier", "pendingId"] as const) {
    if (!["string", "undefined"].includes(typeof (facts as AnswerFacts)[name])) assert.fail(`no text: ${name}`)
  }
  const messages = facts.output as unknown as ReadonlyArray<{ role: unknown; content: unknown }>
  for (const { content, role } of messages) {
    if (typeof role !== "string") assert.fail("no role")
    for (const part of content as ReadonlyArray<{ type: unknown }>) {
      if (typeof part.type !== "string") assert.fail("a part without type")
    }
  }
}

const nested = (depth: number, open: string, close: string): unknown =>
  JSON.parse(open.repeat(depth) + "1" + close.repeat(depth))

describe.each(Object.entries(formats))("%s", (name, [format, bodies]) => {
  const values = Object.values(bodies).filter((body) => typeof body === "object")
  const streams = values.filter((body): body is Array<unknown> => Array.isArray(body) && body.length > 1)

  it("reads whatever a body holds", () => {
    const dice = random(name.length)
    for (let run = 0; run < runs; run++) {
      const body = mutated(dice.pick(values), dice)
      requestFacts(format, body)
      const { output, ...facts } = format.answer(body)
      assertSound({ ...facts, output: output() } as never)
    }
  })

  it("does not follow a value however deep it is", () => {
    for (const deep of [nested(200_000, "[", "]"), nested(200_000, `{"content":`, "}")]) {
      const names = ["messages", "prompt", "input", "instructions", "tools", "choices", "output", "usage", "error"]
      for (const name of names) {
        for (const body of [{ [name]: deep }, { [name]: [deep] }, { [name]: [{ output: deep, type: "x_output" }] }]) {
          requestFacts(format, body)
          format.answer(body).output()
          if (format.stream !== undefined) {
            streamFacts(format, [body, { response: body }, { choices: [{ delta: body }] }])
          }
        }
      }
    }
  })

  it("reads whatever comes in a stream", { skip: format.stream === undefined }, () => {
    const dice = random(name.length + 1)
    for (let run = 0; run < runs; run++) {
      const pieces = dice.pick(streams).map((piece) => dice.chance(30) ? mutated(piece, dice) : piece)
      assertSound(streamFacts(format, pieces, dice.pick([0, 10, 1_000, 200_000])))
    }
  })
})
