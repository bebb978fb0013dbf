/**
 * The manifest of the package for Effect 4, made of the one for Effect 3: the same `n.p` in the version, ES modules only
 * as Effect 4 itself, and no peer but `effect`, in which the platform and the AI packages are.
 */

interface Manifest {
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** The oldest Effect 4 that it runs on: what `effect/http` and its kin look like is no promise of Effect's before. */
const oldest = "^4.1.0"

const target = (given: unknown): unknown =>
  typeof given === "string" ? given : (given as { readonly import: unknown }).import

export const manifestFor4 = (text: string): string => {
  const { description, engines, exports, files, keywords, name, version, ...others } = JSON.parse(text) as Manifest
  const { author, bin, bugs, homepage, license, repository, sideEffects, type } = others
  return `${
    JSON.stringify(
      {
        name,
        version: version.replace(/^3\./, "4."),
        description,
        keywords,
        homepage,
        bugs,
        repository,
        license,
        author,
        sideEffects,
        type,
        exports: Object.fromEntries(Object.entries(exports).map(([path, given]) => [path, target(given)])),
        bin,
        main: "./dist/esm/index.js",
        module: "./dist/esm/index.js",
        types: "./dist/esm/index.d.ts",
        // The folders for what does not know `exports` would be CommonJS.
        files: (files as ReadonlyArray<string>).filter((path) => !/^[A-Z]\w*$/.test(path)),
        scripts: { prepack: "tsx scripts/build.ts" },
        peerDependencies: { effect: oldest },
        engines
      },
      undefined,
      2
    )
  }\n`
}
