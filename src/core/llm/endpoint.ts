/**
 * From a request to the format in which it is to be read.
 *
 * @since 0.1.0
 */
import { addressOf, type Sent, type Shape } from "./address.js"
import { openaiEmbeddings } from "./embeddings.js"
import type { Endpoint, Format } from "./model.js"
import { openaiChat } from "./openaiChat.js"
import { openaiResponses } from "./openaiResponses.js"
import type { Providers } from "./providers.js"

const formats: { readonly [shape in Shape]?: Format } = {
  chat: openaiChat,
  responses: openaiResponses,
  embeddings: openaiEmbeddings
}

/** The call of a model that a request is. `undefined`: it is none, or PostHog's gateway sends the event. */
export const endpointOf = (sent: Sent, providers?: Providers): Endpoint | undefined => {
  const address = addressOf(sent, providers)
  const format = address === undefined ? undefined : formats[address.shape]
  if (address === undefined || format === undefined) return undefined
  const { shape: _, ...told } = address
  return { ...told, format }
}
