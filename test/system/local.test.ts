/** The command for a local PostHog, as processes of their own. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join, resolve } from "node:path"

const patient = 120_000

let folder: string

/** The command as it is installed: in one file, and without a loader for TypeScript. */
beforeAll(async () => {
  mkdirSync(".tmp", { recursive: true })
  folder = mkdtempSync(resolve(".tmp", "local-"))
  await build({
    entryPoints: ["src/bin.ts"],
    bundle: true,
    splitting: true,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
    target: "es2022",
    logLevel: "error"
  })
}, patient)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Process {
  readonly child: ChildProcessWithoutNullStreams
  readonly stdout: () => string
  readonly stderr: () => string
  /** The first text in the output for which `f` gives something. */
  readonly until: <A>(f: (text: string) => A | undefined, what: string) => Promise<A>
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

const started: Array<ChildProcessWithoutNullStreams> = []
afterAll(() => {
  for (const child of started) child.kill("SIGKILL")
})

const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, XDG_RUNTIME_DIR: folder, TZ: "UTC" })

const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Process => {
  const child = spawn(process.execPath, [join(folder, "bin.mjs"), ...args], { env: { ...environment(), ...env } })
  started.push(child)
  const texts = { stdout: "", stderr: "" }
  const listeners = new Set<() => void>()
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text
      for (const listener of listeners) listener()
    })
  }
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }))
  })
  return {
    child,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    until: (f, what) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = f(texts.stdout + texts.stderr)
          if (found === undefined) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        look()
        void ended.then(() => reject(new Error(`ended without ${what}: ${texts.stdout}${texts.stderr}`)))
      }),
    ended
  }
}

const run = async (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const { ended, stderr, stdout } = start(args, env)
  const { code } = await ended
  return { code, stdout: stdout(), stderr: stderr() }
}

const includes = (text: string) => (all: string): true | undefined => all.includes(text) || undefined

/** A server on ports that are free, told by `--json` or the lines for people. */
const serve = async (args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) => {
  const process = start(["--port", "0", ...args], env)
  const url = await process.until(
    (text) => text.includes("#token=") ? /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] : undefined,
    "an address"
  )
  return { ...process, url, port: new URL(url).port }
}

const send = async (url: string, ...events: ReadonlyArray<object>): Promise<number> => {
  const { status } = await fetch(`${url}/batch/`, {
    method: "POST",
    body: JSON.stringify({ api_key: "phc_local", batch: events })
  })
  return status
}

const event = (name: string, properties: object = {}) => ({ event: name, distinct_id: "ada", properties })

/** Where a server says that it is looked at. */
const controlPortOf = ({ stdout }: Process): string => new URL(/http:\S+(?=\/#token=)/.exec(stdout())![0]).port

const stop = async ({ child, ended }: Process, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
  child.kill(signal)
  return (await ended).code
}

describe("effect-posthog", () => {
  it("prints where it is and a line for each event, with no colour and no control characters", async () => {
    const server = await serve()
    await send(server.url, event("order completed", { total: 42, plan: "pro" }), event("a\u001b[2J\nb"))
    await send(server.url, { event: "order paid", properties: {}, uuid: "none" })
    await server.until(includes("order paid"), "the event that is refused")
    const lines = server.stdout().trimEnd().split("\n")
    assert.match(lines[1]!, /^Look at it: +http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{20,}$/)
    assert.match(server.stdout(), /\n\d\d:\d\d:\d\d \S.* {2}order completed {2}ada {2}total = 42, plan = pro/)
    assert.include(server.stdout(), "a\\u001b[2J\\nb")
    assert.match(server.stdout(), /order paid .*invalid: /)
    assert.notInclude(server.stdout(), "\u001b")
    assert.strictEqual(await stop(server), 0)
  }, patient)

  it("prints lines of JSON for programs, and nothing for each event with --quiet", async () => {
    const token = "0123456789abcdef"
    const server = await serve(["--json", "--token", token])
    await send(server.url, event("order completed"))
    await server.until(includes("order completed"), "the event")
    const [listening, received] = server.stdout().trimEnd().split("\n").map((line) => JSON.parse(line))
    assert.deepInclude(listening, { type: "listening", url: server.url, token })
    assert.deepInclude(received, { type: "event", event: "order completed", distinct_id: "ada", verdict: "accepted" })
    const answer = await fetch(`${listening.controlUrl}/events`, { headers: { authorization: `Bearer ${token}` } })
    assert.strictEqual(answer.status, 200)
    await stop(server)

    const quiet = await serve(["--quiet"])
    await send(quiet.url, event("order completed"))
    assert.strictEqual((await run(["events", "--port", quiet.port, "--control-port", controlPortOf(quiet)])).code, 0)
    assert.notInclude(quiet.stdout(), "order completed")
    await stop(quiet)
  }, patient)

  it("starts a program with its address in all spellings, and ends with it and its exit code", async () => {
    const script =
      "for (const [k, v] of Object.entries(process.env)) if (/POSTHOG/.test(k)) console.log(k + '=' + v);" +
      "process.exit(7)"
    const { code, stderr, stdout } = await run(
      ["--port", "0", "--", process.execPath, "-e", script],
      { POSTHOG_API_KEY: "phc_real", NEXT_PUBLIC_POSTHOG_HOST: "https://us.i.posthog.com" }
    )
    assert.strictEqual(code, 7, stderr)
    const env = Object.fromEntries(stdout.trimEnd().split("\n").map((line) => line.split("=")))
    for (const prefix of ["", "NEXT_PUBLIC_", "VITE_", "PUBLIC_"]) {
      assert.match(env[`${prefix}POSTHOG_HOST`], /^http:\/\/127\.0\.0\.1:\d+$/, prefix)
      assert.strictEqual(env[`${prefix}POSTHOG_API_KEY`], "phc_local", prefix)
    }
    assert.include(stderr, env.POSTHOG_HOST)
    const missing = await run(["--port", "0", "--", "no-such-program"])
    assert.deepStrictEqual([missing.code, /no-such-program is no program/.test(missing.stderr)], [127, true])
  }, patient)

  it("hands signals to the program, and ends when that has", async () => {
    const script = "process.on('SIGTERM', () => process.exit(5)); setInterval(() => {}, 1e6); console.log('ready')"
    const both = start(["--port", "0", "--", process.execPath, "-e", script])
    await both.until(includes("ready"), "the program")
    assert.strictEqual(await stop(both), 5)
  }, patient)

  it("events prints those of one that runs, and waits for them", async () => {
    const server = await serve()
    const args = ["events", "--port", server.port, "--control-port", controlPortOf(server)]
    const nothing = await run(args)
    assert.deepStrictEqual([nothing.code, nothing.stdout], [1, ""])
    assert.match(nothing.stderr, /--wait 5s/)
    const waiting = run([...args, "--event", "order completed", "--wait", "60s"])
    await send(server.url, event("order completed", { total: 42 }), event("other"))
    const waited = await waiting
    assert.strictEqual(waited.code, 0, waited.stderr)
    assert.deepInclude(JSON.parse(waited.stdout), { event: "order completed", properties: { total: 42 } })
    const inVain = await run([...args, "--event", "order paid", "--wait", "50ms"])
    assert.deepStrictEqual([inVain.code, inVain.stdout], [1, ""])
    assert.match(inVain.stderr, /No event "order paid" came within 50 ms\.\nCame:\n {2}"order completed" of "ada"/)
    assert.strictEqual((await run(args)).stdout.trimEnd().split("\n").length, 2)
    const stranger = await run(args, { XDG_RUNTIME_DIR: join(folder, "elsewhere") })
    assert.deepStrictEqual([stranger.code, /--token/.test(stranger.stderr)], [2, true])
    await stop(server)
    const gone = await run(args)
    assert.deepStrictEqual([gone.code, /no local PostHog runs on port/.test(gone.stderr)], [2, true])
  }, patient)

  it(
    "writes events to a file of this user, of which kill -9 costs one line at most; --load goes on with it",
    async () => {
      const file = join(folder, "events.ndjson")
      const server = await serve(["--file", file])
      const sending = (async () => {
        for (let n = 0; n < 200; n++) await send(server.url, event(`n ${n}`, { n, text: "x".repeat(2_000) }))
      })().catch(() => {})
      await server.until(includes("n 20"), "some events")
      server.child.kill("SIGKILL")
      await Promise.all([server.ended, sending])
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const lines = readFileSync(file, "utf8").split("\n")
      assert.isAtLeast(lines.length, 20)
      const names = lines.slice(0, -1).map((line) => (JSON.parse(line) as { readonly event: string }).event)
      assert.deepStrictEqual(names, names.map((_, n) => `n ${n}`))

      // As if the last line had been cut.
      appendFileSync(file, "{\"event\": \"half")
      const again = await serve(["--load", file, "--file", file])
      await again.until(includes(`took ${names.length} events from ${file}, and skipped 1 line`), "what was loaded")
      await send(again.url, event("later"))
      await again.until(includes("later"), "the next event")
      const args = ["events", "--port", again.port, "--control-port", controlPortOf(again)]
      const all = (await run(args)).stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(all.map(({ event }) => event), [...names, "later"])
      assert.strictEqual(all[3].properties.n, 3)
      await stop(again)
      const [half, last] = readFileSync(file, "utf8").trimEnd().split("\n").slice(-2)
      assert.strictEqual(JSON.parse(last!).event, "later")
      assert.strictEqual(half, "{\"event\": \"half")
    },
    patient
  )

  it("reads flags from a file, and again when it changes", async () => {
    const file = join(folder, "flags.json")
    writeFileSync(file, JSON.stringify({ checkout: "fast" }))
    const server = await serve(["--flags", file])
    const checkout = async () => {
      const response = await fetch(`${server.url}/flags/?v=2`, {
        method: "POST",
        body: JSON.stringify({ token: "phc_local", distinct_id: "ada" })
      })
      return (await response.json() as any).flags.checkout?.variant
    }
    assert.strictEqual(await checkout(), "fast")
    writeFileSync(file, JSON.stringify({ checkout: "control" }))
    await server.until(includes(`read ${file} again`), "the change")
    assert.strictEqual(await checkout(), "control")
    writeFileSync(file, "{")
    await server.until(includes("flags.json cannot be read"), "what is wrong")
    assert.strictEqual(await checkout(), "control")
    await stop(server)
    const wrong = await run(["--port", "0", "--flags", file])
    assert.deepStrictEqual([wrong.code, /flags\.json cannot be read/.test(wrong.stderr)], [2, true])
  }, patient)

  it("says whose the port is that it cannot have", async () => {
    const server = await serve()
    const args = ["--port", server.port, "--control-port", controlPortOf(server)]
    const twice = await run(args)
    assert.strictEqual(twice.code, 2)
    assert.include(twice.stderr, `a local PostHog runs already at ${server.url}`)
    const guest = await run([...args, "--", process.execPath, "-p", "process.env.POSTHOG_HOST"])
    assert.deepStrictEqual([guest.code, guest.stdout.trim()], [0, server.url])
    await stop(server)
    const other: Server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const { port } = other.address() as { readonly port: number }
    const taken = await run(["--port", String(port)])
    assert.strictEqual(taken.code, 2)
    assert.match(taken.stderr, /in use by another program.*--port/)
    other.close()
  }, patient)

  it(
    "does not run in production, nor openly without a token, and says what is wrong with what it is told",
    async () => {
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, Record<string, string>, RegExp]> = [
        [[], { NODE_ENV: "production" }, /--allow-production/],
        [["--host", "0.0.0.0"], {}, /token/],
        [["--token", "short"], {}, /16 characters/],
        [["--port", "none"], {}, /--port is a number/],
        [["--max-bytes", "many"], {}, /--max-bytes is a size/],
        [["--assets", "here"], {}, /--assets is local, none or cdn/],
        [["--wait", "5s"], {}, /--wait is an option of effect-posthog events/],
        [["events", "--file", "x"], {}, /events has no option --file/],
        [["events", "--wait", "soon"], {}, /--wait is a time/],
        [["npm", "run", "dev"], {}, /effect-posthog -- npm run dev/],
        [["--"], {}, /no command behind --/],
        [["--nothing"], {}, /--nothing/],
        [["--load", join("no", "such.ndjson")], {}, /such\.ndjson cannot be read/]
      ]
      for (const [args, env, words] of cases) {
        const { code, stderr, stdout } = await run(args, env)
        assert.strictEqual(code, 2, args.join(" "))
        assert.match(stderr, words)
        assert.strictEqual(stdout, "", args.join(" "))
      }
      const allowed = await serve(["--allow-production"], { NODE_ENV: "production" })
      assert.strictEqual(await stop(allowed, "SIGINT"), 0)
      const help = await run(["--help"])
      assert.strictEqual(help.code, 0)
      for (const option of ["--allow-origin", "--file", "events", "catalogue check"]) {
        assert.include(
          help.stdout,
          option
        )
      }
    },
    patient
  )
})
