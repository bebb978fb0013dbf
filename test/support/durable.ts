/**
 * Instances with an outbox on disk, each a life of its own.
 */
import { HttpClient } from "@effect/platform"
import { Effect, Exit, Layer, Scope } from "effect"
import { DurableOutbox, PostHog, type PostHogConfig } from "effect-posthog"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { FileSystem } from "../../src/internal/delivery/durable/disk.js"
import { settingsOf } from "../../src/internal/delivery/durable/fileOptions.js"
import { make } from "../../src/internal/delivery/durable/fileStore.js"
import { TypeId } from "../../src/internal/delivery/durable/store.js"
import type { FakeClient } from "./fakeClient.js"

/** A directory that is removed at the end; its path is short, because sockets are in it. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ph-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Paths of all files below a directory, sockets left out. */
export const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : []
  })

export const bytesIn = (directory: string): number =>
  filesIn(directory).reduce((sum, path) => sum + statSync(path).size, 0)

export interface LifeOptions extends Partial<DurableOutbox.FileOptions> {
  readonly instance?: Omit<PostHogConfig.Options, "apiKey"> & { readonly apiKey?: string }
}

export const layerOf = (directory: string, client: FakeClient, { instance, ...file }: LifeOptions = {}) =>
  PostHog.layer({ apiKey: "phc_test", maxRetries: 0, shutdownTimeout: "100 millis", ...instance }).pipe(
    Layer.provide(DurableOutbox.layerFile({ directory, ...file })),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client.client))
  )

/** The same on another file system, such as a broken one. */
const layerOn = (fs: FileSystem, directory: string, client: FakeClient, { instance, ...file }: LifeOptions = {}) =>
  PostHog.layer({ apiKey: "phc_test", maxRetries: 0, shutdownTimeout: "100 millis", ...instance }).pipe(
    Layer.provide(Layer.effect(
      DurableOutbox.DurableOutbox,
      Effect.map(settingsOf({ directory, ...file }), (settings) => ({ [TypeId]: make(fs, settings) }))
    )),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client.client))
  )

/** Builds an instance; ends its life with `close`. */
export const life = Effect.fnUntraced(function*(
  directory: string,
  client: FakeClient,
  options?: LifeOptions,
  fs?: FileSystem
) {
  const scope = yield* Scope.make()
  const layer = fs === undefined ? layerOf(directory, client, options) : layerOn(fs, directory, client, options)
  const context = yield* Layer.buildWithScope(layer, scope)
  const service = yield* Effect.provide(PostHog.PostHog, context)
  return {
    service,
    run: <A, E>(self: Effect.Effect<A, E, PostHog.PostHog>) => Effect.provide(self, context),
    stats: service.stats,
    close: Scope.close(scope, Exit.void)
  }
})
