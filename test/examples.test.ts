/**
 * The examples, run as a reader runs them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "./support/child.js"
import * as Sink from "./support/sink.js"

const minutes = 120_000

describe("quickstart", () => {
  it.live("shows each event as it is acknowledged, and numbers that add up", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/quickstart.ts"))
      assert.strictEqual(code, 0, stderr)
      const acknowledged = stdout.split("\n").filter((line) => line.includes("acknowledged"))
      assert.strictEqual(acknowledged.length, 24)
      const names = [
        "$identify",
        "$groupidentify",
        "signed up",
        "product viewed",
        "$feature_flag_called",
        "order completed",
        "$set"
      ]
      for (const name of names) {
        assert.strictEqual(acknowledged.filter((line) => line.includes(`PostHog    ${name} `)).length, 3, name)
      }
      assert.strictEqual(acknowledged.filter((line) => line.includes("Marketing  lead won")).length, 3)
      assert.match(stdout, /PostHog +accepted 21 = delivered 21 \+ queued 0 \+ in flight 0 \+ dropped 0/)
      assert.match(stdout, /Marketing +accepted 3 = delivered 3/)
    }), minutes)

  it.scopedLive(
    "with POSTHOG_API_KEY talks to that PostHog, each customer's events under their own name",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ flags: () => ({ checkout: "fast" }) })
        const env = { POSTHOG_API_KEY: "phc_mine", POSTHOG_MARKETING_API_KEY: "phc_theirs", POSTHOG_HOST: sink.url }
        const { code, stderr } = yield* Effect.promise(() => run("examples/quickstart.ts", { env }))
        assert.strictEqual(code, 0, stderr)
        assert.deepStrictEqual(
          new Set(sink.batches.map((request) => request.body.api_key)),
          new Set(["phc_mine", "phc_theirs"])
        )
        for (const customer of ["ada", "grace", "barbara"]) {
          const own = sink.accepted.filter((event) => event.distinct_id === customer)
          assert.deepStrictEqual(own.map((event) => event.event).sort(), [
            "$feature_flag_called",
            "$identify",
            "$set",
            "lead won",
            "order completed",
            "product viewed",
            "signed up"
          ])
          for (const event of own.filter(({ event }) => event === "product viewed" || event === "order completed")) {
            assert.strictEqual(event.properties.$session_id, `session-${customer}`)
            assert.deepStrictEqual(event.properties.$groups, { company: `${customer}-inc` })
          }
          const order = own.find(({ event }) => event === "order completed")
          assert.strictEqual(order?.properties["$feature/checkout"], "fast")
        }
      }),
    minutes
  )
})

describe("import-events", () => {
  const folder = Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "import-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true }))
  )

  for (const ending of ["ndjson", "csv"]) {
    it.scopedLive(
      `${ending}: stopped half-way and started again, each row arrives once and is accounted for`,
      () =>
        Effect.gen(function*() {
          const sink = yield* Sink.make({ otherwise: () => Sink.slow(5) })
          const file = join(yield* folder, `events.${ending}`)
          const rows = 40_000
          yield* Effect.promise(() => run("examples/import/generate.ts", { args: [file, String(rows)] }))
          const options = {
            args: [file],
            nodeArgs: ["--max-old-space-size=96"],
            env: { POSTHOG_API_KEY: "phc_import", POSTHOG_HOST: sink.url }
          }
          let stopped = false
          const first = yield* Effect.promise(() =>
            run("examples/import-events.ts", {
              ...options,
              onLine: (line, kill) => {
                if (stopped || !line.includes("10000 rows")) return
                stopped = true
                kill("SIGINT")
              }
            })
          )
          assert.isTrue(stopped)
          assert.notInclude(first.stdout, `${rows} rows =`)
          const second = yield* Effect.promise(() => run("examples/import-events.ts", options))
          assert.strictEqual(second.code, 0, second.stderr)
          assert.match(second.stdout, /Going on at row \d+001\./)
          assert.include(second.stdout, "40000 rows = 39996 delivered + 4 rejected + 0 dropped")
          const rejected = yield* Effect.promise(() => readFile(`${file}.rejected`, "utf8"))
          assert.strictEqual(rejected.trim().split("\n").length, 4)

          // What was sent twice around the stop has the same uuid, and so is one event to PostHog.
          const distinct = new Map(sink.accepted.map((event) => [event.uuid, event]))
          assert.strictEqual(distinct.size, 39_996)
          assert.strictEqual(new Set([...distinct.values()].map((event) => event.timestamp)).size, 39_996)
          assert.isTrue(sink.batches.every((request) => request.body.historical_migration === true))
          const [event] = sink.accepted
          assert.deepInclude(event, {
            event: "page viewed",
            distinct_id: "user_0",
            timestamp: "2024-01-01T00:00:00.000Z"
          })
          assert.strictEqual(event!.properties.plan, "pro")
        }),
      minutes
    )
  }
})
