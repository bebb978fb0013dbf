/**
 * What a program that captures weighs on top of Effect and `HttpClient`, minified, and which modules make it up. For
 * Effect 4 after `npx tsx effect-4/generate.ts`.
 *
 *     npx tsx scripts/bundleSize.ts [--effect=4] [entry]
 */
import { build } from "esbuild"
import { join, resolve } from "node:path"
import { gzipSync } from "node:zlib"

const root = process.argv.includes("--effect=4") ? "effect-4/build" : "."
const given = process.argv.slice(2).find((argument) => !argument.startsWith("--"))

const bundle = async (entry: string) => {
  const { metafile, outputFiles } = await build({
    entryPoints: [join(root, entry)],
    outdir: ".tmp/size",
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node20",
    metafile: true,
    write: false,
    alias: { "effect-posthog": resolve(root, "src") }
  })
  const { text } = outputFiles[0]!
  const [output] = Object.values(metafile.outputs)
  return {
    gzipped: gzipSync(text, { level: 9 }).length,
    modules: new Map(Object.entries(output!.inputs).map(([name, { bytesInOutput }]) => [name, bytesInOutput]))
  }
}

const base = await bundle("bench/bundles/effect.ts")
const ours = await bundle(given ?? "bench/bundles/effect-posthog.ts")

const added = Array.from(ours.modules)
  .map(([name, bytes]) => [name, bytes - (base.modules.get(name) ?? 0)] as const)
  .filter(([, bytes]) => bytes > 0)
  .sort(([, a], [, b]) => b - a)
for (const [name, bytes] of added) {
  console.log(String(bytes).padStart(7), name.replace(/^(?:effect-4\/)?node_modules\//, ""))
}

const sum = (isCounted: (name: string) => boolean) =>
  added.reduce((all, [name, bytes]) => isCounted(name) ? all + bytes : all, 0)
const isOurs = (name: string) => name.startsWith(join(root, "src/"))
console.log(`\n${sum(isOurs)} bytes of this library, ${sum((name) => !isOurs(name))} of others`)
console.log(`${ours.gzipped - base.gzipped} bytes on top, gzipped`)
