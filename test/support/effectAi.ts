/**
 * What the majors of Effect have in different forms in `@effect/ai`: what providers answer and note, and what models
 * give.
 */
import { AiError, EmbeddingModel, type Response, Telemetry } from "@effect/ai"
import { Effect, Layer, Option, type Tracer } from "effect"

type Part = Response.PartEncoded & Response.StreamPartEncoded

/** The last part of an answer: ten tokens were asked, and five answered. */
export const finish = (reason: Response.FinishReason = "stop"): Part => ({
  type: "finish",
  reason,
  usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 }
})

/** What a provider's package notes. */
export const annotate = (span: Tracer.Span) =>
  Telemetry.addGenAIAnnotations(span, {
    system: "openai",
    operation: { name: "chat" },
    request: { model: "gpt-5-mini", temperature: 0.5, maxTokens: 100 }
  })

/** A provider refuses a request; the error holds the key. */
export const refused = new AiError.HttpResponseError({
  module: "Test",
  method: "generateText",
  reason: "StatusCode",
  request: {
    method: "POST",
    url: "https://example.com",
    urlParams: [],
    hash: Option.none(),
    headers: { "x-api-key": "sk-secret-1234567890" }
  },
  response: { status: 429, headers: {} },
  body: `{"error":{"type":"rate_limit_error","message":"Slow down"}}`
}, { disableValidation: true })

/** What kind of error that is, besides what the provider says. */
export const refusedCode: object = { code: "StatusCode" }

/** A model whose vectors are the numbers of the texts. */
export const embeddings = Layer.effect(
  EmbeddingModel.EmbeddingModel,
  EmbeddingModel.make({
    embedMany: (inputs) => Effect.succeed(inputs.map((_, index) => ({ index, embeddings: [index] })))
  })
)

/** The vectors of one text, and of two. */
export const embedded = Effect.gen(function*() {
  const model = yield* EmbeddingModel.EmbeddingModel
  return [yield* model.embed("a"), yield* model.embedMany(["a", "b"])]
})

/** What is known of the tokens of two texts without capture at the HTTP client. */
export const embeddedTokens: number | undefined = undefined

/** What a handler of a tool gives at its end. */
export const resultOf = <A, E, R>(handled: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => handled
