/** The command `effect-posthog`, as a process of its own. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type Ended, run } from "../support/child.js"
import { type Management, management } from "../support/management.js"

const program = "test/programs/trackingPlan.ts"

const command = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Ended> => Effect.promise(() => run("src/bin.ts", { args, env }))

const environment = (posthog: Management) => ({
  POSTHOG_PERSONAL_API_KEY: posthog.key,
  POSTHOG_PROJECT_ID: String(posthog.project),
  POSTHOG_HOST: posthog.url
})

/** A folder as long as the scope lives. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    mkdirSync(".tmp", { recursive: true })
    return mkdtempSync(resolve(".tmp", "command-"))
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** The command as it is installed, in one file and without a loader for TypeScript. */
const installed = (path: string) =>
  Effect.map(
    Effect.promise(() =>
      build({
        entryPoints: ["src/bin.ts"],
        bundle: true,
        outfile: join(path, "bin.mjs"),
        format: "esm",
        platform: "node",
        target: "es2022",
        logLevel: "error"
      })
    ),
    () => (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
      Effect.async<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
        const child = spawn(process.execPath, [join(path, "bin.mjs"), ...args], {
          env: { PATH: process.env.PATH, ...env }
        })
        const texts = { stdout: "", stderr: "" }
        for (const name of ["stdout", "stderr"] as const) {
          child[name].on("data", (chunk: Buffer) => {
            texts[name] += chunk.toString("utf8")
          })
        }
        child.once("close", (code) => resume(Effect.succeed({ code, ...texts })))
      })
  )

const patient = 120_000

describe("effect-posthog", () => {
  it.scopedLive(
    "pushes the events of a program, verifies them and writes them from there",
    () =>
      Effect.gen(function*() {
        const posthog = yield* management
        const env = environment(posthog)
        const before = yield* command(["catalogue", "verify", program], env)
        assert.strictEqual(before.code, 1)
        assert.deepStrictEqual(before.stdout.split("\n").filter((line) => line.includes("no definition")).length, 2)
        const dry = yield* command(["catalogue", "push", program, "--dry-run"], env)
        assert.strictEqual(dry.code, 0)
        assert.match(dry.stdout, /order completed: would create the definition/)
        assert.match(dry.stderr, /nothing was done/)
        assert.deepStrictEqual(posthog.writes, [])
        const pushed = yield* command(["catalogue", "push", program], env)
        assert.strictEqual(pushed.code, 0, pushed.stderr)
        assert.strictEqual(
          pushed.stdout,
          [
            "order completed: created the definition",
            "order completed: created the property group \"order completed\" with total, coupon",
            "order completed: linked the property group \"order completed\"",
            "signed up: created the definition",
            "signed up: created the property group \"signed up\" with plan",
            "signed up: linked the property group \"signed up\"",
            ""
          ].join("\n")
        )
        const after = yield* command(["catalogue", "verify", program, "--quiet"], env)
        assert.deepStrictEqual([after.code, after.stdout, after.stderr], [
          0,
          "",
          "PostHog has what is declared: 2 events\n"
        ])
        const pulled = yield* command(["catalogue", "pull", "--event", "signed up"], env)
        assert.strictEqual(pulled.code, 0)
        assert.match(
          pulled.stdout,
          /export const SignedUp = PostHogEvent\.make\("signed up", \{\n {2}plan: Schema\.String\n/
        )
        assert.notInclude(pulled.stdout, "order completed")
        for (const { stderr, stdout } of [before, dry, pushed, after, pulled]) {
          assert.notInclude(stdout + stderr, posthog.key)
        }
      }),
    patient
  )

  it.scopedLive("writes flags to a file, and a plan", () =>
    Effect.gen(function*() {
      const posthog = yield* management
      posthog.flags.push({ id: 1, key: "checkout", name: "The fast one.", active: true, filters: {} })
      const path = yield* folder
      const out = join(path, "flags.ts")
      const flags = yield* command(["flags", "pull", "--out", out], environment(posthog))
      assert.deepStrictEqual([flags.code, flags.stdout], [0, ""])
      assert.include(readFileSync(out, "utf8"), "FeatureFlag.boolean(\"checkout\", { description: \"The fast one.\" })")
      const plan = join(path, "plan.json")
      const written = yield* command(["catalogue", "write", program, "--out", plan])
      assert.strictEqual(written.code, 0, written.stderr)
      const { events, groups, person } = JSON.parse(readFileSync(plan, "utf8")) as Record<string, ReadonlyArray<object>>
      assert.deepStrictEqual(events?.map((event) => (event as { readonly name: string }).name), [
        "order completed",
        "signed up"
      ])
      assert.lengthOf(groups!, 1)
      assert.lengthOf(person!, 1)
    }), patient)

  it.scopedLive(
    "ends with 2 and says what to do where it cannot do what it was told, and shows no key",
    () =>
      Effect.gen(function*() {
        const posthog = yield* management
        const path = yield* folder
        const node = yield* installed(path)
        const broken = join(path, "broken.mjs")
        writeFileSync(broken, "throw new Error('out of order phx_0123456789abcdefghijklmnop')")
        const none = join(path, "none.mjs")
        // What it writes is beside the output.
        writeFileSync(none, "console.log('hello'); process.stdout.write('there'); export const event = 'a'")
        const ending = join(path, "ending.mjs")
        writeFileSync(ending, "process.exit(0)")
        const key = "phx_0123456789abcdefghijklmnop"
        const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, env: Record<string, string>, words: RegExp]> =
          [
            [["nothing"], {}, /there is no command nothing[\s\S]*--help/],
            [["catalogue", "delete"], {}, /say which: catalogue /],
            [["catalogue", "verify"], {}, /catalogue verify needs the path of a module/],
            [["flags", "pull", "--dry-run"], {}, /flags pull has no option --dry-run/],
            [["flags", "pull", "--key", key], {}, /a key is no argument.*POSTHOG_PERSONAL_API_KEY/],
            [["flags", "pull", key], {}, /flags pull takes no further arguments/],
            [["flags", "pull"], {}, /POSTHOG_PERSONAL_API_KEY is not set/],
            [["flags", "pull"], { POSTHOG_PERSONAL_API_KEY: key }, /which project\?/],
            [
              ["flags", "pull"],
              { ...environment(posthog), POSTHOG_PERSONAL_API_KEY: key },
              /does not know the personal API key/
            ],
            [
              ["flags", "pull", "--out", join(path, "no", "flags.ts")],
              environment(posthog),
              /flags\.ts cannot be written/
            ],
            [["catalogue", "write", broken], {}, /broken\.mjs does not load: out of order/],
            [["catalogue", "write", none], {}, /none\.mjs exports no event/],
            [
              ["catalogue", "write", program, "--out", "a b.json"],
              {},
              /NODE_OPTIONS="--import tsx" npx effect-posthog catalogue write test\/programs\/trackingPlan\.ts --out 'a b\.json'\n/
            ],
            [["catalogue", "check", "nope.ts"], {}, /nope\.ts: there is no such file/],
            [["catalogue", "check", "nope.mjs"], {}, /nope\.mjs: there is no such file/],
            [["catalogue", "write", ending], {}, /ending\.mjs does not load: it calls process\.exit\(0\)/],
            [["catalogue", "write", none, "--quiet"], {}, /none\.mjs exports no event/]
          ]
        for (const [args, env, words] of cases) {
          const { code, stderr, stdout } = yield* node(args, env)
          assert.strictEqual(code, 2, stderr)
          assert.match(stderr, words)
          assert.strictEqual(stdout, "")
          assert.notInclude(stderr, key)
        }
        const help = yield* node(["--help"], {})
        assert.deepStrictEqual([help.code, help.stderr], [0, ""])
        assert.match(help.stdout, /effect-posthog flags pull/)
      }),
    patient
  )

  it.scopedLive(
    "checks a program against an earlier plan, and writes what people and programs read of it",
    () =>
      Effect.gen(function*() {
        const path = yield* folder
        const node = yield* installed(path)
        const plan = join(path, "plan.json")
        const written = yield* command(["catalogue", "write", program, "--out", plan])
        assert.deepStrictEqual([written.code, written.stdout], [0, ""], written.stderr)
        const same = yield* command(["catalogue", "check", program, "--against", plan])
        assert.deepStrictEqual([same.code, same.stdout], [0, ""], same.stderr)
        assert.match(same.stderr, /the events are those of/)
        const schema = yield* command(["catalogue", "json-schema", program])
        assert.strictEqual(schema.code, 0)
        assert.include(JSON.stringify(JSON.parse(schema.stdout)), "order completed")

        const page = yield* node(["catalogue", "markdown", plan], {})
        assert.strictEqual(page.code, 0)
        assert.match(page.stdout, /order completed[\s\S]*payments/)
        const now = JSON.parse(readFileSync(plan, "utf8")) as {
          readonly events: ReadonlyArray<{ readonly name: string }>
        }
        const fewer = join(path, "fewer.json")
        writeFileSync(fewer, JSON.stringify({ ...now, events: now.events.slice(1) }))
        const removed = yield* node(["catalogue", "check", fewer, "--against", plan], {})
        assert.strictEqual(removed.code, 1)
        assert.match(removed.stdout, /^breaking: order completed: event removed: /)
        assert.match(removed.stderr, /1 change since .*, of which 1 breaks something/)
        const added = yield* node(["catalogue", "check", plan, "--against", fewer], {})
        assert.strictEqual(added.code, 0)
        assert.match(added.stdout, /^compatible: order completed: event added/)
        const none = yield* node(["catalogue", "check", plan, "--against", join(path, "none.json")], {})
        assert.strictEqual(none.code, 2)
        assert.match(none.stderr, /an earlier plan is written by effect-posthog catalogue write/)
        // Of a release that did not write what is inside.
        const inside = join(path, "inside.json")
        const property = { name: "lines", types: ["Object"], required: true }
        const lines = (more: object) => ({
          ...now,
          events: [{ name: "order completed", properties: [{ ...property, ...more }] }]
        })
        writeFileSync(fewer, JSON.stringify(lines({})))
        writeFileSync(inside, JSON.stringify(lines({ items: [{ types: ["String"], required: true }] })))
        const older = yield* node(["catalogue", "check", inside, "--against", fewer], {})
        assert.deepStrictEqual([older.code, older.stdout], [0, ""])
        assert.match(older.stderr, /fewer\.json is of an earlier release.*\n.*the events are those of/)
        writeFileSync(inside, JSON.stringify(lines({ items: [{ types: ["Numeric"], required: true }] })))
        writeFileSync(fewer, JSON.stringify(lines({ items: [{ types: ["String"], required: true }] })))
        const changed = yield* node(["catalogue", "check", inside, "--against", fewer], {})
        assert.match(changed.stdout, /^breaking: order completed, lines\[\]: type changed: String became Numeric/)
        writeFileSync(fewer, "{\"version\": 2}")
        const other = yield* node(["catalogue", "markdown", fewer], {})
        assert.strictEqual(other.code, 2)
        assert.match(other.stderr, /fewer\.json: /)
      }),
    patient
  )

  it.scopedLive("an event has one declaration", () =>
    Effect.gen(function*() {
      const twice = join(yield* folder, "twice.ts")
      writeFileSync(
        twice,
        "import { PostHogEvent } from \"effect-posthog\"\n" +
          "export const A = PostHogEvent.make(\"a\", {})\nexport const B = PostHogEvent.make(\"a\", {})\n"
      )
      const { code, stderr } = yield* command(["catalogue", "write", twice])
      assert.strictEqual(code, 2)
      assert.match(stderr, /two events have the name "a"/)
    }), patient)
})
