/**
 * What says that another major of Effect is installed than a package is for. npm refuses the pair; pnpm, yarn and bun
 * only warn, or say nothing.
 *
 * The first import of a module that the other major does not have fails before any line of this library has run, with an
 * error that names the file which imports. So all of these imports are in one folder, whose name is the message.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

const { peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly peerDependencies: { readonly effect: string }
}

/** The major of Effect for which the package in this folder is, and the other one. */
export const major = Number(/\d/.exec(peerDependencies.effect)![0])
const other = major === 3 ? 4 : 3

export const guard =
  `effect-posthog@${major} needs effect@${major}, for effect@${other} run npm install effect-posthog@${other}`

export const advice =
  `effect-posthog@${major} needs effect@${major}, and another major of "effect" is installed: run npm ` +
  `install effect-posthog@${other}, or install effect@${major} (docs/install.md)`

/** Where the two majors are when this repository is installed. */
const packages = ["node_modules", "../node_modules", "../../node_modules", "effect-4/node_modules"]
  .map((folder) => join(folder, "effect"))
  .filter((path) => existsSync(join(path, "package.json")))

const majorOf = (path: string): number =>
  Number.parseInt((JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as { version: string }).version)

const elsewhere = packages.find((path) => majorOf(path) === other)
if (elsewhere === undefined) throw new Error(`effect ${other} is not installed, so it is not known what it lacks`)

/** Whether the other major lacks a module such as `FiberRef`. */
export const isOnlyHere = (module: string): boolean =>
  !["dist", join("dist", "esm")].some((folder) => existsSync(join(elsewhere, folder, `${module}.js`)))
