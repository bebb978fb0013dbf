/**
 * What a platform may have besides the web's interfaces: Node's `process` and modules, and timers that keep no process
 * alive. All of it is reached at run time and without an import, so that bundles for other runtimes do not ask for it.
 */
import { isObject, read } from "../core/guard.js"

type Listener = (...args: ReadonlyArray<never>) => void

/** The part of Node's `process` that is used. Other platforms have some of it, so each member may be missing. */
export interface HostProcess {
  readonly pid: number
  readonly platform: string
  readonly argv: ReadonlyArray<string>
  readonly execArgv: ReadonlyArray<string>
  readonly env: { readonly [name: string]: string | undefined }
  readonly versions: { readonly node?: string; readonly bun?: string; readonly deno?: string }
  readonly sourceMapsEnabled: boolean
  readonly cwd: () => string
  readonly getBuiltinModule: (id: string) => unknown
  readonly hasUncaughtExceptionCaptureCallback: () => boolean
  readonly kill: (pid: number, signal: string) => unknown
  readonly listenerCount: (event: string) => number
  readonly nextTick: (f: () => void) => void
  readonly off: (event: string, listener: Listener) => unknown
  readonly on: (event: string, listener: Listener) => unknown
  readonly prependListener: (event: string, listener: Listener) => unknown
}

/** Node's `process`, or what stands for it. */
export const hostProcess = (): Partial<HostProcess> | undefined => {
  const process = read(globalThis, "process")
  return isObject(process) ? process : undefined
}

/** The same, if it has all of these methods. */
export const hostProcessWith = <
  K extends "getBuiltinModule" | "kill" | "listenerCount" | "nextTick" | "off" | "on" | "prependListener"
>(
  methods: ReadonlyArray<K>
): (Pick<HostProcess, K> & Partial<HostProcess>) | undefined => {
  const process = hostProcess()
  return methods.every((name) => typeof process?.[name] === "function")
    ? process as Pick<HostProcess, K> & Partial<HostProcess>
    : undefined
}

/** Whether this is Cloudflare's runtime. */
export const isWorker = (): boolean =>
  (globalThis as { readonly navigator?: { readonly userAgent?: unknown } }).navigator?.userAgent ===
    "Cloudflare-Workers" ||
  "WebSocketPair" in globalThis

/** Whether this is Node itself: Bun, Deno and Workers have its names too, on top of what is their own. */
export const isNode = (): boolean => {
  const { bun, deno, node } = hostProcess()?.versions ?? {}
  return node !== undefined && bun === undefined && deno === undefined && !isWorker()
}

/** A module of Node, where there is one and `process` gives it: in Node from 20.16 on. */
export const builtin = <A>(id: string): A | undefined => {
  try {
    return hostProcess()?.getBuiltinModule?.(id) as A | undefined
  } catch {
    return undefined
  }
}

/** The directory in which the program was started, where there are directories. */
export const workingDirectory = (() => {
  try {
    return hostProcess()?.cwd?.()
  } catch {
    return undefined
  }
})()

/** Lets a process end before a timer goes off. Platforms whose timers are numbers do not wait for them. */
export const unref = (timer: unknown): void => {
  if (typeof timer === "object" && timer !== null) (timer as { readonly unref?: () => void }).unref?.()
}
