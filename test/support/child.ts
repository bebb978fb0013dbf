/**
 * Runs a TypeScript program in a process of its own.
 */
import { spawn } from "node:child_process"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Options {
  readonly args?: ReadonlyArray<string>
  /** Arguments of Node itself. */
  readonly nodeArgs?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** The child is killed after so many milliseconds: one that hangs would go on for ever. Default: never. */
  readonly killAfter?: number
  /** Called with each line that the program prints and a way to send a signal. */
  readonly onLine?: (line: string, kill: (signal: NodeJS.Signals) => void) => void
}

/** Variables that a test must not inherit. */
const clean = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(POSTHOG_|VITEST|NODE_OPTIONS)/.test(name)))

export const run = (program: string, options: Options = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      ...options.nodeArgs ?? [],
      "--import",
      "tsx",
      program,
      ...options.args ?? []
    ], {
      env: { ...clean(), ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      ...options.killAfter === undefined ? {} : { timeout: options.killAfter, killSignal: "SIGKILL" as const }
    })
    const output = { stdout: "", stderr: "" }
    for (const name of ["stdout", "stderr"] as const) {
      let rest = ""
      child[name].on("data", (chunk: Buffer) => {
        const text = chunk.toString("utf8")
        output[name] += text
        const lines = (rest + text).split("\n")
        rest = lines.pop()!
        for (const line of lines) options.onLine?.(line, (signal) => child.kill(signal))
      })
    }
    child.once("error", reject)
    child.once("close", (code, signal) => {
      resolve({ code, signal, ...output })
    })
  })
