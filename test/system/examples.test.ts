/**
 * The examples, run as a reader runs them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Catalogue } from "effect-posthog"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "../support/child.js"
import { major } from "../support/effect.js"
import { limitMillis } from "../support/limit.js"
import * as Redis from "../support/redis.js"
import * as Sink from "../support/sink.js"

describe("catalogue", () => {
  it.effect("has the plan of its events in the repository, which the check of its scripts compares", () =>
    Effect.gen(function*() {
      const { catalogue } = yield* Effect.promise(() => import("../../examples/catalogue/catalogue.js"))
      const text = yield* Effect.promise(() => readFile("examples/catalogue/catalogue.json", "utf8"))
      assert.deepStrictEqual(yield* Catalogue.fromJson(text), Catalogue.toPlan(catalogue))
    }))
})

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
    }), limitMillis)

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
    limitMillis
  )
})

describe("local", () => {
  it.live(
    "shows what arrives, what is refused, and what it is like when PostHog misbehaves",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/local.ts"))
        assert.strictEqual(code, 0, stderr)
        assert.match(stdout, /ada: order completed fast[^]*( {2}order [123]\n){3}An event that/)
        // Several requests are on their way at the same time, so they come in any order.
        for (const order of [1, 2, 3]) assert.include(stdout, `  order ${order}\n`)
        assert.match(stdout, /order paid: .*distinct_id/)
        assert.match(stdout, /No event "Order Completed" came within 100 ms\.\n {2}Did you mean "order completed"\?/)
        assert.match(stdout, /the fault that was asked for: status 503\n[^]*the fault that was asked for: reset after/)
      }),
    limitMillis
  )
})

describe("feature-flags", () => {
  it.live("reads flags, puts them on events, and compares the list with PostHog", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/feature-flags.ts"))
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /ada:\n {2}banner: .*Hello, Ada[^]*the fast checkout\ngrace:\n {2}the usual checkout/)
      assert.include(stdout, "Feature flag \"banner\" is not enabled for this user")
      assert.match(stdout, /compared with PostHog:\n {2}Expired: old-receipt\n {2}Undeclared: of-another-program\n$/)
    }), limitMillis)
})

describe("local-evaluation", () => {
  it.live(
    "evaluates in the process, shares definitions, asks for the rest only, and survives an outage",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/local-evaluation.ts"))
        assert.strictEqual(code, 0, stderr)
        assert.deepStrictEqual(stdout.trimEnd().split("\n"), [
          "A worker:",
          "  ada: banner=true (local), new-checkout=true (local)",
          "  grace: banner=true (local), new-checkout=false (local)",
          "  PostHog was asked for definitions 1×, for a user 0×",
          "Why is the new checkout off for grace, and does asking that cost a request?",
          "  new-checkout is off for grace: condition set 1 wants plan exact pro, and plan is free.",
          "  PostHog was asked for definitions 1×, for a user 0×",
          "A second worker, which shares the definitions:",
          "  barbara: banner=true (local), new-checkout=true (local)",
          "  PostHog was asked for definitions 1×, for a user 0×",
          "A flag that only PostHog can evaluate is added:",
          "  defined now: banner, new-checkout, sticky",
          "  ada: banner=true (local), new-checkout=true (local), sticky=blue (remote)",
          "  PostHog was asked for definitions 2×, for a user 1×",
          "The same without asking:",
          "  new-checkout: missing_context",
          "  sticky: experience_continuity",
          "A cold start while PostHog is down:",
          "  ada: banner=true (local), new-checkout=true (local)"
        ])
      }),
    limitMillis
  )
})

describe("error-tracking", () => {
  it.live("fails in six ways and shows what arrives", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/error-tracking.ts"))
      assert.strictEqual(code, 0, stderr)
      for (
        const line of [
          "Declined: card refused  at examples/error-tracking.ts:",
          "TypeError: undefined is not a price  at examples/error-tracking.ts:",
          "    RangeError: page 0  at",
          "Parallel(Declined, Error): Declined: again; Error: boom",
          // A Cause of Effect 4 has no order.
          `${major === 3 ? "Sequential" : "Parallel"}(Error, Error): Error: upload; Error: cleanup`,
          "Error: disk full  at"
        ]
      ) assert.include(stdout, line)
    }), limitMillis)
})

describe("cli", () => {
  it.scopedLive(
    "counts nobody before they agree, the same user afterwards, and nobody any more when told so",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const home = yield* Effect.acquireRelease(
          Effect.promise(() => mkdtemp(join(tmpdir(), "greeter-"))),
          (path) => Effect.promise(() => rm(path, { recursive: true }))
        )
        const greeter = (args: string, env: Record<string, string> = {}) =>
          Effect.map(
            Effect.promise(() =>
              run("examples/cli.ts", {
                args: args.split(" "),
                env: { GREETER_HOME: home, POSTHOG_API_KEY: "phc_cli", POSTHOG_HOST: sink.url, ...env }
              })
            ),
            ({ code, stderr, stdout }) => {
              assert.deepStrictEqual([code, stderr], [0, ""], stdout)
              return stdout
            }
          )
        assert.strictEqual(yield* greeter("greet ada"), "Hello, ada!\n")
        assert.strictEqual(sink.requests.length, 0)
        assert.strictEqual(yield* greeter("telemetry on"), "Thank you.\n")
        yield* greeter("greet ada")
        yield* greeter("greet ada", { DO_NOT_TRACK: "1" })
        assert.deepStrictEqual(
          sink.accepted.map(({ event, properties }) => [event, properties.command, properties.version]),
          [["telemetry switched on", undefined, "1.0.0"], ["command run", "greet", "1.0.0"]]
        )
        assert.strictEqual(new Set(sink.accepted.map((event) => event.distinct_id)).size, 1)
        assert.deepStrictEqual((yield* Effect.promise(() => readdir(home))).sort(), [
          "posthog-anonymous-id",
          "telemetry"
        ])
        assert.strictEqual(yield* greeter("telemetry off"), "Nothing will be sent.\n")
        yield* greeter("greet ada")
        assert.strictEqual(sink.accepted.length, 2)
        assert.deepStrictEqual(yield* Effect.promise(() => readdir(home)), ["telemetry"])
      }),
    limitMillis
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
      limitMillis
    )
  }

  /** Imports a file with these rows. */
  const importing = (name: string, content: string, sink: Sink.Sink, env: Record<string, string> = {}) =>
    Effect.gen(function*() {
      const file = join(yield* folder, name)
      yield* Effect.promise(() => writeFile(file, content))
      const again = Effect.promise(() =>
        run("examples/import-events.ts", {
          args: [file],
          env: { POSTHOG_API_KEY: "phc_import", POSTHOG_HOST: sink.url, ...env }
        })
      )
      return { first: yield* again, again, rejected: Effect.promise(() => readFile(`${file}.rejected`, "utf8")) }
    })

  const row = (i: number, what = `value ${i}`) => `e,user_${i},2024-01-01T00:00:0${i}Z,${what}\n`
  const header = "event,distinct_id,timestamp,\"a, b\"\n"
  const rows = (count: number) => Array.from({ length: count }, (_, i) => row(i)).join("")

  it.scopedLive(
    "a row that is no CSV is rejected once, and a name with a comma is one column",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const { first } = yield* importing("a.csv", header + row(1) + row(2, "a\"b\"c") + row(3), sink)
        assert.include(first.stdout, "3 rows = 2 delivered + 1 rejected + 0 dropped", first.stderr)
        assert.deepStrictEqual(sink.accepted.map(({ properties }) => properties["a, b"]), ["value 1", "value 3"])
      }),
    limitMillis
  )

  it.scopedLive(
    "a quote that is never closed stops the import: what comes after it cannot be read",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const { first } = yield* importing("a.csv", header + rows(4) + row(4, "\"open") + rows(4), sink)
        assert.notStrictEqual(first.code, 0)
        assert.include(first.stderr + first.stdout, "a quote does not end where it should")
      }),
    limitMillis
  )

  it.scopedLive("times that mean different days to different people are rejected", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const times = [
        "01/02/2024",
        "Mon, 01 Jan 2024 00:00:00 GMT",
        "2024-02-30",
        "2024",
        "2024-01-02",
        "2024-01-02 03:04Z"
      ]
      const lines = times.map((timestamp) => JSON.stringify({ event: "e", distinct_id: "u", timestamp }))
      const { first, rejected } = yield* importing("a.ndjson", lines.join("\n"), sink)
      assert.include(first.stdout, "6 rows = 2 delivered + 4 rejected + 0 dropped", first.stderr)
      assert.deepStrictEqual(sink.accepted.map(({ timestamp }) => timestamp), [
        "2024-01-02T00:00:00Z",
        "2024-01-02T03:04:00Z"
      ])
      assert.include(yield* rejected, "01/02/2024 is no timestamp")
    }), limitMillis)

  it.scopedLive("stops where PostHog takes nothing, and goes on where it stopped", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.status(401) })
      const { again, first } = yield* importing("a.csv", header + rows(9), sink)
      assert.notStrictEqual(first.code, 0)
      assert.include(first.stderr + first.stdout, "401")
      sink.rules = {}
      const second = yield* again
      assert.include(second.stdout, "9 rows = 9 delivered + 0 rejected + 0 dropped", second.stderr)
      assert.strictEqual(sink.accepted.length, 9)
    }), limitMillis)

  it.scopedLive("says so when PostHog is switched off", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const { first } = yield* importing("a.csv", header + rows(2), sink, { POSTHOG_ENABLED: "false" })
      assert.notStrictEqual(first.code, 0)
      assert.include(first.stderr + first.stdout, "switched off")
    }), limitMillis)

  it.scopedLive(
    "so does a quote that ends too early, because the next rows are taken for its inside",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const content = header + "\"e1\"x,u,2024-01-01,y\n" + rows(3) + row(5, "\"z\"")
        const { first } = yield* importing("a.csv", content, sink)
        assert.notStrictEqual(first.code, 0)
        assert.include(first.stderr + first.stdout, "CSV_INVALID_CLOSING_QUOTE")
      }),
    limitMillis
  )

  it.scopedLive(
    "a row that is no CSV is counted once, also where the import stops behind it",
    () =>
      Effect.gen(function*() {
        // A part has 5,000 rows: the bad one is the last of the first.
        const content = Array.from({ length: 6_000 }, (_, i) => i === 4_999 ? row(1, "a\"b") : row(i % 10)).join("")
        const sink = yield* Sink.make()
        sink.rules = { otherwise: () => sink.acceptedCount >= 4_999 ? Sink.status(401) : Sink.ok }
        const { again, first } = yield* importing("a.csv", header + content, sink)
        assert.notStrictEqual(first.code, 0)
        sink.rules = {}
        const second = yield* again
        assert.include(second.stdout, "Going on at row 5001.")
        assert.include(second.stdout, "6000 rows = 5999 delivered + 1 rejected + 0 dropped", second.stderr)
      }),
    limitMillis
  )
})

describe("queue-worker", () => {
  const lines = [
    "shop: order placed ord_1 (ada, session-ada, ada-inc)",
    "shop: order placed ord_2 (grace, session-grace, grace-inc)",
    "shop: order placed ord_3 (barbara, session-barbara, barbara-inc)",
    "worker: order delayed ord_2 (grace, session-grace, grace-inc)",
    "worker: receipt sent ord_1 (ada, session-ada, ada-inc)",
    "worker: receipt sent ord_3 (barbara, session-barbara, barbara-inc)"
  ]

  it.live("what the worker captures belongs to the user for whom the job was queued", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/queue-worker.ts"))
      assert.strictEqual(code, 0, stderr)
      assert.deepStrictEqual(stdout.trim().split("\n").sort(), lines)
    }), limitMillis)

  it.scopedLive("and so at a PostHog outside, from two processes", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const env = { POSTHOG_API_KEY: "phc_mine", POSTHOG_HOST: sink.url }
      const { code, stderr } = yield* Effect.promise(() => run("examples/queue-worker.ts", { env }))
      assert.strictEqual(code, 0, stderr)
      const processes = (service: string) =>
        new Set(
          sink.accepted.filter(({ properties }) => properties.service === service)
            .map(({ properties }) => properties.process)
        )
      assert.deepStrictEqual([processes("shop").size, processes("worker").size], [1, 1])
      assert.notDeepEqual(processes("shop"), processes("worker"))
      assert.strictEqual(sink.accepted.length, 6)
    }), limitMillis)
})

describe("http-api", () => {
  it.live(
    "each request's events and errors are those of its user, and a typed 404 is no exception",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/http-api.ts"))
        assert.strictEqual(code, 0, stderr)
        assert.deepStrictEqual(stdout.trim().split("\n").filter((line) => !line.includes("Listening")), [
          "ada asks for ord_1: 42",
          "bob asks for ord_3: NotFound",
          `eve asks for ord_2: ${major === 3 ? "ResponseError" : "HttpClientError"}`,
          "order viewed (ord_1) of ada at /orders/:id",
          "request handled (200) of ada at /orders/:id",
          "request handled (404) of bob at /orders/:id",
          "request handled (500) of eve at /orders/:id",
          "$exception (order ord_2 has no total) of eve at /orders/:id"
        ])
      }),
    limitMillis
  )
})

describe("agent", () => {
  it.live(
    "shows the trace as it arrives: what the model was asked, and the tool below the call that wanted it",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/agent.ts"))
        assert.strictEqual(code, 0, stderr)
        // Providers have no client for Effect 4: there the example has a model of its own.
        const [answer, call] = major === 3
          ? ["It is sunny in Paris.", "gpt-4.1-mini, 90 tokens in, 25 out"]
          : ["It is 21 degrees and clear in Paris.", "weatherman-1, 40 tokens in, 12 out"]
        assert.deepStrictEqual(stdout.trimEnd().split("\n"), [
          answer,
          "$ai_trace weather agent",
          `  $ai_generation ${call}`,
          "    $ai_span get_weather",
          "      $ai_span weather station",
          `  $ai_generation ${call}`
        ])
      }),
    limitMillis
  )
})

describe("llm", () => {
  it.live(
    "shows the tree of an agent: its spans, its calls of models, what failed and what was tried again",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/llm.ts"))
        assert.strictEqual(code, 0, stderr)
        assert.deepStrictEqual(stdout.trimEnd().split("\n").map((line) => line.replace(/Decode.*/, "…")), [
          "$ai_trace       weather agent",
          "  $ai_span        look up",
          "    $ai_embedding   openai text-embedding-3-small 8 + 0 tokens",
          "  $ai_generation  anthropic claude-sonnet-4-20250514 streamed 20 + 45 tokens tool_use",
          "  $ai_span        get_weather",
          "    $ai_generation  gemini gemini-2.5-flash 40 + 12 tokens STOP",
          "  $ai_generation  openai gpt-4o-mini streamed failed: The engine is currently overloaded.",
          "  $ai_generation  openai gpt-4o-mini streamed failed: …",
          "  $ai_generation  openai gpt-4o-mini streamed 120 + 30 tokens stop"
        ])
      }),
    limitMillis
  )
})

describe("fleet", () => {
  it.live("says what it needs where there is no Redis", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/fleet.ts", { env: { REDIS_URL: "" } }))
      assert.deepStrictEqual([code, stderr], [0, ""], stdout)
      assert.strictEqual(
        stdout,
        "This example needs a Redis: set REDIS_URL, such as redis://localhost:6379.\n"
      )
    }), limitMillis)

  if (!Redis.isInstalled) {
    console.warn(`SKIPPED: examples/fleet.ts is not run, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
    return
  }

  it.scopedLive(
    "who only stores has ended before the worker takes its events over and delivers them",
    () =>
      Effect.gen(function*() {
        const { port } = yield* Redis.start
        const env = { REDIS_URL: `redis://127.0.0.1:${port}` }
        const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/fleet.ts", { env }))
        assert.strictEqual(code, 0, stderr)
        const [server, worker, ...events] = stdout.trimEnd().split("\n")
        assert.strictEqual(server, "server: 6 stored, 0 delivered")
        assert.strictEqual(worker, "worker: 6 taken over, 6 delivered")
        assert.deepStrictEqual(
          events.sort(),
          ["ada", "barbara", "grace"].flatMap((user) => [
            `PostHog: order completed of ${user}`,
            `PostHog: order viewed of ${user}`
          ]).sort()
        )
      }),
    limitMillis
  )
})

describe("durable-outbox", () => {
  const shown = (events: ReadonlyArray<readonly [string, string]>) => events.map(([event, id]) => `${event} of ${id}`)
  const sold = ["ada", "grace", "barbara"].flatMap((user) =>
    [["product viewed", user], ["order completed", user]] as ReadonlyArray<readonly [string, string]>
  )

  it.live("what a process had that was killed is sent by the next one", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Effect.promise(() => run("examples/durable-outbox.ts"))
      assert.strictEqual(code, 0, stderr)
      assert.deepStrictEqual(stdout.trim().split("\n"), [
        "the shop has ended by SIGKILL",
        "the next one has taken over 6 events",
        "6 delivered, 0 still stored",
        ...shown(sold).map((line) => `PostHog: ${line}`)
      ])
    }), limitMillis)

  it.scopedLive("and so at a PostHog outside", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const env = { POSTHOG_API_KEY: "phc_mine", POSTHOG_HOST: sink.url }
      const { code, stderr } = yield* Effect.promise(() => run("examples/durable-outbox.ts", { env }))
      assert.strictEqual(code, 0, stderr)
      const arrived = new Set(shown(sink.accepted.map(({ distinct_id, event }) => [event, distinct_id] as const)))
      assert.deepStrictEqual(arrived, new Set(shown(sold)))
    }), limitMillis)
})
