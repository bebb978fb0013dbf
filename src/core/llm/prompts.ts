/**
 * Prompts as PostHog keeps them: what an answer says, and how a prompt becomes a text.
 *
 * @since 0.1.0
 */
import { isRecord, readOwn } from "../guard.js"

/** A prompt as an answer has it. */
export interface StoredPrompt {
  readonly name: string
  readonly text: string
  readonly version: number | undefined
  readonly label: string | undefined
  /** What is kept with it, such as the model and its parameters. */
  readonly config: { readonly [name: string]: unknown } | undefined
}

/** The prompt in an answer; `undefined` when the answer has none. */
export const readPrompt = (body: unknown): StoredPrompt | undefined => {
  if (!isRecord(body)) return undefined
  const { config, label, name, prompt, version } = body
  return typeof name !== "string" || typeof prompt !== "string" ? undefined : {
    name,
    text: prompt,
    version: typeof version === "number" && Number.isInteger(version) ? version : undefined,
    label: typeof label === "string" && label !== "" ? label : undefined,
    config: isRecord(config) ? config : undefined
  }
}

/** A page of a list of prompts; `undefined` when the answer is no such page. */
export const readPage = (
  body: unknown
): { readonly prompts: ReadonlyArray<StoredPrompt>; readonly next: string | undefined } | undefined => {
  if (!isRecord(body) || !Array.isArray(body.results)) return undefined
  const prompts: Array<StoredPrompt> = []
  for (const one of body.results as ReadonlyArray<unknown>) {
    const prompt = readPrompt(one)
    if (prompt === undefined) return undefined
    prompts.push(prompt)
  }
  return { prompts, next: typeof body.next === "string" && body.next !== "" ? body.next : undefined }
}

/**
 * Puts values in the place of `{{name}}`. A name for which there is no value stays. What a value says is not looked at
 * for further names.
 */
export const compile = (text: string, variables: object): string =>
  text.replace(/\{\{([A-Za-z0-9_.-]{1,200})\}\}/g, (whole, name: string) => {
    const value = readOwn(variables, name)
    if (value === undefined) return whole
    try {
      return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value)
    } catch {
      return whole
    }
  })
