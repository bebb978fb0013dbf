/**
 * Each guide begins with a program that runs. Here it is run, as a reader would who has copied it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { drops } from "../../src/internal/warnings.js"
import { run } from "../support/child.js"
import { definitions, flag } from "../support/definitions.js"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"

/** Pages that are not guides. */
const notGuides = new Set(["architecture.md", "install.md", "decisions.md", "elixir-parity.md", "performance.md"])

const pages = [
  "README.md",
  ...readdirSync("docs").filter((name) => name.endsWith(".md") && !notGuides.has(name)).map((name) => `docs/${name}`)
]

const folder = ".tmp/docs-run"

/** The kinds of diagnostics that are logged without being asked for: the first of each, or a line for each. */
const warned = /tag: "(\w+)",\s*text:\s*"((?:[^"\\]|\\.)*)",\s*warns: true/g
const lined = /\{ \.\.\.(\w+), line: \(\) =>/g

describe("documentation", () => {
  for (const page of pages) {
    it.scopedLive(`${page} begins with a program that runs`, () =>
      Effect.gen(function*() {
        const text = readFileSync(page, "utf8")
        const program = /^```ts\n([\s\S]*?)^```$/m.exec(text)?.[1]
        assert.isDefined(program)
        mkdirSync(folder, { recursive: true })
        const file = `${folder}/${page.replace(/\W+/g, "-")}.ts`
        // Only an administrator can make that one.
        writeFileSync(file, program!.replace("/var/lib/shop/posthog", mkdtempSync(join(tmpdir(), "ph-"))))
        const sink = yield* Sink.make({ definitions: () => definitions([flag("new-checkout")]) })
        const isLocal = page.includes("local-evaluation")
        const env = {
          POSTHOG_API_KEY: "phc_docs",
          POSTHOG_HOST: sink.url,
          ...(isLocal ? { POSTHOG_SECRET_KEY: "phs_docs" } : undefined)
        }
        const { code, stderr, stdout } = yield* Effect.promise(() => run(file, { env }))
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
        if (isLocal) assert.include(stdout, "the new checkout, evaluated: local")
        // The page about tests shows how not to send anything, the other one sends to a PostHog of its own.
        if (!/testing|local-posthog/.test(page)) assert.isAbove(sink.accepted.length, 0)
      }), limitMillis)
  }

  it("the tables of options are complete", () => {
    const options = readFileSync("src/internal/options.ts", "utf8")
    const names = Array.from(options.matchAll(/^ {2}readonly (\w+)\?:/gm), (match) => match[1]!)
    const page = readFileSync("docs/getting-started.md", "utf8")
    const parity = readFileSync("docs/elixir-parity.md", "utf8")
    assert.isAbove(names.length, 20)
    for (const name of names) {
      assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, "m"), `${name} is missing in getting-started.md`)
      assert.include(parity, `\`${name}\``, `${name} is missing in elixir-parity.md`)
    }
    for (const variable of options.matchAll(/"(POSTHOG_\w+)"/g)) assert.include(page, variable[1]!)
  })

  it("the page for users of posthog-node has each of its calls", async () => {
    const { PostHog } = await import("posthog-node")
    const page = readFileSync("docs/from-posthog-node.md", "utf8")
    const names = new Set<string>()
    let prototype: object | null = PostHog.prototype
    while (prototype !== null && prototype !== Object.prototype) {
      for (const name of Object.getOwnPropertyNames(prototype)) names.add(name)
      prototype = Object.getPrototypeOf(prototype) as object | null
    }
    const declared = readFileSync(
      join(dirname(createRequire(import.meta.url).resolve("posthog-node")), "..", "client.d.ts"),
      "utf8"
    )
    const calls = Array.from(names).filter((name) => new RegExp(`^    ${name}[(<]`, "m").test(declared))
    assert.isAbove(calls.length, 30)
    const missing = calls.filter((name) =>
      name !== "constructor" && !name.startsWith("_") && !new RegExp(`\\b${name}\\b`).test(page)
    )
    assert.deepStrictEqual(missing, [])
  })

  it("the texts that troubleshooting quotes are those of the library", () => {
    const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
    // Texts are put together from pieces in some places.
    const sources = files.map((name) => readFileSync(`src/${name}`, "utf8")).join("\n").replaceAll(/"\s*\+\s*"/g, "")
    const [, ...sections] = readFileSync("docs/troubleshooting.md", "utf8").split(/^## /m)
    const quoted = sections.flatMap((section) =>
      section.startsWith("Symptoms") ? [] : Array.from(section.matchAll(/^\| `([^`]+)` \|/gm), (match) => match[1]!)
    )
    assert.isAbove(quoted.length, 70)
    assert.deepStrictEqual(quoted.filter((text) => !sources.includes(text)), [])
    // And none of those that are logged is missing.
    const page = readFileSync("docs/troubleshooting.md", "utf8")
    for (const text of Object.values(drops)) assert.include(page, text!.split(";")[0]!)
    const logged = Array.from(sources.matchAll(warned), ([, tag, text]) => ({ tag: tag!, text: text! }))
    // One that is written in another way would be left out here.
    assert.strictEqual(logged.length, sources.match(/\bwarns: true\b/g)?.length)
    assert.isAbove(logged.length, 14)
    const missing = logged.filter(({ text }) => !quoted.some((begin) => text.startsWith(begin)))
    assert.deepStrictEqual(missing, [])
    const lines = Array.from(sources.matchAll(lined), ([, kind]) => kind!)
    assert.strictEqual(lines.length, sources.match(/\bline: \(\) =>/g)?.length)
    assert.isNotEmpty(lines)
    for (const kind of lines) {
      const tag = kind[0]!.toUpperCase() + kind.slice(1)
      assert.match(page, new RegExp(`^\\| .* \\| \`${tag}\`, such as`, "m"))
    }
  })
})
