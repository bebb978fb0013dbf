/**
 * Whether the library runs on the newest Effect 4: installs it in a copy of the generated repository, checks the types and
 * runs the suite. Much of what the library stands on there (`effect/http` and its kin) may change in a minor version.
 *
 *   npm run effect-4:latest                 everything
 *   npm run effect-4:latest -- test/PostHog.test.ts   some of the tests
 */
import { spawnSync } from "node:child_process"
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"

const root = resolve(".")
const folder = resolve(".tmp/effect-4-latest")

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): void => {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}

run(root, "npx", "--no-install", "tsx", "effect-4/generate.ts")
await rm(folder, { recursive: true, force: true })
await mkdir(join(folder, "effect-4"), { recursive: true })
// In the same places as in the repository, so that every relative path is right.
await symlink(join(root, "node_modules"), join(folder, "node_modules"), "dir")
for (const name of ["build", "tsconfig.json", "vitest.config.ts", "vitest.ts", "testing.ts", "package.json"]) {
  await cp(join(root, "effect-4", name), join(folder, "effect-4", name), { recursive: true })
}
await cp(join(root, "tsconfig.json"), join(folder, "tsconfig.json"))
const manifest = join(folder, "effect-4", "package.json")
const { devDependencies, ...others } = JSON.parse(await readFile(manifest, "utf8")) as {
  readonly devDependencies: Readonly<Record<string, string>>
}
const newest = Object.fromEntries(Object.keys(devDependencies).map((name) => [name, "^4"]))
await writeFile(manifest, JSON.stringify({ ...others, devDependencies: newest }, undefined, 2))
run(join(folder, "effect-4"), "npm", "install", "--no-package-lock", "--workspaces=false", "--loglevel=error")
run(join(folder, "effect-4"), "npm", "ls", "effect")
run(folder, "npx", "--no-install", "tsc", "-p", "effect-4/tsconfig.json")
run(
  join(folder, "effect-4", "build"),
  "npx",
  "--no-install",
  "vitest",
  "run",
  "--config",
  "../vitest.config.ts",
  ...process.argv.slice(2)
)
