/**
 * What the command says when the program's module does not load.
 */
import { read } from "../../core/guard.js"
import { describeThrown } from "../http/explain.js"

/** What Node says where it does not know TypeScript. */
const unknownLanguage = ["ERR_UNKNOWN_FILE_EXTENSION", "ERR_NO_TYPESCRIPT", "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX"]

/** Imports of TypeScript say `.js`, which only a loader makes the right file of. */
const isMissingScript = (path: string, thrown: unknown): boolean =>
  /\.[mc]?tsx?$/.test(path) && read(thrown, "code") === "ERR_MODULE_NOT_FOUND" && /\.js'?/.test(describeThrown(thrown))

/** An argument as a shell reads it. */
const shellWord = (word: string): string => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/** Why a module does not load, and what to do. `args`: what the command was told. */
export const sayUnloadable = (path: string, thrown: unknown, exists: boolean, args: ReadonlyArray<string>): string => {
  const code = read(thrown, "code")
  if (!exists) return `${path}: there is no such file; the path is taken from the folder in which the command runs`
  if (unknownLanguage.includes(code as string) || isMissingScript(path, thrown)) {
    return `${path}: this Node does not read this TypeScript by itself; install tsx (npm install --save-dev tsx) and ` +
      `run\n  NODE_OPTIONS="--import tsx" npx effect-posthog ${args.map(shellWord).join(" ")}\n` +
      "or give a module that is compiled (Node from 22.18 on reads TypeScript whose imports say .ts)"
  }
  return `${path} does not load: ${describeThrown(thrown)}`
}
