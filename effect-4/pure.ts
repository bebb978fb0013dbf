/**
 * Which tests there is nothing to learn from on Effect 4: those of `src/core` that bring no value of Effect's with them.
 * They run once, on Effect 3.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import ts from "typescript"

/** Says of a file of the repository whether it is such a test. */
export const makeIsPure = (root: string, overlays: string): (path: string) => boolean => {
  const known = new Map<string, boolean>()

  const fileOf = (from: string, specifier: string): string | undefined => {
    const own = /^effect-posthog(?:\/(.*))?$/.exec(specifier)
    if (own !== null) return join(root, "src", `${own[1] ?? "index"}.ts`)
    return specifier.startsWith(".") ? resolve(dirname(from), specifier.replace(/\.js$/, ".ts")) : undefined
  }

  const reachesEffect = (file: string): boolean => {
    const before = known.get(file)
    if (before !== undefined) return before
    if (existsSync(join(overlays, relative(root, file)))) return true
    // Knows nothing of Effect but what values look like, which are not there.
    if (relative(root, file).startsWith("src/core/")) return false
    // Files may import each other.
    known.set(file, false)
    const { importedFiles } = ts.preProcessFile(readFileSync(file, "utf8"))
    const reaches = importedFiles.some(({ fileName }) => {
      const imported = fileOf(file, fileName)
      if (imported !== undefined) return imported.endsWith(".ts") && existsSync(imported) && reachesEffect(imported)
      return /^(?:effect|@effect)(?:\/|$)/.test(fileName) && fileName !== "@effect/vitest"
    })
    known.set(file, reaches)
    return reaches
  }

  return (path) => /^test\/.*\.test\.ts$/.test(path) && !reachesEffect(join(root, path))
}
