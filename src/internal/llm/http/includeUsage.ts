/**
 * Asks OpenAI's streams for the number of tokens, where the program wants that.
 */
import { isList, isRecord, readOwn } from "../../../core/guard.js"
import type { Request } from "./exchanges.js"

/** The body with the question in it; `undefined`: this request is not to be changed. */
export const withUsage = ({ body, method, url }: Request): string | undefined => {
  if (method !== "POST" || !/\/chat\/completions\/?(?:[?#]|$)/.test(url)) return undefined
  const sent = body()
  if (!isRecord(sent) || sent.stream !== true || !isList(sent.messages)) return undefined
  const given = sent.stream_options
  if (given !== undefined && given !== null && !isRecord(given)) return undefined
  return typeof readOwn(given, "include_usage") === "boolean"
    ? undefined
    : JSON.stringify({ ...sent, stream_options: { ...given, include_usage: true } })
}
