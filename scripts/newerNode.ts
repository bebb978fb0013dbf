/**
 * Installs a Node that has zstd for the tests that need one, see test/support/newerNode.ts: 180 MB, so nobody gets it unasked.
 */
import { spawnSync } from "node:child_process"

const folder = ".tmp/newer-node"
const { arch, platform } = process
const prefix = platform === "darwin" && arch === "arm64" ? "node-bin" : "node"
const { status } = spawnSync(
  "npm",
  [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--prefix",
    folder,
    `${prefix}-${platform === "win32" ? "win" : platform}-${arch}@22`
  ],
  { stdio: "inherit", shell: platform === "win32" }
)
process.exitCode = status ?? 1
