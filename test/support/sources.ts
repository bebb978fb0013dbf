/**
 * Sources that were written by a program: whether they compile, and what they export.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { run } from "./child.js"

/** Has the texts as modules of this repository, as long as `use` runs. */
const withModules = async <A>(
  texts: ReadonlyArray<string>,
  use: (paths: ReadonlyArray<string>) => Promise<A>
): Promise<A> => {
  mkdirSync(".tmp", { recursive: true })
  const folder = mkdtempSync(resolve(".tmp", "source-"))
  try {
    const paths = texts.map((text, index) => {
      const path = join(folder, `source${index}.ts`)
      writeFileSync(path, text)
      return path
    })
    return await use(paths)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What the compiler says about modules, with the settings of this repository. */
export const compile = (...texts: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  withModules(texts, async (args) => {
    const { stderr, stdout } = await run("test/programs/compileSources.ts", { args })
    if (stdout === "") throw new Error(stderr)
    return JSON.parse(stdout) as ReadonlyArray<string>
  })

/** What a module exports. */
export const load = (text: string): Promise<Record<string, unknown>> =>
  withModules([text], ([path]) => import(pathToFileURL(path!).href) as Promise<Record<string, unknown>>)
