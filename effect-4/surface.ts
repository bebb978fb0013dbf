/**
 * What the public types of the two packages have in common and what not: `effect-4/surface.diff`, which is committed, so
 * that a difference that somebody makes shows in a review. Wants both packages built.
 *
 *   tsx effect-4/surface.ts           writes it
 *   tsx effect-4/surface.ts --check   fails when it is not what would be written
 */
import { spawnSync } from "node:child_process"
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import ts from "typescript"

const pinned = "effect-4/surface.diff"
const folders = { 3: "dist/esm", 4: "effect-4/build/dist/esm" } as const
const out = ".tmp/surface"

const printer = ts.createPrinter({ removeComments: true })

/** The types of a module, with those in their places that it exports again as a whole. */
const typesOf = async (file: string): Promise<string> => {
  const source = ts.createSourceFile(file, await readFile(file, "utf8"), ts.ScriptTarget.Latest)
  const text = printer.printFile(source).replace(/^\/\/# .*\n?/gm, "")
  const parts = await Promise.all(
    text.split(/^(export \* from "\..*";\n)/m).map((part) => {
      const [, from] = /^export \* from "(.*)\.js"/.exec(part) ?? []
      return from === undefined ? part : typesOf(join(dirname(file), `${from}.d.ts`))
    })
  )
  return parts.join("")
}

await rm(out, { recursive: true, force: true })
for (const [major, folder] of Object.entries(folders)) {
  await mkdir(`${out}/${major}`, { recursive: true })
  for (const file of await readdir(folder)) {
    if (!/^[A-Z]\w*\.d\.ts$/.test(file)) continue
    await writeFile(`${out}/${major}/${file}`, await typesOf(join(folder, file)))
  }
}
const { status, stdout } = spawnSync("git", ["diff", "--no-index", "--no-color", "-U0", "3", "4"], {
  cwd: out,
  encoding: "utf8",
  maxBuffer: 2 ** 26
})
if (status !== 0 && status !== 1) throw new Error("git diff failed")
const diff = stdout.split("\n").filter((line) => !/^(?:diff|index|@@) ?/.test(line)).join("\n")
if (!process.argv.includes("--check")) await writeFile(pinned, diff)
else if (await readFile(pinned, "utf8").catch(() => "") !== diff) {
  console.error(`${pinned} is not up to date; build both packages and run npx tsx effect-4/surface.ts`)
  process.exitCode = 1
}
