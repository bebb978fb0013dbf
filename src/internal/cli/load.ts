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

/** Why a module does not load, and what to do. */
export const sayUnloadable = (path: string, thrown: unknown): string => {
  const code = read(thrown, "code")
  if (unknownLanguage.includes(code as string) || isMissingScript(path, thrown)) {
    return `${path}: this Node does not read this TypeScript by itself; install tsx and run ` +
      "NODE_OPTIONS=\"--import tsx\" npx effect-posthog …, or give a module that is compiled (Node from 22.18 on reads " +
      "TypeScript whose imports say .ts)"
  }
  return `${path} does not load: ${describeThrown(thrown)}`
}
