import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { gunzipSync } from "node:zlib"
import { gzip } from "../../../src/internal/delivery/gzip.js"

describe("gzip", () => {
  it.effect("compresses small bodies on the spot and large ones in the background", () =>
    Effect.gen(function*() {
      for (const size of [0, 1_000, 2_000_000]) {
        const bytes = new Uint8Array(size).fill(97)
        const compressed = yield* gzip(bytes)
        assert.deepStrictEqual(new Uint8Array(gunzipSync(compressed!)), bytes)
      }
    }))

  it.effect("gives nothing where it fails, so that the plain bytes are sent", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* gzip({ length: 10 } as never))
      assert.isUndefined(yield* gzip({ length: 10_000_000 } as never))
    }))
})
