/**
 * Builds `dist`: the library as ES modules and, from the same sources, as CommonJS modules, each with types of its own, because a
 * compiler in `node16` mode takes the format of a module from its declaration file. And the
 * same modules in few files, for Node.
 */
import { spawnSync } from "node:child_process"
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join, sep } from "node:path"
import ts from "typescript"
import { writeChunks } from "./chunks.js"

await rm("dist", { recursive: true, force: true })
const { status } = spawnSync("npx", ["--no-install", "tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" })
if (status !== 0) process.exit(status ?? 1)

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

for (const file of await readdir("src", { recursive: true })) {
  if (!file.endsWith(".ts")) continue
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

/** Modules of Effect 3 that Effect 4 does not have. */
const onlyIn3 = new Set([
  "ConfigError",
  "DefaultServices",
  "Either",
  "FiberId",
  "FiberRef",
  "FiberRefs",
  "GlobalValue",
  "List",
  "MetricLabel",
  "ParseResult"
])

/**
 * Under Effect 4 the first import of one of them fails before any line of this library has run, with an error that names the file which
 * imports. So all of them are imported in one folder, whose name is the message. CommonJS runs as it loads, and can say a sentence.
 */
const guard = "needs-effect-3"
const advice = "effect-posthog needs Effect 3, and another major of \"effect\" is installed: " +
  "npm install effect@3 @effect/platform@0 (docs/install.md)"

for (const file of await readdir("dist/esm", { recursive: true })) {
  if (!file.endsWith(".js")) continue
  const up = "../".repeat(file.split(sep).length - 1) || "./"
  const text = await readFile(join("dist/esm", file), "utf8")
  const guarded = text.replace(
    / from "effect\/(\w+)"/g,
    (all, module: string) => onlyIn3.has(module) ? ` from "${up}${guard}/${module}.js"` : all
  )
  if (guarded !== text) await writeFile(join("dist/esm", file), guarded)
}
for (const format of ["esm", "cjs"]) await mkdir(`dist/${format}/${guard}`)
for (const module of onlyIn3) {
  await writeFile(`dist/esm/${guard}/${module}.js`, `export * from "effect/${module}"\n`)
}
await writeFile(
  `dist/cjs/${guard}/check.js`,
  `"use strict"
try {
  require("effect/FiberRef")
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

await writeChunks()
