/**
 * Builds, checks and packs both packages of the commit that is checked out, and prints the lines that publish them. It
 * publishes nothing itself.
 *
 *   npm run release
 */
import { spawnSync } from "node:child_process"
import { readFile } from "node:fs/promises"
import { pack, packFor4 } from "./pack.js"

const run = (...command: ReadonlyArray<string>): string => {
  const { status, stderr, stdout } = spawnSync(command[0]!, command.slice(1), { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command.join(" ")}\n${stdout}${stderr}`)
  return stdout.trim()
}

const npx = (...command: ReadonlyArray<string>): string => run("npx", "--no-install", ...command)

const changed = run("git", "status", "--porcelain")
if (changed !== "") throw new Error(`there is something that is not committed:\n${changed}`)

const { version } = JSON.parse(await readFile("package.json", "utf8")) as { readonly version: string }
if (!version.startsWith("3.")) throw new Error(`the version at the top is ${version}; its major is that of Effect, 3`)

const folder = ".tmp/release"
const tarballs = [
  { tarball: await pack(`${folder}/3`), tag: "effect-3", profile: "strict" },
  { tarball: await packFor4(`${folder}/4`), tag: "latest", profile: "esm-only" }
]
for (const { profile, tarball } of tarballs) {
  npx("publint", "--strict", tarball)
  npx("attw", "--profile", profile, tarball)
}
npx("tsx", "effect-4/surface.ts", "--check")

console.log(
  `effect-posthog ${version} and ${version.replace("3.", "4.")} of ${run("git", "rev-parse", "--short", "HEAD")}\n`
)
for (const { tag, tarball } of tarballs) console.log(`npm publish ${tarball} --tag ${tag}`)
