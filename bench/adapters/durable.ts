/** This library with its events on disk, synced once a second. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as DurableOutbox from "effect-posthog/DurableOutbox"
import * as PostHog from "effect-posthog/PostHog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { mkdtempSync, rmSync } from "node:fs"
import { run, scenario } from "../scenario.js"
import { capturing } from "./capturing.js"

await run(async () => {
  // On the disk of the project: a temporary directory may be in memory.
  const directory = mkdtempSync(".tmp/outbox-")
  const runtime = ManagedRuntime.make(
    PostHog.layer({ apiKey: "phc_bench", host: scenario.host }).pipe(
      Layer.provide(DurableOutbox.layerFile({ directory })),
      Layer.provide(FetchHttpClient.layer)
    )
  )
  await runtime.runPromise(Effect.void)
  return {
    ...capturing(runtime),
    close: async () => {
      await runtime.dispose()
      rmSync(directory, { recursive: true, force: true })
    }
  }
})
