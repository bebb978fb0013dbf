/**
 * Where an outbox on disk is: directories that can be made, cannot, and are not there any more.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog } from "effect-posthog"
import { mkdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { nodeDisk } from "../../../../src/internal/delivery/durable/disk.js"
import { run } from "../../../support/child.js"
import { filesIn, life, temporary } from "../../../support/durable.js"
import { FakeClient } from "../../../support/fakeClient.js"

const program = new URL("../../../programs/directories.ts", import.meta.url).pathname

/** Where outboxes were tried, all in vain. */
const refused = (...args: ReadonlyArray<string>) =>
  Effect.map(
    Effect.promise(() => run(program, { args, killAfter: 60_000 })),
    ({ signal, stderr, stdout }) => {
      assert.isNull(signal, `it was killed: ${stdout} ${stderr}`)
      const lines = stdout.trim().split("\n")
      assert.strictEqual(lines.length, args.length - 1)
      for (const line of lines) assert.match(line, /^path: Error: ENOENT/)
    }
  )

describe("the directory of an outbox", () => {
  it.scopedLive.skipIf(process.platform !== "linux")(
    "is refused where nothing can be made and the system does not say why, instead of being tried for ever",
    () => refused("-", "/proc/nope", "/proc/nope/below/it"),
    90_000
  )

  it.scopedLive("is refused when it is relative to one that was removed", () =>
    Effect.gen(function*() {
      const cwd = join(yield* temporary, "cwd")
      mkdirSync(cwd)
      yield* refused(cwd, "outbox", "./below/outbox")
    }), 90_000)

  it.scopedLive("is made with those above it, whichever are there, and a file in the way is told", () =>
    Effect.gen(function*() {
      const home = yield* temporary
      const disk = nodeDisk()!
      for (const path of ["a", "a", "a/b/c", "a//d/", "a/./e/../f"]) {
        disk.make(join(home, path))
        assert.isTrue(statSync(join(home, path)).isDirectory())
      }
      writeFileSync(join(home, "file"), "")
      assert.throws(() => disk.make(join(home, "file", "below")), /ENOTDIR/)
    }))

  it.scopedLive("stays where it is when the program goes to another one", () =>
    Effect.gen(function*() {
      const home = yield* temporary
      const elsewhere = yield* temporary
      const { cwd } = process
      let here = home
      // A thread of a test has no directory of its own that it could change.
      process.cwd = () => here
      yield* Effect.addFinalizer(() => Effect.sync(() => Object.assign(process, { cwd })))
      const { close, run } = yield* life("./outbox", new FakeClient(() => "refused"))
      here = elsewhere
      yield* run(PostHog.captureDurable("event"))
      assert.strictEqual(filesIn(home).length, 1)
      yield* close
      assert.strictEqual(filesIn(home).length, 1)
    }))
})
