/**
 * Programs as one file, for runtimes other than that of the tests.
 */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const src = fileURLToPath(new URL("../../src/", import.meta.url))

/** A program with all that it imports, this library as it is in `src`. `browser` stands for platforms with nothing of Node. */
export const bundle = async (entry: string, platform: "browser" | "node"): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform,
    alias: { "effect-posthog": `${src}index.ts` },
    logLevel: "error",
    sourcemap: false
  })
  return outputFiles[0]!.text
}
