/**
 * Decompression with what the runtime has, up to a size that is known beforehand: what is in a store may be anything.
 */
import * as Effect from "effect/Effect"
import { builtin } from "../../node.js"

interface Zlib {
  readonly gunzipSync: (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array<ArrayBuffer>
}

const zlib = builtin<Zlib>("node:zlib")

const read = async (bytes: Uint8Array<ArrayBuffer>, size: number): Promise<Uint8Array<ArrayBuffer>> => {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader()
  const all = new Uint8Array(size)
  let at = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return all.subarray(0, at)
    if (at + value.length > size) {
      await reader.cancel()
      throw new Error("there is more than was said")
    }
    all.set(value, at)
    at += value.length
  }
}

/** The bytes; `undefined` when they cannot be had, or are not so many. */
export const gunzip = (
  bytes: Uint8Array<ArrayBuffer>,
  size: number
): Effect.Effect<Uint8Array<ArrayBuffer> | undefined> =>
  (zlib === undefined
    ? Effect.tryPromise(() => read(bytes, size))
    : Effect.try(() => zlib.gunzipSync(bytes, { maxOutputLength: Math.max(size, 1) }))).pipe(
      Effect.map((all) => all.length === size ? all : undefined),
      Effect.orElseSucceed(() => undefined)
    )
