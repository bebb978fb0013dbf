/**
 * A program that is started together with a local PostHog, and told where that is.
 */
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { plain } from "../words.js"

/** What is no secret, and looks like the key of a project. */
const localKey = "phc_local"

/** Frameworks hand only variables with such names to browsers. */
const prefixes = ["", "NEXT_PUBLIC_", "VITE_", "VITE_PUBLIC_", "PUBLIC_"]

/**
 * The environment of the program. Keys of a real project are replaced, so that no event can be taken for a real one.
 */
export const environmentFor = (url: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...env,
  ...Object.fromEntries(prefixes.flatMap((prefix) => [
    [`${prefix}POSTHOG_HOST`, url],
    [`${prefix}POSTHOG_API_KEY`, localKey],
    [`${prefix}POSTHOG_KEY`, localKey]
  ]))
})

/** What a terminal sends to all its processes, the program among them. */
const ofTerminal: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGQUIT"]
const signals: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]

/** Runs a program, and gives its exit code as a shell would. */
export const runCommand = (
  [file = "", ...args]: ReadonlyArray<string>,
  url: string,
  { env, isTerminal, say }: {
    readonly env: NodeJS.ProcessEnv
    readonly isTerminal: boolean
    readonly say: (text: string) => void
  }
): Promise<number> =>
  new Promise((resolve) => {
    const child = spawn(file, args, {
      env: environmentFor(url, env),
      stdio: "inherit",
      // Programs such as npm are scripts there, which only a shell can start.
      shell: process.platform === "win32"
    })
    const passOn = signals.map((signal) => {
      const listener = (): void => {
        if (!isTerminal || !ofTerminal.includes(signal)) child.kill(signal)
      }
      process.on(signal, listener)
      return () => process.off(signal, listener)
    })
    const end = (code: number): void => {
      for (const stop of passOn) stop()
      resolve(code)
    }
    child.once("error", (error) => {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT"
      say(
        `${plain(file)} ${isMissing ? "is no program that is found here" : `does not start: ${plain(error.message)}`}`
      )
      end(isMissing ? 127 : 126)
    })
    child.once("close", (code, signal) => end(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
  })
