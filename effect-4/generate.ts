/**
 * Makes `effect-4/build`, the repository for Effect 4, out of the one for Effect 3. Files below `effect-4/` that are
 * written by hand take the place of those with the same path.
 *
 * Fails on what it does not know, on rows of the table that nothing needs, and on programs that take nothing's place.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { makeKnown } from "./known.js"
import { manifestFor4 } from "./manifest.js"
import { makeIsPure } from "./pure.js"
import { table } from "./table.js"
import { type Problem, translateBlocks, type Translated, translateSource } from "./translate.js"

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)
const build = join(here, "build")

/** What is made for Effect 4. */
const roots = ["src", "test", "examples", "bench", "docs", "dtslint", "README.md"]

/** What the package for Effect 4 is built with, as it is. */
const asItIs = [
  "CHANGELOG.md",
  "LICENSE",
  "scripts",
  "tsconfig.build.json",
  "tsconfig.build.node.json",
  "tsconfig.dist.json",
  "tsconfig.dist.effect-ai.json",
  "tstyche.config.json"
]

/** What is about the repository or the package for Effect 3 itself, or has no Effect in it. */
const left: ReadonlyArray<RegExp> = [
  // Rules of the sources that people write, the generator, and the package for Effect 3; scripts/test.ts checks the other package.
  /^test\/system\/(?:consumers|generator|house|package)\.test\.ts$/,
  /^test\/consumers\//,
  /^examples\/frameworks\/next\b/,
  // A router of Effect 4 is no app.
  /^dtslint\/router\.tst\.ts$/,
  // Providers have no client of effect/ai for Effect 4.
  /^test\/oracle\/effectAiClients\.test\.ts$/,
  /^test\/EffectAiProviders\.test\.ts$/,
  // Its subject is what @effect/ai says on Effect 3; effectAi4.test.ts has what effect/ai says, and runs on both.
  /^test\/core\/llm\/effectAi\.test\.ts$/
]

const isLeft = (path: string): boolean => left.some((pattern) => pattern.test(path))

async function* filesBelow(path: string): AsyncGenerator<string> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === ".tmp") continue
    if (entry.isDirectory()) yield* filesBelow(join(path, entry.name))
    else yield join(path, entry.name)
  }
}

const isPure = makeIsPure(root, here)

const exists = async (path: string): Promise<boolean> => await readFile(path).then(() => true, () => false)

const write = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

/** Files that have been asked for programs by hand. */
const pages = new Set<string>()

/**
 * Programs of a page, or of the doc comments of a source, that are written by hand: `effect-4/blocks/docs/http.md/2.ts` is
 * the second of that page.
 */
const ownBlocks = async (path: string): Promise<ReadonlyMap<number, string>> => {
  const folder = join(here, "blocks", path)
  const names = await readdir(folder).catch(() => [])
  pages.add(path)
  return new Map(
    await Promise.all(
      names.map(async (name) => [Number.parseInt(name), await readFile(join(folder, name), "utf8")] as const)
    )
  )
}

const problems: Array<Problem> = []
const rows = new Set<string>()
const known = makeKnown()

const take = ({ problems: found, rows: used, text }: Translated): string => {
  problems.push(...found)
  for (const row of used) rows.add(row)
  return text
}

const one = async (file: string): Promise<void> => {
  const path = relative(root, file)
  if (isLeft(path) || isPure(path) || await exists(join(here, path))) return
  const to = join(build, path)
  // One commit is one version of both packages, but for the major.
  if (path === "src/internal/version.ts") {
    return await write(to, (await readFile(file, "utf8")).replace("\"3.", "\"4."))
  }
  // Pure, and its own: there is no Effect in it.
  const isSource = /\.m?ts$/.test(path) && !path.startsWith("src/core/")
  if (isSource || path.endsWith(".md")) {
    const translate = isSource ? translateSource : translateBlocks
    return await write(to, take(translate(path, await readFile(file, "utf8"), table, known, await ownBlocks(path))))
  }
  await mkdir(dirname(to), { recursive: true })
  await cp(file, to)
}

await rm(build, { recursive: true, force: true })
for (const name of roots) {
  const path = join(root, name)
  if (name.includes(".")) await one(path)
  else for await (const file of filesBelow(path)) await one(file)
}
for (const name of roots) {
  const path = join(here, name)
  if (await exists(path)) await cp(path, join(build, name))
  else await readdir(path).then(() => cp(path, join(build, name), { recursive: true }), () => undefined)
}

for (const name of asItIs) await cp(join(root, name), join(build, name), { recursive: true })
const settings = JSON.parse(await readFile(join(root, "tsconfig.json"), "utf8")) as {
  readonly compilerOptions: { paths: object }
}
settings.compilerOptions.paths = { ...settings.compilerOptions.paths, "@effect/vitest": ["../vitest.ts"] }
await write(join(build, "tsconfig.json"), `${JSON.stringify(settings, undefined, 2)}\n`)
await write(join(build, "package.json"), manifestFor4(await readFile(join(root, "package.json"), "utf8")))

for (const { file, line, message } of problems) console.error(`${file}:${line}: ${message}`)
const all = [
  ...Object.keys(table.modules),
  ...Object.keys(table.members),
  ...Object.keys(table.shapes),
  ...Object.keys(table.properties)
]
const unused = all.filter((row) => !rows.has(row))
for (const row of unused) console.error(`table.ts: nothing needs the row ${row}`)
for await (const block of filesBelow(join(here, "blocks"))) {
  const page = relative(join(here, "blocks"), dirname(block))
  if (pages.has(page)) continue
  console.error(`${relative(root, block)}: nothing is made of ${page}`)
  process.exitCode = 1
}
if (problems.length + unused.length > 0) process.exitCode = 1
