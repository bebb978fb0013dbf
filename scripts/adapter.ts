/**
 * Starts the adapter that PostHog's compliance tests drive, on Effect 3 or, with `EFFECT=4`, on Effect 4.
 */
import { spawn, spawnSync } from "node:child_process"

const { EFFECT: major = "3" } = process.env
if (major !== "3" && major !== "4") {
  console.error(`EFFECT is ${JSON.stringify(major)}; write 3 or 4`)
  process.exit(2)
}
if (major === "4") {
  const { status } = spawnSync(process.execPath, ["--import", "tsx", "effect-4/generate.ts"], { stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}
const child = spawn(process.execPath, ["--import", "tsx", "test/compliance/adapter.ts"], {
  cwd: major === "4" ? "effect-4/build" : ".",
  stdio: "inherit"
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal))
child.once("close", (code) => {
  process.exitCode = code ?? 1
})
