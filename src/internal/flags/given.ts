/**
 * What a program gives as a flag: a key, a declared flag, or anything else where types were got round.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe } from "../../core/thrown.js"
import type { Any } from "../../FeatureFlag.js"
import { PayloadInvalid } from "./errors.js"

/** The key of whatever was given: reads never throw, also not where types were got round. */
export const keyOf = (flag: string | Any): string => {
  if (typeof flag === "string") return flag
  try {
    return String((flag as Any | null | undefined)?.key)
  } catch {
    // A Proxy, or a key without a text.
    return "undefined"
  }
}

export const isFlag = (flag: string | Any): flag is Any => {
  try {
    return typeof flag === "object" && flag !== null && typeof flag.key === "string"
  } catch {
    return false
  }
}

/** What was thrown, if it can be looked at: a revoked Proxy throws at each look. */
const presentable = (thrown: unknown): unknown => {
  try {
    if (typeof thrown === "object" && thrown !== null) Reflect.getPrototypeOf(thrown)
    return thrown
  } catch {
    return describe(thrown)
  }
}

const thrownBySchema = (key: string, thrown: unknown): PayloadInvalid =>
  new PayloadInvalid({ key, detail: describe(thrown), cause: presentable(thrown) })

/** A payload by the schema of its flag. */
export const decodePayload = (
  flag: string | Any,
  payload: unknown
): Effect.Effect<Option.Option<unknown>, PayloadInvalid> => {
  if (payload === undefined) return Effect.succeedNone
  const decode = isFlag(flag) ? flag.decodePayload : undefined
  if (decode === undefined) return Effect.succeedSome(payload)
  const key = keyOf(flag)
  let decoded: ReturnType<typeof decode>
  try {
    decoded = decode(payload)
  } catch (thrown) {
    return thrownBySchema(key, thrown)
  }
  return decoded.pipe(
    Effect.map(Option.some),
    Effect.mapError((cause) => new PayloadInvalid({ key, detail: cause.message, cause })),
    // A schema's own functions may throw later, too.
    Effect.catchAllDefect((thrown) => thrownBySchema(key, thrown))
  )
}
