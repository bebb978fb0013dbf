/**
 * From a request to the format in which it is to be read.
 *
 * @since 0.1.0
 */
import { anthropic } from "../formats/anthropic.js"
import { converse, invoke, invokeEmbedding } from "../formats/bedrock.js"
import { cohereEmbedding, geminiEmbedding, vertexEmbedding } from "../formats/embeddings.js"
import { gemini } from "../formats/gemini.js"
import { ollamaChat, ollamaEmbedding, ollamaGenerate } from "../formats/ollama.js"
import { openaiChat } from "../formats/openaiChat.js"
import { openaiEmbeddings } from "../formats/openaiEmbeddings.js"
import { openaiResponses } from "../formats/openaiResponses.js"
import type { Endpoint, Format } from "../model.js"
import { type Address, addressOf, type Sent, type Shape } from "./address.js"
import type { Providers } from "./providers.js"

const formats: { readonly [shape in Shape]: Format } = {
  chat: openaiChat,
  responses: openaiResponses,
  embeddings: openaiEmbeddings,
  anthropic,
  gemini,
  geminiEmbedding,
  vertexEmbedding,
  converse,
  invoke,
  ollamaChat,
  ollamaGenerate,
  ollamaEmbedding,
  cohereEmbedding
}

/** The path of Bedrock's `invoke` does not say what kind of model it is, but the names of those for embeddings do. */
const formatOf = ({ model, shape }: Address): Format =>
  shape === "invoke" && model?.includes("embed") === true ? invokeEmbedding : formats[shape]

/**
 * Which provider's call of a model a request is. `undefined`: it calls no model, or PostHog's gateway sends the event.
 */
export const endpointOf = (sent: Sent, providers?: Providers): Endpoint | undefined => {
  const address = addressOf(sent, providers)
  if (address === undefined) return undefined
  const { shape: _, ...told } = address
  return { ...told, format: formatOf(address) }
}
