// The few files that Node gets are the same modules as the many that bundlers get: they export the same, and functions and
// classes have the same names, which stacks and logs show.
import { deepStrictEqual } from "node:assert"
import { readdirSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

const require = createRequire(import.meta.url)
const dist = join(require.resolve("effect-posthog/package.json"), "../dist")

/** What each export is, with the names of functions. */
const surface = (module) =>
  Object.fromEntries(
    Object.entries(module).map(([key, value]) => [key, typeof value === "function" ? `${value.name}()` : typeof value])
      .sort(([a], [b]) => a < b ? -1 : 1)
  )

for (const file of readdirSync(join(dist, "esm"))) {
  // Its peer is not installed here: that everything else loads shows that nothing else needs it. The command is one file.
  if (!file.endsWith(".js") || file === "EffectAi.js" || file === "bin.js") continue
  const load = (folder) => import(pathToFileURL(join(dist, folder, file)).href)
  deepStrictEqual(surface(await load("node/esm")), surface(await load("esm")), file)
  deepStrictEqual(surface(require(join(dist, "node/cjs", file))), surface(require(join(dist, "cjs", file))), file)
}
console.log("done")
