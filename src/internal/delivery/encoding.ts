/**
 * Compression with what the runtime has: zlib where there is one, else `CompressionStream`, else none.
 */
import * as Effect from "effect/Effect"
import type { Encoding } from "../../core/http/encodings.js"
import { builtin } from "../node.js"

type Bytes = Uint8Array<ArrayBuffer>

interface Settings {
  readonly level?: number
  readonly params?: { readonly [parameter: number]: number }
}

/** The part of `node:zlib` that is used: each codec has one function, and one that does the same on the spot. */
interface Zlib {
  readonly [name: string]:
    | ((
      bytes: Bytes,
      settings: Settings,
      callback: (error: Error | null, compressed: Bytes) => void
    ) => void)
    | undefined
}

interface SyncZlib {
  readonly [name: string]: ((bytes: Bytes, settings: Settings) => Bytes) | undefined
}

/**
 * All at their fastest. gzip at level 1 takes less than half the time of the default level 6 and makes bodies of events
 * a tenth larger; brotli at 1 takes less than half the time of that, and the default 11 a hundred times (measured, see
 * docs/performance.md).
 */
const codecs: {
  readonly [E in Encoding]: { readonly name: string; readonly settings: (bytes: Bytes) => Settings }
} = {
  gzip: { name: "gzip", settings: () => ({ level: 1 }) },
  deflate: { name: "deflate", settings: () => ({ level: 1 }) },
  // Parameters of zlib's: BROTLI_PARAM_QUALITY and BROTLI_PARAM_SIZE_HINT, ZSTD_c_compressionLevel.
  br: { name: "brotliCompress", settings: ({ length }) => ({ params: { 1: 1, 5: length } }) },
  zstd: { name: "zstdCompress", settings: () => ({ params: { 100: 1 } }) }
}

/**
 * Up to this size compressing on the spot is cheaper than the way to zlib's threads and back, and takes the event loop
 * about two milliseconds at most.
 */
const maxSyncBytes = 512 * 1024

const zlib = builtin<Zlib>("node:zlib")

const isWebEncoding = (encoding: Encoding): encoding is "gzip" | "deflate" =>
  encoding === "gzip" || encoding === "deflate"

/** Whether the runtime has what it takes. */
export const isAvailable = (encoding: Encoding): boolean =>
  zlib === undefined
    ? isWebEncoding(encoding) && typeof CompressionStream === "function"
    : typeof zlib[codecs[encoding].name] === "function"

const stream = (encoding: Encoding, bytes: Bytes): Promise<Bytes> => {
  if (!isWebEncoding(encoding)) throw new Error(`no ${encoding} here`)
  return new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream(encoding)))
    .arrayBuffer()
    .then((buffer) => new Uint8Array(buffer))
}

/** The bytes compressed; `undefined` when that is not possible here, and the plain bytes have to be sent. */
export const compress = (encoding: Encoding, bytes: Bytes): Effect.Effect<Bytes | undefined> => {
  const { name, settings } = codecs[encoding]
  const compressed: Effect.Effect<Bytes, unknown> = zlib === undefined
    ? Effect.tryPromise(() => stream(encoding, bytes))
    : bytes.length <= maxSyncBytes
    ? Effect.try(() => (zlib as unknown as SyncZlib)[`${name}Sync`]!(bytes, settings(bytes)))
    : Effect.async((resume) => {
      try {
        zlib[name]!(bytes, settings(bytes), (error, result) => {
          resume(error === null ? Effect.succeed(result) : Effect.fail(error))
        })
      } catch (error) {
        resume(Effect.fail(error))
      }
    })
  return Effect.orElseSucceed(compressed, () => undefined)
}
