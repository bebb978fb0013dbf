/**
 * Writes `dist/node`: the modules of `dist/esm` in few files, for Node, which takes a third of a millisecond for each file
 * that it opens. Bundlers do not get them (see scripts/codegen.ts), so that they can leave modules out.
 */
import { build, type Plugin } from "esbuild"
import { copyFile, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import ts from "typescript"
import { guard } from "./guard.js"

const esm = "dist/esm"

/** What every other module is loaded with. Nothing here loads a module of Effect that `PostHog` does not. */
const core = ["PostHog", "PostHogConfig", "PostHogError", "PostHogServerless", "FeatureFlag"]

/**
 * Modules that load what the others do not: a server, a peer that is optional, much code. They load it on top of all
 * others.
 */
const apart = ["PostHogHttp", "EffectAi", "LlmAnalytics", "LlmClient", "PostHogServer"]

/** The modules whose code comes with that of a module. */
const loadedWith = (module: string, modules: ReadonlyArray<string>): ReadonlyArray<string> =>
  core.includes(module) ? core : [...modules.filter((name) => !apart.includes(name)), module]

/**
 * An entry point for each public module. Code is in one file with other code when the same entry points load it, so each
 * loads its whole group.
 */
const entries = (modules: ReadonlyArray<string>): Plugin => ({
  name: "entries",
  setup(build) {
    build.onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice("entry:".length), namespace: "entry" }))
    build.onLoad({ filter: /.*/, namespace: "entry" }, ({ path: module }) => ({
      contents: [
        `import "${guard}"`,
        ...loadedWith(module, modules).map((name) => `import "./${name}.js"`),
        `export * from "./${module}.js"`
      ].join("\n"),
      resolveDir: resolve(esm)
    }))
  }
})

/** All imports that only one major of Effect can answer go through one file, whose name is the message (see scripts/guard.ts). */
const guarded = (exported: Set<string>): Plugin => ({
  name: guard,
  setup(build) {
    build.onLoad({ filter: /[\\/]dist[\\/]esm[\\/].*\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(
        new RegExp(String.raw`^import (?:\* as (\w+)|\{ (.+) \}) from "[./]+/${guard}/(\w+)\.js"`, "gm"),
        (_, namespace: string | undefined, names: string | undefined, module: string) => {
          exported.add(
            namespace === undefined
              ? `export { ${names} } from "effect/${module}"`
              : `export * as ${module} from "effect/${module}"`
          )
          return `import { ${namespace === undefined ? names : `${module} as ${namespace}`} } from "${guard}"`
        }
      )
    }))
    build.onResolve({ filter: new RegExp(guard) }, ({ importer, path }) => {
      // A folder of Effect 4 has modules that not every program wants, so each stays in a file of its own.
      const [, inFolder] = new RegExp(`/${guard}/(.+/.+)$`).exec(path) ?? []
      if (inFolder !== undefined) return { path: `./${guard}/${inFolder}`, external: true, sideEffects: false }
      if (path !== guard) throw new Error(`${importer} imports ${path} in a form that is not known here`)
      return { path: `./${guard}.js`, external: true }
    })
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, external: true, sideEffects: false }))
    build.onResolve({ filter: /^(?:@effect\/|effect\/)/ }, ({ path }) => ({ path, external: true, sideEffects: false }))
  }
})

const aFunction = String.raw`(?:async )?function\*?`
/** Functions and classes outside of functions: the name of the variable, the name of its own, the name that is declared. */
const named = new RegExp(
  String
    .raw`^(?:var (\w+) = (?:(?:class|${aFunction})(?: (?!extends)(\w+))?|(?:async )?(?:\(|\w+ =>))|${aFunction} (\w+)\()`,
  "gm"
)

/**
 * Lines that give functions and classes the names that they have in the sources, for stacks: names that two modules have
 * are numbered in one file. A bundler may leave the lines out. (esbuild's `keepNames` does the same for functions within
 * functions, each time that they are made.)
 */
const namesOf = (text: string, inSources: ReadonlySet<string>): string => {
  const lines: Array<string> = []
  for (const [, variable, own, declared] of text.matchAll(named)) {
    const name = variable ?? declared!
    // What begins so is esbuild's.
    if (name.startsWith("__")) continue
    let source = name
    while (!inSources.has(source)) {
      if (!/\d$/.test(source)) throw new Error(`${name} has no name in the sources`)
      source = source.slice(0, -1)
    }
    if (source !== (own ?? name)) {
      lines.push(`/* @__PURE__ */ Object.defineProperty(${name}, "name", { value: "${source}", configurable: true });`)
    }
  }
  return lines.join("\n")
}

/** The names of what the files of a folder have outside of functions. */
const namesIn = async (folder: string): Promise<ReadonlySet<string>> => {
  const names = new Set<string>()
  for (const file of await readdir(folder, { recursive: true })) {
    if (!file.endsWith(".js")) continue
    const text = await readFile(join(folder, file), "utf8")
    for (const [, name] of text.matchAll(/^(?:export )?(?:const|class|(?:async )?function\*?) (\w+)/gm)) {
      names.add(name!)
    }
  }
  return names
}

/** As everywhere in `dist/cjs`, what is exported is a plain property, so that a test may replace it. */
const commonJs = (text: string, fileName: string): string =>
  ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, esModuleInterop: false },
    fileName
  }).outputText.replace(
    /^Object\.defineProperty\(exports, "(\w+)", \{ enumerable: true, get: function \(\) \{ return (.+); \} \}\);$/gm,
    "exports.$1 = $2;"
  )

export const writeChunks = async (alsoCommonJs: boolean): Promise<void> => {
  const modules = (await readdir(esm)).filter((name) => /^[A-Z]\w*\.js$/.test(name)).map((name) => name.slice(0, -3))
  const exported = new Set<string>()
  const outdir = "dist/node/esm"
  await build({
    entryPoints: Object.fromEntries(modules.map((module) => [module, `entry:${module}`])),
    outdir,
    chunkNames: "chunk-[hash]",
    bundle: true,
    splitting: true,
    // Every line of a group is there for whoever loads it: that is what puts it into one file.
    treeShaking: false,
    ignoreAnnotations: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    logLevel: "warning",
    plugins: [entries(modules), guarded(exported)]
  })
  const names = await namesIn(esm)
  for (const file of await readdir(outdir)) {
    const text = await readFile(join(outdir, file), "utf8")
    const code = `${text}${namesOf(text, names)}\n`
    if (!modules.includes(file.slice(0, -".js".length))) {
      await writeFile(join(outdir, file), code)
      continue
    }
    // The guard comes before everything else, and what imports other packages is a file further away: or what Node misses
    // first is one of them, such as the platform of Effect 3.
    const first = `import "./${guard}.js"\n`
    if (/^import .* from "(?!\.)/m.test(code)) {
      const [exports] = /^export \{[^}]+\}/m.exec(code) ?? []
      if (exports === undefined) throw new Error(`${file} exports in a form that is not known here`)
      await writeFile(join(outdir, `code-${file}`), code)
      await writeFile(join(outdir, file), `${first}${exports.replace(/\w+ as /g, "")} from "./code-${file}"\n`)
    } else await writeFile(join(outdir, file), first + code)
  }
  await writeFile(join(outdir, `${guard}.js`), `${Array.from(exported).sort().join("\n")}\n`)
  for (const entry of await readdir(join(esm, guard), { withFileTypes: true })) {
    if (entry.isDirectory()) {
      await cp(join(esm, guard, entry.name), join(outdir, guard, entry.name), { recursive: true })
    }
  }
  // Its namespaces are the modules themselves, as in the other folders.
  await writeFile(join(outdir, "index.js"), `import "./${guard}.js"\n${await readFile(join(esm, "index.js"), "utf8")}`)

  if (!alsoCommonJs) return
  const out = "dist/node/cjs"
  await mkdir(out)
  for (const file of await readdir(outdir)) {
    const text = commonJs(await readFile(join(outdir, file), "utf8"), file)
    const isPublic = file === "index.js" || modules.includes(file.slice(0, -3))
    const checked = isPublic ? text.replace(/^"use strict";/, `"use strict"; require("./${guard}/check.js");`) : text
    await writeFile(join(out, file), checked)
  }
  await cp(`dist/cjs/${guard}`, join(out, guard), { recursive: true })
  await copyFile("dist/cjs/package.json", join(out, "package.json"))
}
