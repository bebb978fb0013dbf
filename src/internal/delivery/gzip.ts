/**
 * Compression with what the runtime has: zlib where there is one, else `CompressionStream`, else none.
 */
import * as Effect from "effect/Effect"
import { builtin } from "../node.js"

/** The part of `node:zlib` that is used. */
interface Zlib {
  readonly gzipSync: (bytes: Uint8Array, options: { readonly level: number }) => Uint8Array<ArrayBuffer>
  readonly gzip: (
    bytes: Uint8Array,
    options: { readonly level: number },
    callback: (error: Error | null, compressed: Uint8Array<ArrayBuffer>) => void
  ) => void
}

/**
 * Level 1 takes less than half the time of the default level 6 and makes bodies of events a tenth larger (measured, see
 * docs/performance.md).
 */
const level = 1

/**
 * Up to this size compressing on the spot is cheaper than the way to zlib's threads and back, and takes the event loop
 * about two milliseconds at most.
 */
const maxSyncBytes = 512 * 1024

const zlib = builtin<Zlib>("node:zlib")

const stream = (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip")))
    .arrayBuffer()
    .then((buffer) => new Uint8Array(buffer))

/** The bytes compressed with gzip; `undefined` when that is not possible here, and the plain bytes have to be sent. */
export const gzip = (bytes: Uint8Array<ArrayBuffer>): Effect.Effect<Uint8Array<ArrayBuffer> | undefined> => {
  const compressed: Effect.Effect<Uint8Array<ArrayBuffer>, unknown> = zlib === undefined
    ? Effect.tryPromise(() => stream(bytes))
    : bytes.length <= maxSyncBytes
    ? Effect.try(() => zlib.gzipSync(bytes, { level }))
    : Effect.async((resume) => {
      try {
        zlib.gzip(bytes, { level }, (error, result) => {
          resume(error === null ? Effect.succeed(result) : Effect.fail(error))
        })
      } catch (error) {
        resume(Effect.fail(error))
      }
    })
  return Effect.orElseSucceed(compressed, () => undefined)
}
