/**
 * What declared events cost the compiler: two programs that differ in how they capture 200 events, by a name or as
 * declared, checked by `tsc` in turns. Prints medians and the difference; seconds depend on the machine, the numbers of
 * instantiations do not.
 *
 *     npx tsx bench/typeChecking.ts [times]
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

const times = Number(process.argv[2] ?? 5)
const count = 200
const folder = ".tmp/type-checking"
// Both know Effect's schemas, as programs with Effect do: what is compared is the events.
const head = "import { Schema } from \"effect\"\nimport { PostHog, PostHogEvent } from \"effect-posthog\"\n" +
  "export const used = [Schema.String, PostHogEvent.make]\n"

const range = (line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join("\n")

const flat = "{ total: 1, currency: \"EUR\", plan: \"pro\", at: new Date(), source: \"web\", seats: 2, own"
const rich = "{ total: 1, currency: \"EUR\", plan: \"pro\", at: new Date(), items: [{ sku: \"a\", count: 1 }], own"
const schemas = "total: Schema.Number, currency: Schema.String, plan: Schema.Literal(\"free\", \"pro\"), " +
  "at: Schema.DateFromSelf, "
const flatSchemas = `${schemas}source: Schema.String, seats: Schema.Int, `
const richSchemas =
  `${schemas}note: Schema.optional(Schema.String), items: Schema.Array(Schema.Struct({ sku: Schema.String, ` +
  "count: Schema.Int })), "

const named = (given: string): string =>
  head + range((i) => `export const c${i} = PostHog.capture("event ${i}", ${given}${i}: true }, { distinctId: "u" })`)

const declared = (fields: string, given: string): string =>
  head +
  range((i) =>
    `const E${i} = PostHogEvent.make("event ${i}", { ${fields}own${i}: Schema.Boolean }, { groups: ["company"] })\n` +
    `export const c${i} = PostHog.capture(E${i}, ${given}${i}: true }, { distinctId: "u" })`
  )

const programs = {
  "flat, by name": named(flat),
  "flat, declared": declared(flatSchemas, flat),
  "nested and optional, by name": named(rich),
  "nested and optional, declared": declared(richSchemas, rich)
}

/** Checks a program. */
const check = (name: string, text: string): { readonly seconds: number; readonly instantiations: number } => {
  const here = join(folder, name.replaceAll(/\W+/g, "-"))
  mkdirSync(here, { recursive: true })
  writeFileSync(join(here, "program.ts"), `${text}\n`)
  writeFileSync(
    join(here, "tsconfig.json"),
    JSON.stringify({
      extends: resolve("tsconfig.json"),
      compilerOptions: {
        incremental: false,
        tsBuildInfoFile: null,
        plugins: [],
        paths: { "effect-posthog": [resolve("src/index.ts")] }
      },
      include: ["program.ts"]
    })
  )
  const { status, stdout } = spawnSync(
    "npx",
    ["--no-install", "tsc", "-p", here, "--noEmit", "--extendedDiagnostics"],
    {
      encoding: "utf8"
    }
  )
  if (status !== 0) throw new Error(stdout)
  const read = (label: string): number => Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(stdout)![1])
  return { seconds: read("Total time"), instantiations: read("Instantiations") }
}

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const found = new Map(Object.keys(programs).map((name) => [name, new Array<ReturnType<typeof check>>()]))
for (let i = 0; i < times; i++) {
  for (const [name, text] of Object.entries(programs)) found.get(name)!.push(check(name, text))
  process.stderr.write(`${i + 1} of ${times}\n`)
}
for (const [name, checks] of found) {
  const seconds = median(checks.map((one) => one.seconds))
  process.stdout.write(`${name.padEnd(32)} ${seconds.toFixed(2)} s  ${checks[0]!.instantiations} instantiations\n`)
}
for (const kind of ["flat", "nested and optional"]) {
  const of = (how: string): number => median(found.get(`${kind}, ${how}`)!.map((one) => one.seconds))
  process.stdout.write(`${kind}: ${(of("declared") - of("by name")).toFixed(2)} s more for ${count} events\n`)
}
