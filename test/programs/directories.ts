/**
 * Builds outboxes on disk in the directories that its arguments say, and prints a line for each. It stands in the one of
 * its first argument, unless that is `-`, and removes it first. A program of its own, because it hung once.
 */
import { Effect, Layer } from "effect"
import { DurableOutbox } from "effect-posthog"
import { rmdirSync } from "node:fs"

const [, , cwd, ...directories] = process.argv as unknown as readonly [string, string, string, ...Array<string>]

if (cwd !== "-") {
  process.chdir(cwd)
  rmdirSync(cwd)
}

for (const directory of directories) {
  const built = Effect.match(Layer.build(DurableOutbox.layerFile({ directory })), {
    onSuccess: () => "built",
    onFailure: (error) => error._tag === "OutboxStorageError" ? `${error.reason}: ${error.detail}` : error._tag
  })
  console.log(await Effect.runPromise(Effect.scoped(built)))
}
