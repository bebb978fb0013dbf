/**
 * Throws an error again that nobody caught, so that Node's report of it begins as it would have done the first time:
 * with the line of the program that threw it.
 *
 * Node shows the line of the last `throw`, and ours would be that. So the error is thrown from a script whose line Node
 * does not show, and the line of the program is written in front of the report. It is found by the stack of the error,
 * because nothing else tells where something was thrown.
 */
import { readStack, type StackLine } from "../../core/exceptions/stack.js"
import { read } from "../../core/guard.js"
import { builtin, hostProcess, isNode } from "../node.js"
import { ProgramFiles } from "./readable.js"

type Throw = (error: unknown) => never

/** Node shows no line that has this in it. */
const hiddenThrow = "(error) => { throw error } // node-do-not-add-exception-line"

/** Longer files are not looked into. */
const maxSourceLength = 8 * 1024 * 1024
/** Most lines of a stack in which a line of the program is looked for. */
const maxFrames = 50

/** Whether Node itself writes a report: not about the error of a worker thread, which comes to the main thread. */
const isReportedHere = (): boolean => {
  const process = hostProcess()
  return isNode() && process?.listenerCount?.("uncaughtException") === 0 &&
    process.hasUncaughtExceptionCaptureCallback?.() !== true &&
    builtin<{ readonly isMainThread: boolean }>("node:worker_threads")?.isMainThread === true
}

/** Node's mark under a line is no further to the right. */
const maxMark = 1020

/** Where V8 says that an error was thrown: at `throw`, if that is followed by what made the error. */
const thrownAt = (source: string, column: number): number => {
  const before = /\bthrow\b(?=[^;{}]*$)/.exec(source.slice(0, column))
  return before !== null && /^(?:new\b|\w*Error\()/.test(source.slice(column)) ? before.index : column
}

/** The text in front of Node's report. */
const headOf = (
  { column = 1, line = 1, path = "", text }: StackLine,
  source: string,
  isRejection: boolean
): string => {
  const place = text.includes("file://")
    ? builtin<{ readonly pathToFileURL: (path: string) => URL }>("node:url")?.pathToFileURL(path).href
    : path
  // What a promise was rejected with was thrown by nobody.
  const at = isRejection ? column - 1 : thrownAt(source, column - 1)
  const mark = `${source.slice(0, at).replace(/[^\t]/g, " ")}^`.slice(0, maxMark)
  return `${place}:${line}\n${source}\n${mark}\n\n`
}

/** The same for an error; `undefined` where there is nothing to show, or the stack begins with it already. */
const reportHead = (error: unknown, isRejection: boolean): string | undefined => {
  const files = new ProgramFiles()
  const stack = read(error, "stack")
  // As Node does it itself with errors of syntax.
  if (typeof stack !== "string" || /^(?!\s*at )\S.*:\d+\n/.test(stack.slice(0, 5_000))) return undefined
  for (const frame of readStack(stack, maxFrames)) {
    if (frame.path === undefined || frame.line === undefined) continue
    const source = files.read(frame.path, "source", maxSourceLength)?.split(/\r?\n/, frame.line)[frame.line - 1]
    if (source !== undefined) return headOf(frame, source, isRejection)
  }
  return undefined
}

/** Throws an error again, with the line of the program in front of what Node says about it. */
export const rethrow = (error: unknown, isRejection: boolean): never => {
  let again: Throw | undefined
  try {
    if (isReportedHere()) {
      again = builtin<{ readonly runInThisContext: (code: string) => Throw }>("node:vm")?.runInThisContext(hiddenThrow)
      const fs = builtin<{ readonly writeSync: (descriptor: number, text: string) => unknown }>("node:fs")
      const head = again === undefined ? undefined : reportHead(error, isRejection)
      if (head !== undefined) fs?.writeSync(2, head)
    }
  } catch {
    // Node's report tells the error without a line of the program too.
  }
  if (again !== undefined) return again(error)
  throw error
}
