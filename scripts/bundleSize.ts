/**
 * What a program that captures weighs in a bundle on top of Effect and `HttpClient`, and which modules make it up.
 *
 *     npx tsx scripts/bundleSize.ts [entry]
 *
 * Sizes of modules are minified bytes; their gzipped size is the part of the whole's that falls on them.
 */
import { build } from "esbuild"
import { resolve } from "node:path"
import { gzipSync } from "node:zlib"

const bundle = async (entry: string) => {
  const { metafile, outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    splitting: true,
    outdir: ".tmp/size",
    format: "esm",
    platform: "node",
    target: "es2022",
    metafile: true,
    write: false,
    alias: { "effect-posthog": resolve("src") }
  })
  const { text } = outputFiles.find(({ path }) => !/chunk|lazy/.test(path))!
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === entry)!
  const later = outputFiles.filter((file) => file.text !== text).map((file) => gzipSync(file.text).length)
  const inputs = new Map(Object.entries(output.inputs).map(([name, { bytesInOutput }]) => [name, bytesInOutput]))
  return { bytes: text.length, gzip: gzipSync(text).length, inputs, later }
}

const base = await bundle("bench/bundles/effect.ts")
const ours = await bundle(process.argv[2] ?? "bench/bundles/effect-posthog.ts")

const added = Array.from(ours.inputs).map(([name, bytes]) => [name, bytes - (base.inputs.get(name) ?? 0)] as const)
  .filter(([, bytes]) => bytes > 40)
  .sort(([, a], [, b]) => b - a)
for (const [name, bytes] of added) {
  console.log(String(bytes).padStart(7), name.replace(/^node_modules\//, ""))
}
const sum = (pattern: RegExp) => added.filter(([name]) => pattern.test(name)).reduce((all, [, bytes]) => all + bytes, 0)
console.log(`\nof this library ${sum(/^src\//)}, of Effect's ${sum(/^node_modules\//)} bytes, minified`)
console.log(`on top ${ours.bytes - base.bytes} bytes, gzipped ${ours.gzip - base.gzip}`)
if (ours.later.length > 0) console.log(`loaded later, gzipped: ${ours.later.join(", ")}`)
