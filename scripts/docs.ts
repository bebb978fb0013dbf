/**
 * Takes the programs out of the documentation (README, docs/, and the doc comments of src) and checks their types, so that
 * what a reader copies compiles.
 */
import { spawnSync } from "node:child_process"
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"

const out = ".tmp/docs"

/** Programs in a Markdown text, or in a doc comment once its stars are gone. */
const programs = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/^```ts\n([\s\S]*?)^```$/gm), (match) => match[1]!)

const sources = [
  "README.md",
  ...(await readdir("docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
  ...(await readdir("src")).filter((name) => name.endsWith(".ts")).map((name) => `src/${name}`)
]

await rm(out, { recursive: true, force: true })
await mkdir(out, { recursive: true })
let count = 0
for (const source of sources) {
  const text = await readFile(source, "utf8")
  const plain = source.endsWith(".ts") ? text.replace(/^ \* ?/gm, "") : text
  for (const [index, program] of programs(plain).entries()) {
    const name = `${source.replace(/\W+/g, "-")}-${index + 1}.ts`
    await writeFile(`${out}/${name}`, `// ${source}, program ${index + 1}\n${program}\nexport {}\n`)
    count++
  }
}
const { compilerOptions } = JSON.parse(await readFile("tsconfig.json", "utf8")) as {
  readonly compilerOptions: { readonly paths: Readonly<Record<string, ReadonlyArray<string>>> }
}
await writeFile(
  `${out}/tsconfig.json`,
  JSON.stringify({
    extends: "../../tsconfig.json",
    compilerOptions: {
      incremental: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      paths: Object.fromEntries(
        Object.entries(compilerOptions.paths).map(([name, paths]) => [name, paths.map((path) => `../../${path}`)])
      )
    },
    include: ["*.ts"]
  })
)
const { status } = spawnSync("npx", ["tsc", "--noEmit", "-p", out], { stdio: "inherit" })
console.log(`${count} programs of the documentation compile`)
process.exit(status ?? 1)
