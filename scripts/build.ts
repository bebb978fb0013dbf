/**
 * Builds `dist`: the library as ES modules and, from the same sources, as CommonJS modules, each with types of its own, because a
 * compiler in `node16` mode takes the format of a module from its declaration file.
 */
import { spawnSync } from "node:child_process"
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import ts from "typescript"

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
// The nearest package.json says what a `.js` file is, and bundlers read there whether a module may be left out.
await writeFile("dist/cjs/package.json", "{ \"type\": \"commonjs\", \"sideEffects\": false }\n")
