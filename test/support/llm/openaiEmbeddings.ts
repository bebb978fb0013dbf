/** Requests and answers of embeddings in OpenAI's form, written for this project. */

export const request = {
  model: "text-embedding-3-small",
  input: ["first text", "second text"],
  dimensions: 2,
  encoding_format: "float"
}

export const usage = { prompt_tokens: 4, total_tokens: 4 }

export const answer = {
  object: "list",
  model: "text-embedding-3-small",
  data: [
    { object: "embedding", index: 0, embedding: [0.1, 0.2] },
    { object: "embedding", index: 1, embedding: [0.3, 0.4] }
  ],
  usage
}
