/**
 * Runs a Worker in workerd, the runtime of Cloudflare.
 */
import { Effect } from "effect"
import { Miniflare } from "miniflare"
import type { Readable } from "node:stream"
import { bundle } from "./bundle.js"

export interface Worker {
  readonly fetch: (path: string) => Promise<{ readonly status: number; readonly text: string }>
}

/** A Worker that lives as long as the scope, with these variables. */
export const make = (entry: string, variables: Readonly<Record<string, string>>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const miniflare = new Miniflare({
          modules: true,
          script: await bundle(entry, "browser"),
          compatibilityDate: "2026-01-01",
          bindings: variables,
          // It warns of requests that are cut off, which is what the tests are about.
          handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
            stdout.resume()
            stderr.resume()
          }
        })
        await miniflare.ready
        return miniflare
      }),
      (miniflare) => Effect.promise(() => miniflare.dispose())
    ),
    (miniflare): Worker => ({
      fetch: async (path) => {
        const response = await miniflare.dispatchFetch(`http://worker${path}`)
        return { status: response.status, text: await response.text() }
      }
    })
  )
