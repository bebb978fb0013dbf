/**
 * Answers that are larger than the memory of a process.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ServerResponse } from "node:http"
import { gzipSync } from "node:zlib"
import { run } from "../support/child.js"
import { limitMillis } from "../support/limit.js"
import { serve } from "../support/server.js"

const endless = (response: ServerResponse, chunk: Buffer): void => {
  const write = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once("drain", write)
  }
  write()
}

const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "a text without an end": (response) => endless(response.writeHead(200), Buffer.alloc(1024 * 1024, "x")),
  "gzip bombs without an end": (response) =>
    endless(response.writeHead(200, { "content-encoding": "gzip" }), gzipSync(Buffer.alloc(64 * 1024 * 1024, 32)))
}

describe("a process with a heap of 192 MB survives, and ends", () => {
  for (const client of ["node:http", "fetch"]) {
    for (const [what, answer] of Object.entries(answers)) {
      it.scopedLive(`${what}, over ${client}`, () =>
        Effect.gen(function*() {
          const host = yield* serve((_, response) => answer(response))
          const ended = yield* Effect.promise(() =>
            run("test/programs/smallHeap.ts", { args: [client, host], nodeArgs: ["--max-old-space-size=192"] })
          )
          assert.deepStrictEqual([ended.code, ended.stdout.trim()], [0, "survived"], ended.stderr)
        }), limitMillis)
    }
  }
})
