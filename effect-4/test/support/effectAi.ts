/**
 * What the majors of Effect have in different forms in `effect/ai`: `test/support/effectAi.ts` for Effect 4.
 */
import { Effect, Layer, Stream, type Tracer } from "effect"
import { AiError, EmbeddingModel, type Response, Telemetry } from "effect/ai"

type Part = Response.PartEncoded & Response.StreamPartEncoded

/** The last part of an answer: ten tokens were asked, and five answered. */
export const finish = (reason: Response.FinishReason = "stop"): Part => ({
  type: "finish",
  reason,
  usage: { inputTokens: { total: 10 }, outputTokens: { total: 5 } }
})

/** What a provider's package notes. */
export const annotate = (span: Tracer.Span) =>
  Telemetry.addGenAIAnnotations(span, {
    provider: { name: "openai" },
    operation: { name: "chat" },
    request: { model: "gpt-5-mini", temperature: 0.5, maxTokens: 100 }
  })

/** A provider refuses a request; the error holds a key. */
export const refused = AiError.make({
  module: "Test",
  method: "generateText",
  reason: AiError.reasonFromHttpStatus({
    status: 429,
    description: "Slow down (POST https://example.com/?key=sk-secret-1234567890)",
    http: {
      response: { status: 429, headers: { "x-api-key": "sk-secret-1234567890" } },
      body: `{"error":{"type":"rate_limit_error","message":"Slow down"}}`
    }
  })
})

/** What kind of error that is, besides what the provider says: nothing more. */
export const refusedCode: object = {}

/** A model whose vectors are the numbers of the texts. */
export const embeddings = Layer.effect(
  EmbeddingModel.EmbeddingModel,
  EmbeddingModel.make({
    embedMany: ({ inputs }) =>
      Effect.succeed({ results: inputs.map((_, index) => [index]), usage: { inputTokens: inputs.length * 3 } })
  })
)

/** The vectors of one text, and of two. */
export const embedded = Effect.gen(function*() {
  const model = yield* EmbeddingModel.EmbeddingModel
  return [(yield* model.embed("a")).vector, (yield* model.embedMany(["a", "b"])).embeddings.map(({ vector }) => vector)]
})

/** What is known of the tokens of two texts without capture at the HTTP client: what the model says. */
export const embeddedTokens: number | undefined = 6

/** What a handler of a tool gives at its end. */
export const resultOf = <A, E, R, E2, R2>(
  handled: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>
): Effect.Effect<A, E | E2, R | R2> =>
  handled.pipe(Stream.unwrap, Stream.runLast, Effect.flatMap(Effect.fromOption), Effect.orDie) as Effect.Effect<
    A,
    E | E2,
    R | R2
  >
