/**
 * Compares this library with `posthog-node` and with the least that has to be done. Each implementation runs in a process of
 * its own against a sink in another, in turns; figures are medians, and only their ratios mean anything on a busy machine.
 *
 *   npm run bench                 about five minutes
 *   npm run bench -- --quick      about one minute
 *   npm run bench -- --json       prints one JSON object with every figure
 *   npm run bench -- --only=call  only the rows whose names contain a text
 */
import { build } from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { createInterface } from "node:readline"
import { gzipSync } from "node:zlib"
import { middlewareCost } from "./http.js"
import type { Scenario } from "./scenario.js"

const usage = "npm run bench [-- --quick] [--json] [--only=<text>]"
for (const argument of process.argv.slice(2)) {
  if (["--json", "--quick"].includes(argument) || argument.startsWith("--only=")) continue
  // A mistake must not cost five minutes.
  console.error(argument === "--help" ? usage : `unknown option ${argument}; ${usage}`)
  process.exit(argument === "--help" ? 0 : 2)
}

const json = process.argv.includes("--json")
const quick = process.argv.includes("--quick")
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length)
const out = ".tmp/bench"

const progress = (text: string) => process.stderr.write(`${text}\n`)

type Figures = Record<string, number>

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const medians = (rounds: ReadonlyArray<Figures>): Figures => {
  const result: Figures = {}
  for (const key of Object.keys(rounds[0] ?? {})) result[key] = median(rounds.map((round) => round[key]!))
  return result
}

const bundle = (entry: string, file: string, minify = false, external: Array<string> = []) =>
  build({
    entryPoints: [entry],
    outfile: `${out}/${file}`,
    bundle: true,
    minify,
    external,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
    // Bundled CommonJS asks for require.
    banner: {
      js: "import { createRequire as benchRequire } from 'node:module'; const require = benchRequire(import.meta.url);"
    }
  })

const runAdapter = (file: string, scenario: Scenario): Promise<Figures> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`${out}/${file}`, JSON.stringify(scenario)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let line = ""
    child.stdout.on("data", (chunk: Buffer) => {
      line += chunk.toString("utf8")
    })
    child.once("error", reject)
    child.once("close", (code) => {
      const last = line.trim().split("\n").at(-1)
      if (code !== 0 || last === undefined || last === "") reject(new Error(`${file} exited with ${code}`))
      else resolve(JSON.parse(last) as Figures)
    })
  })

const startSink = async (): Promise<{ readonly url: string; readonly child: ChildProcess }> => {
  const child = spawn(process.execPath, [`${out}/sink.mjs`], { stdio: ["ignore", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })
  const port = await new Promise<string>((resolve) => lines.once("line", resolve))
  return { url: `http://127.0.0.1:${port}`, child }
}

interface Measure {
  readonly name: string
  readonly implementations: Readonly<
    Record<
      string,
      { readonly file: string; readonly raised?: boolean; readonly pure?: boolean; readonly captureV1?: boolean }
    >
  >
  readonly scenario: Omit<Scenario, "host" | "raised">
  readonly settings?: { readonly delay?: number; readonly poison?: string; readonly flags?: number }
  readonly rounds: number
}

const rounds = quick ? 3 : 5
const burst = quick ? 30_000 : 100_000
const ours = { file: "effect-posthog.mjs" }
const oursV1 = { ...ours, captureV1: true }
const node = { file: "posthog-node.mjs" }
const floor = { file: "floor.mjs" }
const effect = { file: "effect.mjs" }
const bridge = { file: "bridge.mjs" }
const declared = { file: "declared.mjs" }
const durable = { file: "durable.mjs" }
const limit500 = { file: "limit500.mjs" }
const limit1000 = { file: "limit1000.mjs" }

const measures: ReadonlyArray<Measure> = [
  {
    name: "call",
    implementations: {
      ours,
      "ours, declared": declared,
      "ours, capture v1": oursV1,
      "posthog-node": { ...node, raised: true },
      floor
    },
    scenario: { kind: "call", events: 100_000, quiet: true },
    rounds
  },
  {
    name: "call from plain code",
    implementations: {
      "bridge.capture": bridge,
      "bridge.run(capture)": { ...bridge, pure: true },
      "posthog-node": { ...node, raised: true }
    },
    scenario: { kind: "call", events: 100_000, quiet: true },
    rounds
  },
  {
    name: "burst",
    implementations: {
      ours,
      "ours, capture v1": oursV1,
      "posthog-node": { ...node, raised: true },
      "posthog-node defaults": node,
      floor,
      limit500,
      limit1000
    },
    scenario: { kind: "burst", events: burst, warmUpEvents: 500 },
    rounds
  },
  {
    name: "steady",
    implementations: { ours, "posthog-node": node, floor, limit500 },
    scenario: { kind: "steady", events: quick ? 4_000 : 20_000 },
    rounds
  },
  {
    name: "burst, on disk",
    implementations: { ours: durable, "in memory": ours },
    scenario: { kind: "burst", events: burst, warmUpEvents: 500 },
    rounds
  },
  {
    name: "steady, on disk",
    implementations: { ours: durable, "in memory": ours },
    scenario: { kind: "steady", events: quick ? 4_000 : 20_000 },
    rounds
  },
  {
    name: "start",
    implementations: { ours, "posthog-node": node, floor, "Effect and HttpClient": effect },
    scenario: { kind: "start", events: 1 },
    rounds: rounds * 2 + 1
  },
  {
    name: "flags",
    implementations: { ours, "posthog-node": node, "Map look-up in an Effect": effect },
    scenario: { kind: "flags", events: 1_000_000, quiet: true },
    rounds
  },
  ...[100, 10, 1_000].map((flags): Measure => ({
    name: flags === 100 ? "local evaluation" : `local evaluation, ${flags} flags`,
    // What posthog-node takes for other numbers of flags is nobody's target.
    implementations: flags === 100
      ? { ours: { ...ours, pure: true }, "ours, in the service": ours, "posthog-node": node }
      : { ours: { ...ours, pure: true } },
    scenario: { kind: "local", events: 500, quiet: true },
    settings: { flags },
    rounds
  })),
  {
    name: "exceptions",
    implementations: { ours, "posthog-node": node },
    scenario: { kind: "exceptions", events: 2_000, warmUpEvents: 100 },
    rounds
  },
  {
    name: "exceptions without source lines",
    implementations: { ours },
    scenario: { kind: "exceptions", events: 2_000, warmUpEvents: 100, sourceLines: false },
    rounds
  },
  {
    name: "exit",
    implementations: { ours, "posthog-node": node },
    scenario: { kind: "exit", events: 1_000 },
    rounds
  },
  {
    name: "exit at 100 ms latency",
    implementations: { ours, "posthog-node": node },
    scenario: { kind: "exit", events: 1_000 },
    settings: { delay: 100 },
    rounds
  }
]

const bundleSizes = async (): Promise<Figures> => {
  const size = async (file: string) => gzipSync(await readFile(`${out}/${file}`), { level: 9 }).length
  await bundle("bench/bundles/effect.ts", "size-effect.mjs", true)
  await bundle("bench/bundles/effect-posthog.ts", "size-ours.mjs", true)
  await bundle("bench/bundles/posthog-node.ts", "size-node.mjs", true)
  const effect = await size("size-effect.mjs")
  const ours = await size("size-ours.mjs")
  return {
    effectWithHttpClientBytes: effect,
    oursBytes: ours,
    oursOnTopBytes: ours - effect,
    posthogNodeBytes: await size("size-node.mjs")
  }
}

/** What the sink says: `lost` and `duplicated` by the identifiers of the events. */
const deliveryFigures = (scenario: Measure["scenario"], report: Figures): Figures => ({
  lost: scenario.events + (scenario.warmUpEvents ?? 0) - report.distinct!,
  duplicated: report.events! - report.distinct!,
  requests: report.requests!,
  wireBytesPerEvent: report.wireBytes! / Math.max(report.distinct!, 1)
})

/** Ten modules of the usual size whose functions call each other, four in each, so that a stack goes through several files. */
const throwers = (): ReadonlyArray<string> => {
  const filler = (index: number) =>
    Array.from({ length: 40 }, (_, line) => `// ${index}: what a program does besides, ${line}`)
  const body = (index: number) =>
    index === 0
      ? ["export const f0 = (i) => {", "  const error = new TypeError(`failure ${i}`)", "  return error", "}"]
      : [`export const f${index} = (i) => {`, `  const result = f${index - 1}(i)`, "  return result", "}"]
  return Array.from({ length: 10 }, (_, file) =>
    [
      ...(file === 0 ? [] : [`import { f${file * 4 - 1} } from "./thrower${file - 1}.mjs"`]),
      ...[0, 1, 2, 3].flatMap((index) => [...filler(index), ...body(file * 4 + index)]),
      ...(file === 9 ? ["export const fail = (i) => f39(i)"] : []),
      ""
    ].join("\n"))
}

const main = async () => {
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  for (const file of [ours, node, floor, effect, bridge, declared, durable, limit500, limit1000]) {
    await bundle(`bench/adapters/${file.file.replace(".mjs", ".ts")}`, file.file)
  }
  await bundle("bench/sink.ts", "sink.mjs")
  for (const [index, text] of throwers().entries()) await writeFile(`${out}/thrower${index}.mjs`, text)
  const results: Record<string, Record<string, Figures>> = {}
  const sink = await startSink()
  const ask = async (path: string, body?: unknown): Promise<Figures> => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }
    return await (await fetch(sink.url + path, init)).json() as Figures
  }
  try {
    for (const measure of measures) {
      if (only !== undefined && !measure.name.split(",").includes(only)) continue
      const collected: Record<string, Array<Figures>> = {}
      for (let round = 0; round < measure.rounds; round++) {
        for (const [name, { captureV1, file, pure, raised }] of Object.entries(measure.implementations)) {
          progress(`${measure.name}, round ${round + 1} of ${measure.rounds}: ${name}`)
          await ask("/__settings", measure.settings ?? {})
          const figures = await runAdapter(file, {
            ...measure.scenario,
            host: sink.url,
            ...(raised === true ? { raised } : undefined),
            ...(pure === true ? { pure } : undefined),
            ...(captureV1 === true ? { captureV1 } : undefined)
          })
          const report = await ask("/__report")
          const delivery = measure.scenario.quiet === true ? {} : deliveryFigures(measure.scenario, report)
          ;(collected[name] ??= []).push({ ...figures, ...delivery })
        }
      }
      // Evaluating fast is nothing when the values are others.
      if (new Set(Object.values(collected).flat().map(({ answers }) => answers)).size > 1) {
        throw new Error(`${measure.name}: the implementations disagree`)
      }
      results[measure.name] = Object.fromEntries(
        Object.entries(collected).map(([name, rounds]) => [name, medians(rounds)])
      )
    }
    if (only === undefined || only === "llm") {
      progress("calls of models")
      await bundle("bench/adapters/llm.ts", "llm.mjs")
      const { withMegabyteMicros, withMicros, withoutMegabyteMicros, withoutMicros, ...rest } = await runAdapter(
        "llm.mjs",
        { kind: "call", host: sink.url, events: quick ? 5 : 15 }
      )
      results["calls of models"] = {
        without: { callMicros: withoutMicros!, megabyteMicros: withoutMegabyteMicros! },
        with: { callMicros: withMicros!, megabyteMicros: withMegabyteMicros!, ...rest }
      }
    }
    if (only === undefined || only === "middleware") {
      await bundle("bench/adapters/http.ts", "http.mjs")
      results.middleware = await middlewareCost(`${out}/http.mjs`, sink.url, quick ? 5 : 25, progress)
    }
  } finally {
    sink.child.kill()
  }
  const sizes = await bundleSizes()
  const ratios = compare(results)
  if (json) process.stdout.write(`${JSON.stringify({ node: process.version, quick, results, sizes, ratios })}\n`)
  else print(results, sizes, ratios)
}

/** What the targets are about. Below 1 is better than the other side, but for events per second and local evaluation. */
const compare = (results: Record<string, Record<string, Figures>>): Figures => {
  const ratio = (measure: string, figure: string, against: string, which = "ours") => {
    const ours = results[measure]?.[which]?.[figure]
    const theirs = results[measure]?.[against]?.[figure]
    return ours === undefined || theirs === undefined ? undefined : ours / theirs
  }
  // How many times faster, as the targets of local evaluation are.
  const inverse = (measure: string, figure: string, side: string) => {
    const figures = results[measure]
    return figures === undefined ? undefined : figures["posthog-node"]![figure]! / figures[side]![figure]!
  }
  const between = (figure: string, one: string, other: string) => {
    const [a, b] = [results[one]?.ours?.[figure], results[other]?.ours?.[figure]]
    return a === undefined || b === undefined ? undefined : a / b
  }
  const pairs: Record<string, number | undefined> = {
    "capture call / posthog-node": ratio("call", "captureNanos", "posthog-node"),
    "capture call, declared / by name": ratio("call", "captureNanos", "ours", "ours, declared"),
    "CPU per event / posthog-node": ratio("burst", "cpuMicros", "posthog-node"),
    "events per second / posthog-node": ratio("burst", "eventsPerSecond", "posthog-node"),
    "peak memory / posthog-node": ratio("burst", "peakMemoryMB", "posthog-node"),
    "CPU per event / floor": ratio("burst", "cpuMicros", "floor"),
    "events per second / floor": ratio("burst", "eventsPerSecond", "floor"),
    "CPU per event / hand-written limit, batches of 500": ratio("burst", "cpuMicros", "limit500"),
    "events per second / hand-written limit, batches of 500": ratio("burst", "eventsPerSecond", "limit500"),
    "CPU per event / hand-written limit, batches of 1,000": ratio("burst", "cpuMicros", "limit1000"),
    "events per second / hand-written limit, batches of 1,000": ratio("burst", "eventsPerSecond", "limit1000"),
    "events per second, on disk / in memory": ratio("burst, on disk", "eventsPerSecond", "in memory"),
    "CPU per event, on disk / in memory": ratio("burst, on disk", "cpuMicros", "in memory"),
    "peak memory, on disk / in memory": ratio("burst, on disk", "peakMemoryMB", "in memory"),
    "CPU per event, steady, on disk / in memory": ratio("steady, on disk", "cpuMicros", "in memory"),
    "p99 of capture, on disk / in memory": ratio("steady, on disk", "p99Nanos", "in memory"),
    "p99 of capture / hand-written limit": ratio("steady", "p99Nanos", "limit500"),
    "p99 of capture / posthog-node": ratio("steady", "p99Nanos", "posthog-node"),
    "CPU per event, steady / posthog-node": ratio("steady", "cpuMicros", "posthog-node"),
    "first event acknowledged / posthog-node": ratio("start", "acknowledgedMillis", "posthog-node"),
    "first event acknowledged / Effect and HttpClient": ratio("start", "acknowledgedMillis", "Effect and HttpClient"),
    "reading a flag / Map look-up in an Effect": ratio("flags", "readNanos", "Map look-up in an Effect"),
    "reading a flag / posthog-node": ratio("flags", "readNanos", "posthog-node"),
    ...Object.fromEntries(
      ["all", "rollout", "numeric", "experiment", "dependent"].flatMap((name) =>
        ["ours", "ours, in the service"].map((side) => [
          `local evaluation, ${name}: posthog-node / ${side}`,
          inverse("local evaluation", `${name}Micros`, side)
        ])
      )
    ),
    "local evaluation, one flag: among 1,000 / among 10": between(
      "rolloutMicros",
      "local evaluation, 1000 flags",
      "local evaluation, 10 flags"
    ),
    "CPU per exception / posthog-node": ratio("exceptions", "cpuMicros", "posthog-node"),
    "capture of a call of a model / a call of 5 ms": between5(results["calls of models"]),
    "first piece of a stream with capture / without": firstPiece(results["calls of models"]),
    "request with the middleware / without": results.middleware?.with?.ratio,
    "request with an event of its own / without": results.middleware?.["with an event"]?.ratio,
    "exit / posthog-node": ratio("exit", "closeMillis", "posthog-node"),
    "exit at 100 ms latency / posthog-node": ratio("exit at 100 ms latency", "closeMillis", "posthog-node")
  }
  return Object.fromEntries(Object.entries(pairs).filter((pair): pair is [string, number] => pair[1] !== undefined))
}

type OfModels = Record<string, Figures> | undefined

const between5 = (figures: OfModels): number | undefined =>
  figures === undefined ? undefined : (figures.with!.callMicros! - figures.without!.callMicros!) / 5000

const firstPiece = (figures: OfModels): number | undefined =>
  figures === undefined ? undefined : figures.with!.untilFirstWithMicros! / figures.with!.untilFirstMicros!

const print = (results: Record<string, Record<string, Figures>>, sizes: Figures, ratios: Figures) => {
  const format = (value: number) => value >= 100 ? value.toFixed(0) : value.toFixed(2)
  for (const [measure, implementations] of Object.entries(results)) {
    console.log(`\n${measure}`)
    for (const [name, figures] of Object.entries(implementations)) {
      const parts = Object.entries(figures).map(([figure, value]) => `${figure} ${format(value)}`)
      console.log(`  ${name.padEnd(22)} ${parts.join("  ")}`)
    }
  }
  console.log("\nbundle, minified and gzipped")
  for (const [name, value] of Object.entries(sizes)) console.log(`  ${name.padEnd(28)} ${value}`)
  console.log("\nratios")
  for (const [name, value] of Object.entries(ratios)) console.log(`  ${name.padEnd(44)} ${value.toFixed(3)}`)
}

await main()
