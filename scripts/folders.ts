/**
 * A folder for each public module, with a package.json that says where the module is: for what does not know `exports`, such as
 * TypeScript's `moduleResolution: node`, webpack 4, Jest 27 and Browserify. `effect` has them too. They are there only while the
 * package is packed.
 *
 *   tsx scripts/folders.ts          writes them
 *   tsx scripts/folders.ts remove   removes them
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"

const { exports } = JSON.parse(await readFile("package.json", "utf8")) as { readonly exports: object }
const modules = Object.keys(exports).filter((path) => /^\.\/\w+$/.test(path)).map((path) => path.slice(2))

for (const module of modules) {
  await rm(module, { recursive: true, force: true })
  if (process.argv.includes("remove")) continue
  await mkdir(module)
  const manifest = {
    sideEffects: false,
    main: `../dist/cjs/${module}.js`,
    module: `../dist/esm/${module}.js`,
    types: `../dist/cjs/${module}.d.ts`
  }
  await writeFile(`${module}/package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`)
}
