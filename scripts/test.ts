/**
 * Everything that has to hold before a change may go in, on both majors of Effect, and a line at the end that says how much of it does:
 * `N passed, N failed`. Each check counts as one, and so does each test.
 */
import { spawn } from "node:child_process"
import { readFile, rm } from "node:fs/promises"
import { resolve } from "node:path"

interface Check {
  readonly name: string
  readonly command: ReadonlyArray<string>
  /** Where it runs. Default: at the top. */
  readonly folder?: string
}

const tarball = ".tmp/effect-posthog.tgz"
const tarball4 = ".tmp/effect-4/effect-posthog.tgz"
const build4 = "effect-4/build"

/** One after the other; those of the two majors beside each other, because most of them keep one core busy. */
const checks3: ReadonlyArray<Check> = [
  { name: "format", command: ["dprint", "check"] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "generated files", command: ["tsx", "scripts/codegen.ts", "--check"] },
  { name: "types", command: ["tsc", "--noEmit"] },
  {
    name: "Effect idioms",
    command: ["effect-language-service", "diagnostics", "--project", "tsconfig.build.json", "--strict"]
  },
  { name: "type tests", command: ["tstyche"] },
  { name: "documentation compiles", command: ["tsx", "scripts/docs.ts"] },
  { name: "build", command: ["tsx", "scripts/pack.ts", ".tmp"] },
  { name: "built types", command: ["tsc", "-p", "tsconfig.dist.json"] },
  // What `@effect/ai` stands on names types of Node.
  { name: "built types of EffectAi", command: ["tsc", "-p", "tsconfig.dist.effect-ai.json"] },
  { name: "package", command: ["publint", "--strict", tarball] },
  { name: "package types", command: ["attw", tarball] }
]

const checks4: ReadonlyArray<Check> = [
  { name: "Effect 4: types", command: ["tsc", "-p", "effect-4/tsconfig.json"] },
  { name: "Effect 4: type tests", command: ["tstyche"], folder: build4 },
  { name: "Effect 4: documentation compiles", command: ["tsx", "scripts/docs.ts"], folder: build4 },
  { name: "Effect 4: build", command: ["tsx", "scripts/pack.ts", "../../.tmp/effect-4"], folder: build4 },
  { name: "Effect 4: built types", command: ["tsc", "-p", "tsconfig.dist.json"], folder: build4 },
  { name: "Effect 4: package", command: ["publint", "--strict", tarball4] },
  { name: "Effect 4: package types", command: ["attw", "--profile", "esm-only", tarball4] }
]

const run = (command: ReadonlyArray<string>, quiet: boolean, folder = "."): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn("npx", ["--no-install", ...command], {
      cwd: folder,
      stdio: ["ignore", quiet ? "pipe" : "inherit", "pipe"]
    })
    const output: Array<Buffer> = []
    child.stdout?.on("data", (chunk: Buffer) => output.push(chunk))
    child.stderr?.on("data", (chunk: Buffer) => {
      if (quiet) output.push(chunk)
      else process.stderr.write(chunk)
    })
    child.once("close", (code) => {
      if (quiet && code !== 0) process.stdout.write(Buffer.concat(output))
      resolve(code === 0)
    })
  })

let passed = 0
let failed = 0
const checkAll = async (checks: ReadonlyArray<Check>): Promise<void> => {
  for (const { command, folder, name } of checks) {
    const ok = await run(command, true, folder)
    console.log(`${ok ? "ok    " : "FAILED"} ${name}`)
    if (ok) passed++
    else failed++
  }
}

await rm("dist", { recursive: true, force: true })
await checkAll([{ name: "Effect 4: sources", command: ["tsx", "effect-4/generate.ts"] }])
await Promise.all([checkAll(checks3), checkAll(checks4)])
await checkAll([{ name: "difference of the public types", command: ["tsx", "effect-4/surface.ts", "--check"] }])
process.env.EFFECT_POSTHOG_TARBALL = tarball
process.env.EFFECT_POSTHOG_TARBALL_4 = tarball4

/** Runs the whole suite on one major of Effect. */
const suite = async (major: 3 | 4): Promise<string> => {
  const report = `.tmp/test-report-${major}.json`
  await rm(report, { force: true })
  // Programs that tests start are found from the folder.
  const [folder, config] = major === 3 ? [".", []] : [build4, ["--config", "../vitest.config.ts"]]
  const output = ["--reporter=default", "--reporter=json", `--outputFile.json=${resolve(report)}`]
  const ok = await run(["vitest", "run", ...config, ...output], false, folder)
  try {
    const tests = JSON.parse(await readFile(report, "utf8")) as {
      readonly numPassedTests: number
      readonly numFailedTests: number
      readonly numPendingTests: number
      readonly numFailedTestSuites: number
    }
    passed += tests.numPassedTests
    failed += tests.numFailedTests
    // A file that does not load, or an error outside of all tests.
    if (!ok && tests.numFailedTests === 0) failed += Math.max(tests.numFailedTestSuites, 1)
    const skipped = tests.numPendingTests > 0 ? `, ${tests.numPendingTests} SKIPPED, see above for the reasons` : ""
    return `Effect ${major}: ${tests.numPassedTests} tests passed, ${tests.numFailedTests} failed${skipped}`
  } catch {
    failed++
    return `Effect ${major}: the tests did not run`
  }
}

const counts = [await suite(3), await suite(4)]
for (const count of counts) console.log(count)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
