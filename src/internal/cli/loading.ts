/**
 * Runs a program's module for the command, so that it can neither end the command without a word nor write into its
 * output, which is for the result.
 */

/** What of Node a module could use for that. */
export interface Process {
  exit: (code?: number | string | null) => never
  readonly stdout: { write: unknown }
  readonly stderr: { readonly write: (...given: never) => boolean }
}

/** Loads a module. What it writes goes to the error output, and the call with which it wants to end is an error. */
export const guarded = async <A>(process: Process, load: () => Promise<A>): Promise<A> => {
  const { exit, stderr, stdout } = process
  const { write } = stdout
  stdout.write = (...given: never) => stderr.write(...given)
  let end: (error: Error) => void = () => {}
  const ended = new Promise<never>((_, reject) => {
    end = reject
  })
  process.exit = (code) => {
    const error = new Error(
      `it calls process.exit(${
        code ?? ""
      }) while it is loaded; give a module that declares events and does nothing else`
    )
    end(error)
    // Nothing behind such a call is meant to run.
    throw error
  }
  try {
    return await Promise.race([load(), ended])
  } finally {
    stdout.write = write
    process.exit = exit
  }
}
