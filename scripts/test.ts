/**
 * Everything that has to hold before a change may go in, and a line at the end that says how much of it does:
 * `N passed, N failed`. Each check counts as one, and so does each test.
 */
import { spawn } from "node:child_process"
import { readFile, rm } from "node:fs/promises"

interface Check {
  readonly name: string
  readonly command: ReadonlyArray<string>
}

const tarball = ".tmp/effect-posthog.tgz"

const checks: ReadonlyArray<Check> = [
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

const run = (command: ReadonlyArray<string>, quiet: boolean): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn("npx", ["--no-install", ...command], { stdio: ["ignore", quiet ? "pipe" : "inherit", "pipe"] })
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

const report = ".tmp/test-report.json"

let passed = 0
let failed = 0
await rm("dist", { recursive: true, force: true })
for (const { command, name } of checks) {
  const ok = await run(command, true)
  console.log(`${ok ? "ok    " : "FAILED"} ${name}`)
  if (ok) passed++
  else failed++
}
await rm(report, { force: true })
process.env.EFFECT_POSTHOG_TARBALL = tarball
const ok = await run(["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`], false)
try {
  const tests = JSON.parse(await readFile(report, "utf8")) as {
    readonly numPassedTests: number
    readonly numFailedTests: number
    readonly numPendingTests: number
    readonly numFailedTestSuites: number
  }
  passed += tests.numPassedTests
  failed += tests.numFailedTests
  if (tests.numPendingTests > 0) console.log(`SKIPPED: ${tests.numPendingTests} tests, see above for the reasons`)
  // A file that does not load, or an error outside of all tests.
  if (!ok && tests.numFailedTests === 0) failed += Math.max(tests.numFailedTestSuites, 1)
} catch {
  failed++
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
