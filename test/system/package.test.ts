import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { libraryVersion } from "../../src/internal/version.js"
import { limitMillis } from "../support/limit.js"

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly version: string
  readonly exports: Readonly<Record<string, Target>>
  readonly peerDependenciesMeta: unknown
}

/** The modules of this library that are left in a bundle of a program that imports from its front door. */
const bundled = async (program: string): Promise<ReadonlyArray<string>> => {
  const { metafile } = await build({
    stdin: { contents: program, resolveDir: ".", loader: "ts" },
    alias: { "effect-posthog": "./src/index.ts" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["import"],
    outfile: "bundle.js",
    logLevel: "error"
  })
  const [output] = Object.values(metafile.outputs)
  return Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) =>
    path.startsWith("src/") && bytesInOutput > 0 ? [path.slice("src/".length)] : []
  )
}

type Target = string | { readonly [condition: string]: Target }

/** What a tool that gives these conditions resolves to: the first one that is among them, in each object. */
const resolved = (target: Target, conditions: ReadonlyArray<string>): string => {
  if (typeof target === "string") return target
  const found = Object.keys(target).find((name) => name === "default" || conditions.includes(name))!
  return resolved(target[found]!, conditions)
}

/** The conditions that each tool gives for `import` or `require`, and the folder in which it has to find the modules. */
const tools: ReadonlyArray<readonly [name: string, conditions: string, folder: string]> = [
  ["Node, import", "node import module-sync node-addons", "node/esm"],
  ["Node, require", "node require module-sync node-addons", "node/cjs"],
  ["tsx, and what esbuild leaves outside", "node import", "node/esm"],
  ["Jest", "node require", "node/cjs"],
  ["Jest with jsdom", "browser require", "cjs"],
  ["vitest, inside", "node development import", "node/esm"],
  ["vitest, outside", "node import", "node/esm"],
  ["Deno", "deno node import", "node/esm"],
  ["webpack for Node, import", "webpack production node import module", "esm"],
  ["webpack for Node, require", "webpack production node require module", "node/cjs"],
  ["webpack for browsers, import", "webpack production browser import module", "esm"],
  ["esbuild for Node, import", "node import module", "esm"],
  ["esbuild for Node, require", "node require module", "node/cjs"],
  ["esbuild for browsers, require", "browser require module", "cjs"],
  ["Rollup", "module import node production", "esm"],
  ["Vite for servers", "module node production import", "esm"],
  ["Vite for browsers", "module browser production import", "esm"],
  ["wrangler", "workerd worker browser import", "esm"],
  ["Next for the edge", "edge-light worker browser import module", "esm"],
  ["Metro for React Native", "react-native import", "esm"],
  ["Metro for React Native, require", "react-native require", "cjs"]
]

const localEvaluation = ["core/flags/definitions.ts", "core/flags/local.ts", "internal/flags/poller.ts"]

describe("package", () => {
  it("has one version", () => {
    assert.strictEqual(libraryVersion, manifest.version)
  })

  it("exports each public module under its name and nothing else", () => {
    const modules = readdirSync("src").filter((name) => /^[A-Z].*\.ts$/.test(name)).map((name) =>
      `./${name.slice(0, -3)}`
    )
    assert.deepStrictEqual(Object.keys(manifest.exports).sort(), [".", "./package.json", ...modules].sort())
  })

  it("Node gets the modules in few files, and who bundles, or is not Node, a file for each", () => {
    for (const [path, target] of Object.entries(manifest.exports)) {
      if (path === "./package.json") continue
      const module = path === "." ? "index" : path.slice(2)
      for (const [tool, conditions, folder] of tools) {
        assert.strictEqual(resolved(target, conditions.split(" ")), `./dist/${folder}/${module}.js`, tool)
      }
      for (const [format, folder] of [["import", "esm"], ["require", "cjs"]] as const) {
        assert.strictEqual(resolved(target, ["types", "node", format]), `./dist/${folder}/${module}.d.ts`)
      }
    }
  })

  it("needs @effect/ai only in the entry point for it, which the front door does not open", () => {
    const seen = new Set<string>()
    const follow = (file: string): void => {
      if (seen.has(file)) return
      seen.add(file)
      for (const [, from = ""] of readFileSync(file, "utf8").matchAll(/\bfrom "([^"]+)"/g)) {
        assert.notMatch(from, /^@effect\/(?:ai|rpc)/, file)
        if (from.startsWith(".")) follow(join(dirname(file), from.replace(/\.js$/, ".ts")))
      }
    }
    follow(join("src", "index.ts"))
    assert.isAbove(seen.size, 50)
    assert.match(readFileSync(join("src", "EffectAi.ts"), "utf8"), /from "@effect\/ai\//)
    assert.deepStrictEqual(manifest.peerDependenciesMeta, {
      "@effect/ai": { optional: true },
      "@effect/rpc": { optional: true }
    })
  })

  it("the local PostHog has an entry point of its own: nothing that the front door opens knows Node", () => {
    const seen = new Set<string>()
    const follow = (file: string): void => {
      if (seen.has(file)) return
      seen.add(file)
      for (const [, from = ""] of readFileSync(file, "utf8").matchAll(/\b(?:from|import\() ?"([^"]+)"/g)) {
        assert.notMatch(from, /^node:/, file)
        if (from.startsWith(".")) follow(join(dirname(file), from.replace(/\.js$/, ".ts")))
      }
    }
    follow(join("src", "index.ts"))
    assert.isAbove(seen.size, 50)
    for (const file of seen) assert.notMatch(file, /local[\\/]|PostHogServer\.ts$/)
    assert.match(readFileSync(join("src", "PostHogServer.ts"), "utf8"), /from "\.\/local\/server\.js"/)
  })

  it("every public export says since when it exists and what kind of thing it is", () => {
    const files = readdirSync("src").filter((name) => /^[A-Z].*\.ts$/.test(name)).flatMap((name) => {
      const file = `src/${name}`
      const source = readFileSync(file, "utf8")
      assert.match(source, /^\/\*\*\n[\s\S]*?@since \d+\.\d+\.\d+\n \*\//, `${name} has no header`)
      // What it exports again as a whole, for Effect 4 too where that is another file.
      const whole = Array.from(source.matchAll(/^export \* from "\.\/(.+)\.js"/gm), ([, from]) => `src/${from}.ts`)
      return [file, ...whole, ...whole.map((path) => `effect-4/${path}`).filter((path) => existsSync(path))]
    })
    assert.include(files, "effect-4/src/internal/mcp/layers.ts")
    for (const name of files) {
      const source = readFileSync(name, "utf8")
      for (
        const match of source.matchAll(/(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)?\nexport (?:const|class|interface|type) (\w+)/g)
      ) {
        const [, comment = "", exported] = match
        assert.match(comment, /@since \d/, `${name}: ${exported}`)
        assert.match(comment, /@category [a-z ]+\n/, `${name}: ${exported}`)
      }
    }
  })

  it("a program bundles the parts that it uses: local evaluation only when it is switched on", async () => {
    const captures = await bundled(
      "import { PostHog } from \"effect-posthog\"; console.log(PostHog.layer({}), PostHog.capture(\"a\"))"
    )
    assert.include(captures, "internal/capture.ts")
    assert.deepStrictEqual(
      captures.filter((path) =>
        /flags|LocalEvaluation|FlagDefinitionStore|LlmClient|LlmAnalytics|exceptions/.test(path)
      ),
      []
    )
    // What is between the two: the names of regions are those of the context, and the lane is a line of delivery.
    for (const part of ["http/exchange", "http/endpoint", "formats/", "content", "properties", "effectAi/"]) {
      assert.isEmpty(captures.filter((path) => path.startsWith(`core/llm/${part}`)))
    }
    for (const part of ["http/", "effectAi/", "capture", "lane", "send"]) {
      assert.isEmpty(captures.filter((path) => path.startsWith(`internal/llm/${part}`)))
    }
    // The tag of a durable outbox, its error and what is said of it; not the outbox.
    const ofStores = captures.filter((path) => path.includes("/durable/"))
    const said = ["errors.ts", "kinds.ts", "store.ts"].map((name) => `internal/delivery/durable/${name}`)
    assert.isEmpty(ofStores.filter((path) => !said.includes(path)))
    assert.isEmpty(captures.filter((path) => path.includes("mcp/")))
    // What reads the environment, which options that are given do not need; on Effect 4 it brings `Schema`.
    for (const path of ["environment.ts", "effect/variables.ts"]) assert.notInclude(captures, `internal/${path}`)
    const flags = await bundled(
      "import { FeatureFlags, PostHog } from \"effect-posthog\"; console.log(PostHog.layer({}), FeatureFlags.evaluate())"
    )
    assert.include(flags, "internal/flags/remote.ts")
    for (const path of [...localEvaluation, "LocalEvaluation.ts", "FlagDefinitionStore.ts"]) {
      assert.notInclude(flags, path)
    }
    const local = await bundled(
      "import { LocalEvaluation, PostHog } from \"effect-posthog\"; console.log(PostHog.layer({}), LocalEvaluation.layer())"
    )
    for (const path of localEvaluation) assert.include(local, path)
    const live = await bundled("import { PostHogLive } from \"effect-posthog\"; console.log(PostHogLive)")
    for (const path of localEvaluation) assert.include(live, path)
  }, limitMillis)

  it("a program that declares no events does not pay for them", async () => {
    const declaring = [
      "internal/effect/parse.ts",
      "internal/effect/schema.ts",
      "internal/events/fields.ts",
      "core/event/hmac.ts",
      "PostHogEvent.ts"
    ]
    for (
      const program of [
        "import { PostHog } from \"effect-posthog\"; console.log(PostHog.layer({}), PostHog.capture(\"a\"))",
        "import { capture, PostHogLive } from \"effect-posthog\"; console.log(PostHogLive, capture(\"a\"))"
      ]
    ) {
      const modules = await bundled(program)
      for (const path of [...declaring, "core/catalogue/describe.ts", "Catalogue.ts"]) assert.notInclude(modules, path)
    }
    const modules = await bundled(
      "import { PostHogEvent } from \"effect-posthog\"; console.log(PostHogEvent.make(\"a\", {}))"
    )
    for (const path of declaring) assert.include(modules, path)
  }, limitMillis)

  it("a program that captures is no larger than it is known to be", async () => {
    const gzipped = async (entry: string): Promise<number> => {
      const { outputFiles } = await build({
        entryPoints: [`bench/bundles/${entry}.ts`],
        alias: { "effect-posthog": "./src" },
        bundle: true,
        minify: true,
        write: false,
        format: "esm",
        platform: "node",
        target: "node20",
        outfile: "bundle.js",
        logLevel: "error"
      })
      return gzipSync(outputFiles[0]!.text, { level: 9 }).length
    }
    // Whoever needs more says why in docs/decisions/tooling.md.
    assert.isBelow(await gzipped("effect-posthog") - await gzipped("effect"), 45_000)
  }, limitMillis)

  it("src/core is kept pure by the linter: it refuses Effect, timers and what is above", () => {
    const folder = "src/core/lintprobe"
    mkdirSync(folder, { recursive: true })
    try {
      writeFileSync(
        `${folder}/probe.ts`,
        [
          "import * as Effect from \"effect/Effect\"",
          "import * as PostHog from \"../../PostHog.js\"",
          "import * as fs from \"node:fs\"",
          "export const probe = [Effect, PostHog, fs, Date.now(), Math.random(), crypto, setTimeout]"
        ].join("\n")
      )
      const { status, stdout } = spawnSync("npx", ["--no-install", "oxlint", folder], { encoding: "utf8" })
      assert.notStrictEqual(status, 0)
      for (const rule of ["effect/Effect", "PostHog.js", "node:fs", "Date", "Math", "crypto", "setTimeout"]) {
        assert.include(stdout, rule)
      }
      assert.include(stdout, "7 errors")
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
