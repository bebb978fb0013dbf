/**
 * Bringing values of the plain kinds into the form that is sent, without Effect's parser.
 *
 * @since 0.1.0
 */
import { isInstance } from "../guard.js"

/** In the place of a value that does not fit. */
export const wrong: unique symbol = Symbol.for("effect-posthog/wrong")

/** Brings a value into the form that is sent, or gives {@link wrong}. */
export type Encode = (value: unknown) => unknown

export const encodeString: Encode = (value) => typeof value === "string" ? value : wrong

export const encodeNumber: Encode = (value) => typeof value === "number" ? value : wrong

export const encodeBoolean: Encode = (value) => typeof value === "boolean" ? value : wrong

export const encodeDate: Encode = (value) =>
  isInstance(value, Date) && !Number.isNaN(value.getTime()) ? value.toISOString() : wrong

/** For one value alone. */
export const encodeOnly = (only: unknown): Encode => (value) => value === only ? value : wrong

/** For the first of several kinds that takes a value; `undefined`: one of them is not plain. */
export const encodeFirst = (choices: ReadonlyArray<Encode | undefined>): Encode | undefined => {
  const plain = choices.filter((choice) => choice !== undefined)
  return plain.length < choices.length ? undefined : (value) => {
    for (const choice of plain) {
      const encoded = choice(value)
      if (encoded !== wrong) return encoded
    }
    return wrong
  }
}
