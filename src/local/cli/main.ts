/**
 * The command for a local PostHog, without what it needs of the process.
 */
import type { Paint } from "./terminal.js"
import { read, usage } from "./usage.js"

/** What the process gives. */
export interface Console {
  readonly env: NodeJS.ProcessEnv
  /** To the output. */
  readonly print: (text: string) => void
  /** To people, beside the output. */
  readonly say: (text: string) => void
  readonly paint: Paint
  /** Of what is said beside the output. */
  readonly paintBeside: Paint
  /** Whether somebody sits in front of it. */
  readonly isTerminal: boolean
}

/** Runs the command, and gives its exit code; or `undefined`, with what is wrong with the arguments. */
export const local = async (
  args: ReadonlyArray<string>,
  given: Console
): Promise<number | { readonly problem: string }> => {
  const told = read(args)
  switch (told.name) {
    case "problem":
      return { problem: told.problem }
    case "events":
      return (await import("./events.js")).events(told, given)
    default:
      return (await import("./serve.js")).serve(told, given)
  }
}

export { usage }
