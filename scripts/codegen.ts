/**
 * Writes what follows from the list of public modules: src/index.ts, with a namespace for each and the few names that are worth
 * having without one, and the sub-paths and files in package.json. And copies the programs of examples/frameworks into their page,
 * and lists the decisions.
 *
 *   npm run codegen              writes the files
 *   npm run codegen -- --check   fails when they are not what would be written
 */
import { readdir, readFile, writeFile } from "node:fs/promises"
import { decisionsIndex } from "./decisions.js"
import { optionTable } from "./optionTable.js"
import { publicApi } from "./publicApi.js"

/** Names that are exported as such, by module. */
const direct: Readonly<Record<string, ReadonlyArray<string>>> = {
  PostHog: ["capture"],
  PostHogLive: ["PostHogLive"],
  PostHogTest: ["TestLayer"]
}

/** Modules whose only use is such a name. */
const withoutNamespace = new Set(["EffectAi", "PostHogLive"])

/** Modules that are imported from their own path alone, because they are for Node, and no program shall have them unasked. */
const apart = new Set(["PostHogServer"])

const purpose = (source: string): string => {
  const header = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(source)?.[1]
  if (header === undefined) throw new Error("a module begins with a doc comment that says what it is for")
  return header.split("\n *\n")[0]!
}

const modules = (await readdir("src")).filter((name) => /^[A-Z]\w*\.ts$/.test(name)).map((name) => name.slice(0, -3))
  .sort()
const parts = ["// Written by scripts/codegen.ts."]
for (const module of modules) {
  if (withoutNamespace.has(module) || apart.has(module)) continue
  const text = purpose(await readFile(`src/${module}.ts`, "utf8"))
  parts.push(`/**\n${text}\n *\n * @since 0.1.0\n */\nexport * as ${module} from "./${module}.js"`)
}
for (const module of modules) {
  for (const name of direct[module] ?? []) {
    parts.push(`export {\n  /**\n   * @since 0.1.0\n   */\n  ${name}\n} from "./${module}.js"`)
  }
}
const file = (folder: string, module: string) => `./dist/${folder}/${module}.js`
/**
 * As with `effect`: what does not ask for ES modules gets CommonJS. Node gets the modules in few files (scripts/chunks.ts).
 * Bundlers for Node say `module` as well, and what is not Node does not say `node`: both get a file for each module, of
 * which they can leave out.
 */
const target = (module: string) => ({
  import: {
    types: `./dist/esm/${module}.d.ts`,
    module: file("esm", module),
    node: file("node/esm", module),
    default: file("esm", module)
  },
  default: {
    types: `./dist/cjs/${module}.d.ts`,
    node: file("node/cjs", module),
    default: file("cjs", module)
  }
})
const manifest = JSON.parse(await readFile("package.json", "utf8")) as Record<string, unknown>
manifest.exports = {
  ".": target("index"),
  "./package.json": "./package.json",
  ...Object.fromEntries(modules.map((module) => [`./${module}`, target(module)]))
}
// The folders of scripts/folders.ts among them.
manifest.files = ["CHANGELOG.md", "dist", "docs", "examples", "src", ...modules]

const frameworks = "docs/frameworks.md"
/** Programs that name their file in the first line. They are checked where they are, so their language is not `ts`, which scripts/docs.ts takes. */
const included = /^```typescript\n\/\/ (examples\/\S+)\n[\s\S]*?^```$/gm

const withPrograms = async (page: string): Promise<string> => {
  const files = Array.from(page.matchAll(included), (match) => match[1]!)
  const texts = new Map(await Promise.all(files.map(async (file) => [file, await readFile(file, "utf8")] as const)))
  return page.replace(included, (_, file: string) => {
    const program = texts.get(file)!.replace(/^\/\*\*\n(?: \*.*\n)+/, "").trim()
    return `\`\`\`typescript\n// ${file}\n${program}\n\`\`\``
  })
}

const table = await optionTable()
const page = "docs/getting-started.md"
const withOptions = (await readFile(page, "utf8")).replace(
  /(<!-- options -->\n\n)[\s\S]*?(\n\n<!-- \/options -->)/,
  (_, begin: string, end: string) => begin + table + end
)

const wanted: Readonly<Record<string, string>> = {
  [page]: withOptions,
  "src/index.ts": `${parts.join("\n\n")}\n`,
  "package.json": `${JSON.stringify(manifest, undefined, 2)}\n`,
  "public-api.txt": publicApi(modules),
  "docs/decisions.md": await decisionsIndex(),
  [frameworks]: await withPrograms(await readFile(frameworks, "utf8"))
}
for (const [file, text] of Object.entries(wanted)) {
  if (!process.argv.includes("--check")) {
    await writeFile(file, text)
  } else if (await readFile(file, "utf8").catch(() => "") !== text) {
    console.error(`${file} is not up to date; run npm run codegen`)
    process.exitCode = 1
  }
}
