import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as zlib from "node:zlib"
import { type Encoding, encodings } from "../../../src/core/http/encodings.js"
import { compress, isAvailable } from "../../../src/internal/delivery/encoding.js"

/** In Node from 22.15 on; types are of an older one. */
const { zstdDecompressSync } = zlib as { readonly zstdDecompressSync?: (bytes: Uint8Array) => Buffer }

const decompress: { readonly [E in Encoding]: ((bytes: Uint8Array) => Buffer) | undefined } = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
  zstd: zstdDecompressSync
}

for (const encoding of encodings) {
  const undo = decompress[encoding]
  describe(encoding, () => {
    it("is there where the runtime has it", () => {
      assert.strictEqual(isAvailable(encoding), undo !== undefined)
    })

    if (undo === undefined) {
      it.effect("gives nothing where the runtime does not have it", () =>
        Effect.gen(function*() {
          assert.isUndefined(yield* compress(encoding, new Uint8Array(1_000)))
          assert.isUndefined(yield* compress(encoding, new Uint8Array(1_000_000)))
        }))
      return
    }

    it.effect("compresses small bodies on the spot and large ones in the background", () =>
      Effect.gen(function*() {
        for (const size of [0, 1_000, 2_000_000]) {
          const bytes = new Uint8Array(size).fill(97)
          const compressed = yield* compress(encoding, bytes)
          assert.deepStrictEqual(new Uint8Array(undo(compressed!)), bytes)
          if (size > 0) assert.isBelow(compressed!.length, size / 10)
        }
      }))

    it.effect("gives nothing where it fails, so that the plain bytes are sent", () =>
      Effect.gen(function*() {
        assert.isUndefined(yield* compress(encoding, { length: 10 } as never))
        assert.isUndefined(yield* compress(encoding, { length: 10_000_000 } as never))
      }))
  })
}

describe("deflate", () => {
  it.effect("is that of zlib, which begins with 0x78", () =>
    Effect.gen(function*() {
      const compressed = yield* compress("deflate", new Uint8Array(1_000))
      assert.strictEqual(compressed![0], 0x78)
    }))
})
