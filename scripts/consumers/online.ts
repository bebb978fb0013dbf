/**
 * The consumers for which something has to be installed: package managers, test runners, bundlers, runtimes. All of it comes from the npm
 * registry, in the versions that stand here.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { captures, type Consumer, place, root, run, type World, write } from "./harness.js"

/** The version of a package that this repository is developed with. */
const ours = (name: string): string =>
  (JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")) as { version: string }).version

/** As docs/install.md says it, with the packed package in place of the published one. */
const peers = ["effect@3", "@effect/platform@0"] as const

const quiet = ["--no-audit", "--no-fund", "--loglevel=error"] as const

/** A folder that is installed once for a world, whoever needs it first. */
const once = (make: (world: World) => Promise<string>) => {
  const made = new WeakMap<World, Promise<string>>()
  return (world: World): Promise<string> => {
    const before = made.get(world)
    if (before !== undefined) return before
    const now = make(world)
    made.set(world, now)
    return now
  }
}

const executables = (name: string, packages: ReadonlyArray<string>) =>
  once(async (world) => {
    const folder = place(world, name, {})
    await run(folder, ["npm", "install", ...quiet, ...packages], world.limit)
    return join(folder, "node_modules")
  })

const managers = executables("managers", ["pnpm@10.34.9", "yarn@1.22.22", "@yarnpkg/cli-dist@4.18.1"])
const runtimes = executables("runtimes", ["bun@1.4.5", "deno@2.9.6"])

const platform = `node-${process.platform}-${process.arch}`
const nodes = ["20.0.0", "20.16.0", "22.22.3", "24.19.0"] as const
const nodeVersions = executables("nodes", nodes.map((version) => `node-${version}@npm:${platform}@${version}`))

const both = ["program.mjs", "program.cjs"] as const

type Command = readonly [string, ...ReadonlyArray<string>]

/** Installs with a package manager as the docs say, and runs the programs in both formats. */
const manager = (
  name: string,
  manifest: object,
  install: (world: World) => Promise<Command>,
  options: {
    readonly files?: Readonly<Record<string, string>>
    readonly start?: (world: World, file: string) => Promise<Command>
  } = {}
): Consumer => ({
  name: `installed by ${name}`,
  run: async (world) => {
    const folder = place(world, `installed-by-${name}`, manifest, ...both)
    write(folder, options.files ?? {})
    await run(folder, await install(world), world.limit)
    for (const file of both) {
      await captures(folder, await options.start?.(world, file) ?? [process.execPath, file], world.limit, true)
    }
  }
})

const yarn4 = async (world: World): Promise<Command> => [
  process.execPath,
  join(await managers(world), "@yarnpkg/cli-dist/bin/yarn.js")
]

const yarn4Files = (linker: string) => ({
  "yarn.lock": "",
  ".yarnrc.yml": `nodeLinker: ${linker}\nenableScripts: false\n`
})

const packageManagers: ReadonlyArray<Consumer> = [
  manager("npm", {}, async ({ tarball }) => ["npm", "install", ...quiet, tarball, ...peers]),
  manager("pnpm", {}, async (world) => [
    process.execPath,
    join(await managers(world), "pnpm/bin/pnpm.cjs"),
    "add",
    world.tarball,
    ...peers
  ]),
  manager("yarn 1", {}, async (world) => [
    process.execPath,
    join(await managers(world), "yarn/bin/yarn.js"),
    "add",
    "--non-interactive",
    `file:${world.tarball}`,
    ...peers
  ]),
  manager(
    "yarn 4 with node_modules",
    {},
    async (world) => [...await yarn4(world), "add", `effect-posthog@file:${world.tarball}`, ...peers],
    { files: yarn4Files("node-modules") }
  ),
  manager(
    "yarn 4 with Plug'n'Play",
    {},
    async (world) => [...await yarn4(world), "add", `effect-posthog@file:${world.tarball}`, ...peers],
    { files: yarn4Files("pnp"), start: async (world, file) => [...await yarn4(world), "node", file] }
  ),
  manager("bun", {}, async (world) => [
    join(await runtimes(world), ".bin/bun"),
    "add",
    world.tarball,
    ...peers
  ])
]

/** An application into which npm has installed everything. */
const application = (name: string, packages: ReadonlyArray<string>) =>
  once(async (world) => {
    const folder = place(world, name, {}, ...both, "typed.ts")
    await run(folder, ["npm", "install", ...quiet, world.tarball, ...peers, ...packages], world.limit)
    return folder
  })

const bundlers = application("bundlers", [
  "webpack@5.113.0",
  "webpack-cli@6.0.1",
  "rollup@4.68.8",
  "@rollup/plugin-node-resolve@16.0.3",
  "@rollup/plugin-commonjs@29.0.3",
  "vite@7.3.8"
])

/** Bundles a program and runs what comes out. */
const bundler = (
  name: string,
  files: Readonly<Record<string, string>>,
  command: readonly [string, ...ReadonlyArray<string>],
  out: string
): Consumer => ({
  name,
  run: async (world) => {
    const folder = await bundlers(world)
    write(folder, files)
    const [tool, ...args] = command
    await run(folder, [join(folder, "node_modules/.bin", tool), ...args], world.limit)
    await captures(folder, [process.execPath, out], world.limit)
  }
})

const webpack = (file: "program.mjs" | "program.cjs", out: string): Consumer =>
  bundler(
    `webpack, ${file}`,
    {
      [`webpack.${out}.cjs`]: `module.exports = {
  mode: "production",
  target: "node20",
  entry: "./${file}",
  output: { path: __dirname + "/${out}", filename: "main.${file.endsWith(".mjs") ? "mjs" : "cjs"}"${
        file.endsWith(".mjs") ? ", module: true, chunkFormat: \"module\"" : ""
      } },
  experiments: { outputModule: ${file.endsWith(".mjs")} },
  performance: false
}\n`
    },
    ["webpack", "--config", `webpack.${out}.cjs`],
    `${out}/main.${file.slice(-3)}`
  )

const bundles: ReadonlyArray<Consumer> = [
  webpack("program.mjs", "webpack-esm"),
  webpack("program.cjs", "webpack-cjs"),
  bundler(
    "Rollup",
    {
      "rollup.config.mjs": `import commonjs from "@rollup/plugin-commonjs"
import resolve from "@rollup/plugin-node-resolve"
export default {
  input: "program.mjs",
  output: { file: "rollup/main.mjs", format: "es", inlineDynamicImports: true },
  plugins: [resolve({ exportConditions: ["node"], preferBuiltins: true }), commonjs()]
}\n`
    },
    ["rollup", "--config", "rollup.config.mjs", "--silent"],
    "rollup/main.mjs"
  ),
  bundler(
    "Vite, server side, with everything in the bundle",
    { "vite.inside.mjs": "export default { ssr: { noExternal: true, target: \"node\" } }\n" },
    [
      "vite",
      "build",
      "--config",
      "vite.inside.mjs",
      "--ssr",
      "program.mjs",
      "--outDir",
      "vite-in",
      "--logLevel",
      "warn"
    ],
    "vite-in/program.mjs"
  ),
  bundler(
    "Vite, server side, with packages outside",
    { "vite.outside.mjs": "export default {}\n" },
    [
      "vite",
      "build",
      "--config",
      "vite.outside.mjs",
      "--ssr",
      "program.mjs",
      "--outDir",
      "vite-out",
      "--logLevel",
      "warn"
    ],
    "vite-out/program.mjs"
  )
]

/** A test of a user's program; the globals of Jest and, with its setting, of vitest. */
const testOf = (imports: string): string =>
  `${imports}

const program = PostHog.capture("order completed", { total: 42 }).pipe(PostHog.withContext({ distinctId: "user_1" }))

test("captures", async () => {
  const events = await Effect.runPromise(
    Effect.zipRight(program, PostHogTest.captured).pipe(Effect.provide(TestLayer))
  )
  expect(events.map(({ event, distinct_id }) => [event, distinct_id])).toEqual([["order completed", "user_1"]])
})
`

const imports = "import { Effect } from \"effect\"\nimport { PostHog, PostHogTest, TestLayer } from \"effect-posthog\""
const requires =
  "const { Effect } = require(\"effect\")\nconst { PostHog, PostHogTest, TestLayer } = require(\"effect-posthog\")"

const runner = (
  name: string,
  packages: ReadonlyArray<string>,
  files: Readonly<Record<string, string | object>>,
  command: readonly [string, ...ReadonlyArray<string>]
): Consumer => ({
  name,
  run: async (world) => {
    const folder = place(world, name, {})
    write(folder, files)
    await run(folder, ["npm", "install", ...quiet, world.tarball, ...peers, ...packages], world.limit)
    const [tool, ...args] = command
    const output = await run(folder, [join(folder, "node_modules/.bin", tool), ...args], world.limit, { CI: "true" })
    if (!/1 passed/.test(output)) throw new Error(output)
  }
})

const runners: ReadonlyArray<Consumer> = [
  runner("Jest", ["jest@30.5.2"], { "orders.test.js": testOf(requires) }, ["jest"]),
  runner(
    "Jest with Babel",
    ["jest@30.5.2", "@babel/core@7", "@babel/preset-env@7", "@babel/preset-typescript@7"],
    {
      "orders.test.ts": testOf(imports),
      "babel.config.json": {
        presets: [["@babel/preset-env", { targets: { node: "current" } }], "@babel/preset-typescript"]
      }
    },
    ["jest"]
  ),
  runner(
    "Jest with ts-jest",
    ["jest@30.5.2", "ts-jest@29.4.15", "typescript@5.9.3", "@types/jest@30"],
    {
      "orders.test.ts": testOf(imports),
      "jest.config.js": "module.exports = { preset: \"ts-jest\" }\n",
      "tsconfig.json": {
        compilerOptions: {
          module: "commonjs",
          moduleResolution: "node",
          target: "es2022",
          strict: true,
          esModuleInterop: true,
          isolatedModules: true,
          skipLibCheck: true,
          types: ["jest"]
        }
      }
    },
    ["jest"]
  ),
  runner("Jest 27, which does not know exports", ["jest@27.5.1"], {
    "orders.test.js": `${testOf(requires)}
test("the module of a sub-path", () => {
  expect(require("effect-posthog/PostHog").PostHog).toBe(PostHog.PostHog)
})
`
  }, ["jest"]),
  runner(
    "vitest",
    [`vitest@${ours("vitest")}`],
    { "orders.test.ts": testOf(`import { expect, test } from "vitest"\n${imports}`) },
    ["vitest", "run"]
  ),
  runner(
    "vitest with @effect/vitest",
    [`vitest@${ours("vitest")}`, "@effect/vitest@0"],
    {
      "orders.test.ts": `import { expect, it } from "@effect/vitest"
${imports}

it.effect("captures", () =>
  Effect.gen(function*() {
    yield* PostHog.capture("order completed")
    expect((yield* PostHogTest.captured).map(({ event }) => event)).toEqual(["order completed"])
  }).pipe(Effect.provide(TestLayer)))
`
    },
    ["vitest", "run"]
  )
]

const plain = application("plain", ["@effect/platform-node@0"])

const runtime = (name: string, file: "program.mjs" | "program.cjs" | "typed.ts", command: Command): Consumer => ({
  name: `${name}, ${file}`,
  run: async (world) => {
    const [tool, ...args] = command
    await captures(await plain(world), [join(await runtimes(world), ".bin", tool), ...args, file], world.limit)
  }
})

const deno: Command = [
  "deno",
  "run",
  "--no-prompt",
  "--node-modules-dir=manual",
  "--allow-net=127.0.0.1",
  "--allow-env",
  "--allow-read"
]

const node = (version: string, file: "program.mjs" | "program.cjs"): Consumer => ({
  name: `Node ${version}, ${file}`,
  run: async (world) => {
    const executable = join(await nodeVersions(world), `node-${version}`, "bin/node")
    // Before 20.16 a program cannot get at Node's modules without an import of them.
    await captures(await plain(world), [executable, file], world.limit, version !== "20.0.0")
  }
})

/** The oldest versions that the peer ranges allow. */
const lowest: Consumer = {
  name: "the oldest Effect that package.json allows",
  run: async (world) => {
    const { peerDependencies, peerDependenciesMeta } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly peerDependencies: Readonly<Record<string, string>>
      readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
    }
    const oldest = Object.entries(peerDependencies)
      // Those ask for a newer Effect themselves.
      .filter(([name]) => peerDependenciesMeta[name]?.optional !== true)
      .map(([name, range]) => `${name}@${/\d+\.\d+\.\d+/.exec(range)![0]}`)
    const folder = place(world, "lowest", {}, ...both)
    await run(folder, ["npm", "install", ...quiet, world.tarball, ...oldest], world.limit)
    for (const file of both) await captures(folder, [process.execPath, file], world.limit, true)
  }
}

const fails = async (folder: string, command: Command, limit: number, text: string): Promise<void> => {
  const output = await run(folder, command, limit).then(() => "it succeeded", (error: Error) => error.message)
  if (!output.includes(text)) throw new Error(`expected ${text}\n${output}`)
}

/** How a package manager adds packages to a project. */
const adders: Readonly<Record<string, (world: World) => Promise<Command>>> = {
  npm: async () => ["npm", "install", ...quiet],
  pnpm: async (world) => [process.execPath, join(await managers(world), "pnpm/bin/pnpm.cjs"), "add"],
  yarn: async (world) => [...await yarn4(world), "add"],
  bun: async (world) => [join(await runtimes(world), ".bin/bun"), "add"]
}

const effects = { 3: peers, 4: ["effect@4"] } as const

/** What the first import says where the other major of Effect is installed (scripts/guard.ts). */
const advice = (major: 3 | 4, other: 3 | 4): string =>
  `effect-posthog@${major} needs effect@${major}, for effect@${other} run npm install effect-posthog@${other}`

/** A package for one major of Effect beside the same and beside the other one: it runs, or it is refused or told. */
const pair = (manager: string, major: 3 | 4, installed: 3 | 4): Consumer => ({
  name: major === installed
    ? `effect-posthog@${major} with effect@${installed}, by ${manager}`
    : `effect-posthog@${major} with effect@${installed}, by ${manager}: ${
      manager === "npm" ? "refused, and told" : "told"
    }`,
  run: async (world) => {
    const folder = place(world, `pair-${manager}-${major}-${installed}`, {}, ...both)
    if (manager === "yarn") write(folder, yarn4Files("node-modules"))
    const tarball = major === 3 ? world.tarball : world.tarball4
    const add = await adders[manager]!(world)
    const install: Command = [
      ...add,
      manager === "yarn" ? `effect-posthog@file:${tarball}` : tarball,
      ...effects[installed]
    ]
    if (major === installed) {
      await run(folder, install, world.limit)
      return await captures(folder, [process.execPath, "program.mjs"], world.limit, true)
    }
    if (manager === "npm") {
      await fails(folder, install, world.limit, "ERESOLVE")
      await run(folder, [...install, "--legacy-peer-deps"], world.limit)
    } else await run(folder, install, world.limit)
    await fails(folder, [process.execPath, "program.mjs"], world.limit, advice(major, installed))
    if (major === 3) {
      await fails(
        folder,
        [process.execPath, "-e", "require('effect-posthog')"],
        world.limit,
        "effect-posthog@3 needs effect@3"
      )
    }
  }
})

const pairs = Object.keys(adders).flatMap((manager) => [
  pair(manager, 3, 4),
  pair(manager, 4, 3),
  pair(manager, 4, 4)
])

export const consumers: ReadonlyArray<Consumer> = [
  lowest,
  ...pairs,
  ...packageManagers,
  ...runners,
  ...bundles,
  runtime("Bun", "program.mjs", ["bun", "run"]),
  runtime("Bun", "program.cjs", ["bun", "run"]),
  runtime("Bun", "typed.ts", ["bun", "run"]),
  runtime("Deno", "program.mjs", deno),
  runtime("Deno", "program.cjs", deno),
  ...nodes.flatMap((version) => both.map((file) => node(version, file)))
]
