/**
 * Builds `dist`: the library as ES modules and, from the same sources, as CommonJS modules, each with types of its own, because a
 * compiler in `node16` mode takes the format of a module from its declaration file. And the
 * same modules in few files, for Node.
 */
import { build } from "esbuild"
import { spawnSync } from "node:child_process"
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join, sep } from "node:path"
import ts from "typescript"
import { writeChunks } from "./chunks.js"
import { advice, guard, isOnlyHere, major } from "./guard.js"

await rm("dist", { recursive: true, force: true })
// Only the local PostHog knows Node, and is compiled with its types: nothing else can come to lean on them.
for (const project of ["tsconfig.build.json", "tsconfig.build.node.json"]) {
  const { status } = spawnSync("npx", ["--no-install", "tsc", "-p", project], { stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}

/** The types are checked by now: what is left is to write the modules in the other format. */
const commonJs: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.CommonJS,
  moduleDetection: ts.ModuleDetectionKind.Force,
  // Every module that is imported is one that was written as an ES module, so nothing has to be wrapped.
  esModuleInterop: false,
  isolatedModules: true,
  sourceMap: true
}

/** Effect 4 itself is nothing but ES modules. */
const formats = major === 3 ? ["esm", "cjs"] : ["esm"]

/**
 * The command is no part of the library: it knows Node, whose types the library is built without, and is a module of the
 * one format in which it can load a program's modules.
 */
const command = "bin.ts"
const { outputText: commandText } = ts.transpileModule(await readFile(join("src", command), "utf8"), {
  compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, verbatimModuleSyntax: true },
  fileName: command
})
await writeFile("dist/esm/bin.js", commandText, { mode: 0o755 })

for (const file of await readdir("src", { recursive: true })) {
  if (!file.endsWith(".ts") || file === command || !formats.includes("cjs")) continue
  const base = file.slice(0, -".ts".length)
  const out = join("dist/cjs", base)
  await mkdir(dirname(out), { recursive: true })
  const { outputText, sourceMapText } = ts.transpileModule(await readFile(join("src", file), "utf8"), {
    compilerOptions: commonJs,
    fileName: file
  })
  await writeFile(`${out}.js`, outputText)
  const map = JSON.parse(sourceMapText!) as { readonly sources: ReadonlyArray<string> }
  const { sources } = JSON.parse(await readFile(join("dist/esm", `${base}.js.map`), "utf8")) as typeof map
  await writeFile(`${out}.js.map`, JSON.stringify({ ...map, sources }))
  for (const extension of [".d.ts", ".d.ts.map"]) await copyFile(join("dist/esm", base + extension), out + extension)
}

/** What is imported through the guard's folder. CommonJS runs as it loads, and can say a sentence. */
const guarded = new Set<string>()
for (const file of await readdir("dist/esm", { recursive: true })) {
  if (!file.endsWith(".js")) continue
  const up = "../".repeat(file.split(sep).length - 1) || "./"
  const text = await readFile(join("dist/esm", file), "utf8")
  const through = text.replace(
    /^((?:im|ex)port .*) from "effect\/([\w/-]+)"/gm,
    (all, what: string, module: string) => {
      if (!isOnlyHere(module)) return all
      guarded.add(module)
      return `${what} from "${up}${guard}/${module}.js"`
    }
  )
  if (through !== text) await writeFile(join("dist/esm", file), through)
}
for (const format of formats) await mkdir(`dist/${format}/${guard}`)
for (const module of guarded) {
  const to = `dist/esm/${guard}/${module}.js`
  await mkdir(dirname(to), { recursive: true })
  await writeFile(to, `export * from "effect/${module}"\n`)
}
if (formats.includes("cjs")) {
  await writeFile(
    `dist/cjs/${guard}/check.js`,
    `"use strict"
try {
  require("effect/${Array.from(guarded)[0]}")
} catch (cause) {
  throw new Error(${JSON.stringify(advice)}, { cause })
}
`
  )
  for (const file of await readdir("dist/cjs")) {
    if (!file.endsWith(".js")) continue
    const text = await readFile(join("dist/cjs", file), "utf8")
    // In the same line, so that the source map stays right.
    await writeFile(
      join("dist/cjs", file),
      text.replace(/^"use strict";/, `"use strict"; require("./${guard}/check.js");`)
    )
  }

  // The nearest package.json says what a `.js` file is, and bundlers read there whether a module may be left out.
  await writeFile("dist/cjs/package.json", "{ \"type\": \"commonjs\", \"sideEffects\": false }\n")
}

// Who starts the local PostHog waits for it, and each file costs a third of a millisecond or more. What is about tracking
// plans stays where it is, because it loads Effect.
await build({
  entryPoints: ["dist/esm/bin.js"],
  outfile: "dist/esm/bin.js",
  allowOverwrite: true,
  bundle: true,
  external: ["./internal/cli/plans.js"],
  format: "esm",
  platform: "node",
  target: "es2022",
  logLevel: "warning"
})

await writeChunks(formats.includes("cjs"))
