/**
 * Builds the package and packs it as it would be published.
 *
 *   tsx scripts/pack.ts FOLDER   writes FOLDER/effect-posthog.tgz
 */
import { spawnSync } from "node:child_process"
import { mkdir, rename } from "node:fs/promises"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Gives the path of the tarball. */
export const pack = async (folder: string): Promise<string> => {
  await mkdir(folder, { recursive: true })
  const { status, stderr, stdout } = spawnSync("npm", ["pack", "--json", "--pack-destination", resolve(folder)], {
    cwd: root,
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`npm pack failed\n${stdout}\n${stderr}`)
  // What the build says comes before it.
  const [{ filename }] = JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as [{ readonly filename: string }]
  const tarball = resolve(folder, "effect-posthog.tgz")
  await rename(join(folder, filename), tarball)
  return tarball
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await pack(process.argv[2] ?? ".tmp"))
