/**
 * Builds the package and packs it as it would be published.
 *
 *   tsx scripts/pack.ts FOLDER              writes FOLDER/effect-posthog.tgz
 *   tsx scripts/pack.ts FOLDER --effect=4   the package for Effect 4
 */
import { spawnSync } from "node:child_process"
import { mkdir, rename } from "node:fs/promises"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** The folder of the script's package: of the repository, or what is made of it for Effect 4. */
const root = fileURLToPath(new URL("..", import.meta.url))

/** Gives the path of the tarball. */
export const pack = (folder: string): Promise<string> => packIn(root, folder)

/** The same for Effect 4, whose sources are made first. */
export const packFor4 = async (folder: string): Promise<string> => {
  const { status } = spawnSync("npx", ["--no-install", "tsx", "effect-4/generate.ts"], { cwd: root, stdio: "inherit" })
  if (status !== 0) throw new Error("there are no sources for Effect 4")
  return await packIn(join(root, "effect-4", "build"), folder)
}

const packIn = async (cwd: string, folder: string): Promise<string> => {
  await mkdir(folder, { recursive: true })
  const { status, stderr, stdout } = spawnSync("npm", ["pack", "--json", "--pack-destination", resolve(folder)], {
    cwd,
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`npm pack failed\n${stdout}\n${stderr}`)
  // What the build says comes before it.
  const [{ filename }] = JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as [{ readonly filename: string }]
  const tarball = resolve(folder, "effect-posthog.tgz")
  await rename(join(folder, filename), tarball)
  return tarball
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = ".tmp"] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"))
  console.log(await (process.argv.includes("--effect=4") ? packFor4 : pack)(folder))
}
