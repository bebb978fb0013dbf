/**
 * Sessions of clients that say themselves which one is theirs.
 */
import * as Effect from "effect/Effect"

/** Longest id that is looked at. */
const maxLength = 1_000

const digestOf = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/**
 * The id of a client's session as PostHog knows it: not the id itself, which may be a credential. `undefined` on a
 * platform that cannot make it.
 */
export const sessionOfHeader = (id: string): Effect.Effect<string | undefined> =>
  Effect.promise(() => digestOf(id.slice(0, maxLength)).then((digest) => `ses_${digest}`, () => undefined))
