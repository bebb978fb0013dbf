/**
 * The consumers that need nothing but what this repository has installed: Node in both formats, TypeScript in each of its modes, esbuild.
 * They are part of the test command.
 */
import { cpSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { captures, type Consumer, link, place, root, run, type World, write } from "./harness.js"

const effect = ["effect", "@effect/platform"] as const

/** A folder into which npm has installed the tarball; its peers are those of this repository. */
export const installed = async (
  world: World,
  name: string,
  manifest: object,
  ...files: ReadonlyArray<string>
): Promise<string> => {
  const folder = place(world, name, manifest, ...files)
  // What npm does is the same each time.
  const first = join(world.folder, "installed")
  await (installations.get(world) ?? remember(world, installOnce(world, first)))
  symlinkSync(join(first, "node_modules"), join(folder, "node_modules"), "dir")
  return folder
}

const installations = new WeakMap<World, Promise<void>>()

const remember = (world: World, installation: Promise<void>): Promise<void> => {
  installations.set(world, installation)
  return installation
}

const installOnce = async (world: World, folder: string): Promise<void> => {
  place(world, "installed", {})
  const flags = ["--offline", "--legacy-peer-deps", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
  await run(folder, ["npm", "install", ...flags, world.tarball], world.limit)
  link(folder, ...effect)
}

const bin = (name: string): string => join(root, "node_modules/.bin", name)

/** The settings of a program in TypeScript. */
interface Setting {
  readonly module: string
  readonly moduleResolution: string
  readonly type: "module" | "commonjs"
}

export const typescript = ({ module, moduleResolution, type }: Setting): Consumer => ({
  name: `TypeScript, module ${module}, moduleResolution ${moduleResolution}, in a package of type ${type}`,
  run: async (world) => {
    const folder = await installed(world, `ts-${module}-${moduleResolution}-${type}`, { type }, "typed.ts")
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2022",
      lib: ["ES2022", "DOM", "DOM.Iterable"],
      // No types of Node, and the declarations of the package are checked: they may not need those types.
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      sourceMap: true
    }
    write(folder, {
      "globals.d.ts": "declare const process: { exitCode: number }\n",
      "tsconfig.json": { compilerOptions, files: ["typed.ts", "globals.d.ts"] }
    })
    await run(folder, [bin("tsc")], world.limit)
    await captures(folder, [process.execPath, "typed.js"], world.limit, true)
  }
})

const node = (file: "program.mjs" | "program.cjs"): Consumer => ({
  name: `Node ${process.versions.node}, ${file}`,
  run: async (world) => {
    const folder = await installed(world, `node-${file}`, {}, file)
    await captures(folder, [process.execPath, file], world.limit, true)
  }
})

const esbuild = (format: "esm" | "cjs", file: "program.mjs" | "program.cjs"): Consumer => ({
  name: `esbuild, ${file} to ${format}`,
  run: async (world) => {
    const folder = await installed(world, `esbuild-${format}-${file}`, {}, file)
    const out = format === "esm" ? "out.mjs" : "out.cjs"
    // CommonJS has no top-level await.
    const contents = "import(\"./program.mjs\").catch((error) => { console.error(error); process.exitCode = 1 })\n"
    write(folder, { "entry.cjs": contents })
    const entry = format === "cjs" && file === "program.mjs" ? "entry.cjs" : file
    const flags = ["--bundle", "--platform=node", `--format=${format}`, `--outfile=${out}`, "--log-level=warning"]
    const banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
    const more = format === "esm" ? [`--banner:js=${banner}`] : []
    await run(folder, [bin("esbuild"), entry, ...flags, ...more, "--metafile=meta.json"], world.limit)
    const taken = Object.keys(
      (JSON.parse(readFileSync(join(folder, "meta.json"), "utf8")) as { inputs: object }).inputs
    )
    // What is imported can be left out module by module only where each has a file.
    if (file === "program.mjs" && taken.some((path) => path.includes("/effect-posthog/dist/node/"))) {
      throw new Error(taken.join("\n"))
    }
    await captures(folder, [process.execPath, out], world.limit)
  }
})

const copies: Consumer = {
  name: "both copies in one process",
  run: async (world) => {
    const folder = await installed(world, "copies", {}, "copies.mjs")
    const output = await run(folder, [process.execPath, "copies.mjs"], world.limit)
    if (!output.includes("done")) throw new Error(output)
  }
}

/** The files of this library that a process has loaded, as V8 counts them. */
const loaded = async (world: World, folder: string, name: string, text: string): Promise<ReadonlyArray<string>> => {
  write(folder, { [name]: text })
  const coverage = join(folder, `coverage-${name}`)
  await run(folder, [process.execPath, name], world.limit, { NODE_V8_COVERAGE: coverage })
  return readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), "utf8")) as {
      result: ReadonlyArray<{ url: string }>
    }
    return result.flatMap(({ url }) => url.includes("/effect-posthog/dist/") ? [url.replace(/.*\/dist\//, "")] : [])
  })
}

/** A file costs Node a third of a millisecond, however small it is. */
const fewFiles: Consumer = {
  name: "Node loads few files, with the names that the many have",
  run: async (world) => {
    const folder = await installed(world, "few-files", {}, "names.mjs")
    for (
      const [name, text, most] of [
        // The front door: a file for each module, which is its namespace, beside those with the code.
        ["all.mjs", "import \"effect-posthog\"", 36],
        ["all.cjs", "require(\"effect-posthog\")", 36],
        ["live.mjs", "import \"effect-posthog/PostHogLive\"", 8],
        ["one.mjs", "import \"effect-posthog/PostHog\"", 4],
        ["one.cjs", "require(\"effect-posthog/PostHog\")", 5]
      ] as const
    ) {
      const files = await loaded(world, folder, name, text)
      const others = files.filter((file) => !file.startsWith(name.endsWith("mjs") ? "node/esm/" : "node/cjs/"))
      if (files.length < 3 || files.length > most || others.length > 0) throw new Error(`${name}:\n${files.join("\n")}`)
    }
    const output = await run(folder, [process.execPath, "names.mjs"], world.limit)
    if (!output.includes("done")) throw new Error(output)
  }
}

/** Package managers that only warn leave the other major of Effect, and no `@effect/platform`, which it does not have. */
const otherMajor: Consumer = {
  name: "every entry point says which package the other major of Effect needs",
  run: async (world) => {
    const home = await installed(world, "entries", {})
    const folder = place(world, "other-major", {})
    const library = join(folder, "node_modules/effect-posthog")
    // Not a link, or Node would look for Effect where that leads to.
    cpSync(join(home, "node_modules/effect-posthog"), library, { recursive: true, dereference: true })
    symlinkSync(join(root, "effect-4/node_modules/effect"), join(folder, "node_modules/effect"), "dir")
    const { exports } = JSON.parse(readFileSync(join(library, "package.json"), "utf8")) as { readonly exports: object }
    for (const path of Object.keys(exports)) {
      if (path === "./package.json") continue
      const name = `effect-posthog${path.slice(1)}`
      for (const load of [`import(${JSON.stringify(name)})`, `(async () => require(${JSON.stringify(name)}))()`]) {
        const program = `${load}.then(() => console.log("loaded"), (error) => console.log(String(error)))`
        const output = await run(folder, [process.execPath, "-e", program], world.limit)
        if (!output.includes("effect-posthog@3 needs effect@3")) throw new Error(`${name}, ${load}: ${output}`)
      }
    }
  }
}

export const consumers: ReadonlyArray<Consumer> = [
  node("program.mjs"),
  node("program.cjs"),
  copies,
  fewFiles,
  otherMajor,
  typescript({ module: "node16", moduleResolution: "node16", type: "module" }),
  typescript({ module: "node16", moduleResolution: "node16", type: "commonjs" }),
  typescript({ module: "commonjs", moduleResolution: "node10", type: "commonjs" }),
  esbuild("esm", "program.mjs"),
  esbuild("cjs", "program.cjs")
]

/** Like the others, for the long run. */
export const further: ReadonlyArray<Consumer> = [
  typescript({ module: "nodenext", moduleResolution: "nodenext", type: "module" }),
  typescript({ module: "nodenext", moduleResolution: "nodenext", type: "commonjs" }),
  typescript({ module: "es2022", moduleResolution: "bundler", type: "module" }),
  esbuild("esm", "program.cjs")
]
