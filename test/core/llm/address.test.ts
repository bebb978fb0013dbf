import { assert, describe, it } from "@effect/vitest"
import { addressOf, callsGateway, requestUrlOf, type Sent } from "../../../src/core/llm/http/address.js"
import { providerName } from "../../../src/core/llm/http/providers.js"

const post = (url: string, more: Partial<Sent> = {}) => addressOf({ method: "POST", url, ...more })

const version = (name: string): string | undefined => name === "anthropic-version" ? "2023-06-01" : undefined

/** An address, and what it tells: provider, shape, base, model, `streamed`. */
type Row = readonly [url: string, provider: string, shape: string, base: string, model?: string, streamed?: boolean]

const openai = "https://api.openai.com/v1"
const azure = "https://acme.openai.azure.com/openai"
const google = "https://generativelanguage.googleapis.com"
const vertex = "https://us-central1-aiplatform.googleapis.com"
const publishers = `${vertex}/v1/projects/acme/locations/us-central1/publishers`
const bedrock = "https://bedrock-runtime.eu-west-1.amazonaws.com"

const known: ReadonlyArray<Row> = [
  [`${openai}/chat/completions`, "openai", "chat", openai],
  [`${openai}/completions`, "openai", "chat", openai],
  [`${openai}/responses`, "openai", "responses", openai],
  [`${openai}/embeddings/?x=1#y`, "openai", "embeddings", openai],
  ["https://eu.api.openai.com/v1/responses", "openai", "responses", "https://eu.api.openai.com/v1"],
  ["https://API.OpenAI.com:443/v1/responses", "openai", "responses", openai],
  ["https://api.openai.com./v1/responses", "openai", "responses", "https://api.openai.com./v1"],
  [`${azure}/deployments/my-gpt/chat/completions?api-version=2024-10-21`, "azure", "chat", azure, "my-gpt"],
  [`${azure}/deployments/text%20embedding/embeddings`, "azure", "embeddings", azure, "text embedding"],
  [`${azure}/responses?api-version=preview`, "azure", "responses", azure],
  [`${azure}/v1/chat/completions`, "azure", "chat", `${azure}/v1`],
  [
    "https://a.services.ai.azure.com/openai/v1/embeddings",
    "azure",
    "embeddings",
    "https://a.services.ai.azure.com/openai/v1"
  ],
  [
    "https://a.cognitiveservices.azure.com/openai/deployments/m/chat/completions",
    "azure",
    "chat",
    "https://a.cognitiveservices.azure.com/openai",
    "m"
  ],
  ["https://api.anthropic.com/v1/messages", "anthropic", "anthropic", "https://api.anthropic.com"],
  ["https://api.anthropic.com/v1/messages?beta=true", "anthropic", "anthropic", "https://api.anthropic.com"],
  ["https://api.anthropic.com/v1/chat/completions", "anthropic", "chat", "https://api.anthropic.com/v1"],
  [
    `${google}/v1beta/models/gemini-2.5-flash:generateContent?key=k`,
    "gemini",
    "gemini",
    google,
    "gemini-2.5-flash",
    false
  ],
  [`${google}/v1/models/g:streamGenerateContent?alt=sse`, "gemini", "gemini", google, "g", true],
  [`${google}/v1beta/tunedModels/mine:generateContent`, "gemini", "gemini", google, "mine", false],
  [`${google}/v1beta/models/e:embedContent`, "gemini", "geminiEmbedding", google, "e", false],
  [`${google}/v1beta/models/e:batchEmbedContents`, "gemini", "geminiEmbedding", google, "e", false],
  [`${google}/v1beta/openai/chat/completions`, "gemini", "chat", `${google}/v1beta/openai`],
  [`${google}/v1beta/openai/embeddings`, "gemini", "embeddings", `${google}/v1beta/openai`],
  [
    `${publishers}/google/models/gemini-2.5-pro:generateContent`,
    "google-vertex",
    "gemini",
    vertex,
    "gemini-2.5-pro",
    false
  ],
  [`${publishers}/google/models/g:streamGenerateContent`, "google-vertex", "gemini", vertex, "g", true],
  [
    `${publishers}/anthropic/models/claude-sonnet-4@20250514:rawPredict`,
    "google-vertex",
    "anthropic",
    vertex,
    "claude-sonnet-4@20250514",
    false
  ],
  [`${publishers}/anthropic/models/c:streamRawPredict`, "google-vertex", "anthropic", vertex, "c", true],
  [`${publishers}/mistralai/models/m:rawPredict`, "google-vertex", "chat", vertex, "m", false],
  [
    `${publishers}/google/models/text-embedding-005:predict`,
    "google-vertex",
    "vertexEmbedding",
    vertex,
    "text-embedding-005",
    false
  ],
  [
    "https://aiplatform.googleapis.com/v1/publishers/google/models/g:generateContent",
    "google-vertex",
    "gemini",
    "https://aiplatform.googleapis.com",
    "g",
    false
  ],
  [
    `${bedrock}/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse`,
    "bedrock",
    "converse",
    bedrock,
    "anthropic.claude-3-5-sonnet-20240620-v1:0",
    false
  ],
  [`${bedrock}/model/m/converse-stream`, "bedrock", "converse", bedrock, "m", true],
  [`${bedrock}/model/m/invoke`, "bedrock", "invoke", bedrock, "m", false],
  [
    `${bedrock}/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Ainference-profile%2Feu.x/invoke-with-response-stream`,
    "bedrock",
    "invoke",
    bedrock,
    "arn:aws:bedrock:eu:1:inference-profile/eu.x",
    true
  ],
  [
    "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/model/m/converse",
    "bedrock",
    "converse",
    "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com",
    "m",
    false
  ],
  ["https://openrouter.ai/api/v1/chat/completions", "openrouter", "chat", "https://openrouter.ai/api/v1"],
  ["https://openrouter.ai/api/v1/responses", "openrouter", "responses", "https://openrouter.ai/api/v1"],
  ["https://openrouter.ai/api/v1/messages", "openrouter", "anthropic", "https://openrouter.ai/api"],
  ["https://openrouter.ai/api/v1/embeddings", "openrouter", "embeddings", "https://openrouter.ai/api/v1"],
  ["https://api.groq.com/openai/v1/chat/completions", "groq", "chat", "https://api.groq.com/openai/v1"],
  ["https://api.mistral.ai/v1/embeddings", "mistral", "embeddings", "https://api.mistral.ai/v1"],
  ["https://api.x.ai/v1/chat/completions", "xai", "chat", "https://api.x.ai/v1"],
  ["https://api.deepseek.com/chat/completions", "deepseek", "chat", "https://api.deepseek.com"],
  [
    "https://api.fireworks.ai/inference/v1/chat/completions",
    "fireworks",
    "chat",
    "https://api.fireworks.ai/inference/v1"
  ],
  ["https://api.together.xyz/v1/chat/completions", "together", "chat", "https://api.together.xyz/v1"],
  ["https://api.perplexity.ai/chat/completions", "perplexity", "chat", "https://api.perplexity.ai"],
  ["https://api.cerebras.ai/v1/chat/completions", "cerebras", "chat", "https://api.cerebras.ai/v1"],
  [
    "https://api.cohere.com/compatibility/v1/chat/completions",
    "cohere",
    "chat",
    "https://api.cohere.com/compatibility/v1"
  ],
  ["https://api.cohere.com/v2/embed", "cohere", "cohereEmbedding", "https://api.cohere.com"],
  ["http://localhost:11434/v1/chat/completions", "ollama", "chat", "http://localhost:11434/v1"],
  ["http://127.0.0.1:11434/api/chat", "ollama", "ollamaChat", "http://127.0.0.1:11434"],
  ["http://[::1]:11434/api/generate", "ollama", "ollamaGenerate", "http://[::1]:11434"],
  ["http://gpu:11434/api/embed", "ollama", "ollamaEmbedding", "http://gpu:11434"],
  // Hosts that are not known.
  ["https://api.moonshot.ai/v1/chat/completions", "moonshot", "chat", "https://api.moonshot.ai/v1"],
  ["https://llm.acme.co.uk/v1/chat/completions", "acme", "chat", "https://llm.acme.co.uk/v1"],
  ["http://localhost:8000/v1/chat/completions", "localhost", "chat", "http://localhost:8000/v1"],
  ["http://10.0.0.7/v1/chat/completions", "10.0.0.7", "chat", "http://10.0.0.7/v1"],
  ["https://proxy.acme.dev/v1beta/models/g:generateContent", "acme", "gemini", "https://proxy.acme.dev", "g", false],
  [
    "https://gateway.ai.cloudflare.com/v1/acme/gw/google-ai-studio/v1beta/models/g:generateContent",
    "cloudflare",
    "gemini",
    "https://gateway.ai.cloudflare.com/v1/acme/gw/google-ai-studio",
    "g",
    false
  ],
  ["https://user:pass@api.acme.io/v1/chat/completions?token=t", "acme", "chat", "https://api.acme.io/v1"],
  ["https://evil.example/api.openai.com/v1/chat/completions", "evil", "chat", "https://evil.example/api.openai.com/v1"],
  ["https://api.openai.com.evil.com/v1/chat/completions", "evil", "chat", "https://api.openai.com.evil.com/v1"],
  ["https://api.openai.com@evil.com/v1/chat/completions", "evil", "chat", "https://evil.com/v1"]
]

describe("an address tells", () => {
  for (const [url, provider, shape, baseUrl, model, streamed] of known) {
    it(`${url} ${shape}`, () => {
      const found = post(url)
      assert.deepStrictEqual(
        { ...found, model: found?.model, streamed: found?.streamed },
        { provider, shape, baseUrl, model, streamed } as never
      )
    })
  }

  it("nothing where no model is called", () => {
    const urls = [
      `${openai}/models`,
      `${openai}/files`,
      `${openai}/batches`,
      `${openai}/audio/speech`,
      `${openai}/moderations`,
      `${openai}/responses/input_tokens`,
      `${openai}/threads/t/messages`,
      "https://api.anthropic.com/v1/messages/count_tokens",
      "https://api.anthropic.com/v1/messages/batches",
      `${google}/v1beta/models/g:countTokens`,
      `${google}/v1beta/models/g:batchGenerateContent`,
      `${google}/v1beta/models/g:constructor`,
      `${google}/v1beta/models/:generateContent`,
      `${publishers}/google/models/imagen-4:predict`,
      `${bedrock}/model/m/count-tokens`,
      `${bedrock}/model/m/constructor`,
      "http://localhost:11434/api/tags",
      "https://shop.example/api/chat",
      "https://shop.example/api/messages",
      "https://shop.example/v1/messages",
      "https://shop.example/surveys/7/responses",
      "https://shop.example/embeddings",
      "https://shop.example/autocomplete/completions",
      "https://shop.example/model/m/converse",
      "https://shop.example/?u=/v1/chat/completions",
      "https://shop.example/#/v1/chat/completions",
      // Captured by PostHog's gateway.
      "https://gateway.posthog.com/v1/chat/completions",
      "https://gateway.us.posthog.com/v1/messages",
      "https://ai-gateway.eu.posthog.com/v1/responses"
    ]
    for (const url of urls) assert.strictEqual(post(url), undefined, url)
    assert.strictEqual(addressOf({ method: "GET", url: `${openai}/chat/completions` }), undefined)
    assert.strictEqual(addressOf({ method: "OPTIONS", url: `${openai}/responses` }), undefined)
    assert.strictEqual(addressOf({ method: "DELETE", url: `${openai}/responses/resp_1` }), undefined)
  })

  it("PostHog's gateways, so that somebody can say it", () => {
    assert.isTrue(callsGateway("https://ai-gateway.us.posthog.com/v1/chat/completions"))
    assert.isTrue(callsGateway("https://gateway.posthog.com/v1/messages?x"))
    for (const url of ["https://us.posthog.com/v1", "https://ai-gateway.us.posthog.com.evil/", "posthog.com", ""]) {
      assert.isFalse(callsGateway(url), url)
    }
  })

  it("an earlier answer that is asked for or stopped", () => {
    const get = (url: string, method = "GET") => addressOf({ method, url })
    const expected = { shape: "responses", provider: "openai", baseUrl: openai, retrieves: "resp_1", streamed: false }
    assert.deepStrictEqual(get(`${openai}/responses/resp_1`), expected as never)
    assert.deepStrictEqual(get(`${openai}/responses/resp_1?stream=true`), { ...expected, streamed: true } as never)
    assert.deepStrictEqual(get(`${openai}/responses/resp_1/cancel`, "POST"), expected as never)
    assert.strictEqual(get(`${openai}/responses/resp_1/input_items`), undefined)
    assert.strictEqual(get(`${openai}/responses/resp_1`, "POST"), undefined)
    assert.strictEqual(get("https://shop.example/surveys/7/responses/9"), undefined)
    assert.strictEqual(get("https://llm.example/v1/responses/resp_9")?.retrieves, "resp_9")
  })

  it("with the header of Anthropic any host may speak as Anthropic does", () => {
    const found = post("https://api.deepseek.com/anthropic/v1/messages", { header: version })
    assert.deepStrictEqual(found, {
      shape: "anthropic",
      provider: "deepseek",
      baseUrl: "https://api.deepseek.com/anthropic"
    } as never)
    assert.strictEqual(post("https://llm.example/messages", { header: version })?.baseUrl, "https://llm.example")
  })

  it("with its body what a path alone would leave open", () => {
    const at = (path: string, body: unknown) => post(`https://llm.example/v1${path}`, { body: () => body })?.shape
    const model = "m"
    assert.strictEqual(at("/chat/completions", { model, messages: [] }), "chat")
    assert.strictEqual(at("/chat/completions", { answers: [] }), undefined)
    assert.strictEqual(at("/completions", { model, prompt: "a" }), "chat")
    assert.strictEqual(at("/responses", { model, input: "a" }), "responses")
    assert.strictEqual(at("/responses", { prompt: { id: "pmpt_1" } }), "responses")
    assert.strictEqual(at("/responses", { survey: 1 }), undefined)
    assert.strictEqual(at("/embeddings", { model, input: ["a"] }), "embeddings")
    for (const body of [null, 1, "a", [], { model: {} }]) assert.strictEqual(at("/embeddings", body), undefined)
  })

  it("the provider that the program names for a host", () => {
    const providers = { "localhost:8000": "vllm", "llm.example": "openai", "models.example": "ollama", empty: "" }
    const at = (url: string) => addressOf({ method: "POST", url }, providers)
    assert.strictEqual(at("http://localhost:8000/v1/embeddings")?.provider, "vllm")
    assert.strictEqual(at("http://localhost:8001/v1/embeddings"), undefined)
    assert.strictEqual(at("https://llm.example:8443/v1/responses")?.provider, "openai")
    assert.strictEqual(at("https://models.example/api/chat")?.shape, "ollamaChat")
    assert.strictEqual(at("https://constructor/v1/embeddings"), undefined)
  })

  it("nothing and no exception where it is hostile", () => {
    const long = "a/".repeat(500_000)
    const urls = [
      "",
      "/v1/chat/completions",
      "//api.openai.com/v1/chat/completions",
      "https://",
      "https://[/v1/chat/completions",
      "https://a b/v1/chat/completions",
      "javascript:alert(1)//v1/chat/completions",
      "data:text/plain,/v1/chat/completions",
      "file:///v1/chat/completions",
      "ftp://api.openai.com/v1/chat/completions",
      `https://api.openai.com/${long}v1/chat/completions`,
      `https://${"a".repeat(1_000_000)}/v1/chat/completions`,
      `${"/".repeat(1_000_000)}/chat/completions`
    ]
    for (const url of urls) {
      assert.strictEqual(post(url), undefined, url.slice(0, 60))
      assert.isBelow((requestUrlOf(url) ?? "").length, 5_000)
    }
    // Faulty escapes are kept as they are; a long query is not looked at.
    assert.strictEqual(post(`${azure}/deployments/%E0%A4%A/chat/completions`)?.model, "%E0%A4%A")
    assert.strictEqual(post(`${openai}/chat/completions?${"a=b&".repeat(500_000)}`)?.shape, "chat")
    assert.strictEqual(post(`${openai}/../v1/./chat/completions///`)?.baseUrl, openai)
  })
})

describe("an address leaves", () => {
  it("without user, password, fragment and secrets", () => {
    const rows: ReadonlyArray<readonly [url: string, told: string | undefined]> = [
      [`${openai}/responses`, `${openai}/responses`],
      [
        `${google}/v1beta/models/g:streamGenerateContent?alt=sse&key=AIzaSyA1234567890123456789012345678901`,
        `${google}/v1beta/models/g:streamGenerateContent?alt=sse&key=[redacted]`
      ],
      [
        `${azure}/responses?api-version=2024-10-21&api-key=k`,
        `${azure}/responses?api-version=2024-10-21&api-key=[redacted]`
      ],
      ["https://u:p@h.example/a?x=1#token=2", "https://h.example/a?x=1"],
      ["https://h.example/?%6Bey=v", "https://h.example/?%6Bey=[redacted]"],
      ["nonsense", undefined]
    ]
    for (const [url, told] of rows) assert.strictEqual(requestUrlOf(url), told)
    const key = `sk-proj-${"a1B2".repeat(10)}`
    const found = post(`https://llm.example/${key}/v1/chat/completions`)
    assert.notInclude(found?.baseUrl ?? key, key)
    assert.notInclude(requestUrlOf(`https://llm.example/${key}/v1/chat/completions`) ?? key, key)
  })
})

describe("providers", () => {
  it("have PostHog's names", () => {
    const rows: Readonly<Record<string, string>> = {
      openai: "openai",
      OpenAI: "openai",
      "gcp.gemini": "gemini",
      google: "gemini",
      "aws.bedrock": "bedrock",
      "amazon-bedrock": "bedrock",
      "az.ai.openai": "azure",
      "azure.ai.openai": "azure",
      vertex_ai: "google-vertex",
      mistral_ai: "mistral",
      x_ai: "xai",
      xai: "xai",
      moonshot_ai: "moonshotai",
      openrouter: "openrouter",
      constructor: "constructor"
    }
    for (const [name, expected] of Object.entries(rows)) assert.strictEqual(providerName(name), expected)
  })
})
