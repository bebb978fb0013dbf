/**
 * Exceptions that nobody caught and rejections that nobody handled, where there is Node's `process`.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Service } from "../../PostHog.js"
import { instanceOf } from "../instance.js"
import { type Report, send } from "./tracker.js"

type Listener = (...args: ReadonlyArray<never>) => void

/** The part of Node's `process` that is used. */
interface Process {
  readonly on: (event: string, listener: Listener) => unknown
  readonly off: (event: string, listener: Listener) => unknown
  readonly listenerCount: (event: string) => number
  readonly nextTick: (f: () => void) => void
  readonly execArgv?: ReadonlyArray<string>
  readonly env?: { readonly NODE_OPTIONS?: string | undefined }
}

const hostProcess = (): Process | undefined => {
  const { process } = globalThis as unknown as { readonly process?: Partial<Process> }
  return [process?.on, process?.off, process?.listenerCount, process?.nextTick].every((f) => typeof f === "function")
    ? process as Process
    : undefined
}

/** In these modes a listener for rejections decides nothing. */
const toleratesRejections = ({ env, execArgv = [] }: Process): boolean =>
  /--unhandled-rejections[= ](?:warn|none)(?![\w-])/.test([env?.NODE_OPTIONS, ...execArgv].join(" "))

/** Observes the process until the scope closes. */
export const observeProcess = Effect.fnUntraced(function*(
  service: Service,
  timeout: Duration.DurationInput
): Effect.fn.Return<void, never, Scope.Scope> {
  const process = hostProcess()
  if (process === undefined) return
  const instance = instanceOf(service)
  const run = Runtime.runFork(yield* Effect.runtime<never>())
  const listen = (event: string, listener: Listener) =>
    Effect.acquireRelease(
      Effect.sync(() => process.on(event, listener)),
      () => Effect.sync(() => process.off(event, listener))
    )
  const report = (error: unknown, isRejection: boolean, level: Report["level"]) =>
    Effect.withFiberRuntime<void>((fiber) =>
      send(instance, fiber, {
        given: error,
        level,
        boundary: {
          type: isRejection ? "onunhandledrejection" : "onuncaughtexception",
          handled: false,
          synthetic: undefined
        },
        source: isRejection ? "node.process_unhandled_rejection" : "node.process_uncaught_exception",
        isLimited: true
      })
    )

  let isEnding = false
  const onUncaught = (error: unknown, origin: string): void => {
    const isLast = process.listenerCount("uncaughtException") === 1
    const captured = report(error, origin === "unhandledRejection", isLast ? "fatal" : "error")
    if (!isLast) {
      run(captured)
      return
    }
    // While it is being sent, more may go wrong; that must neither end the process early nor begin this anew.
    if (isEnding) return
    isEnding = true
    run(
      Effect.ensuring(
        Effect.zipRight(captured, Effect.timeoutOption(Effect.ignore(service.flush), timeout)),
        // Thrown again without us, it meets what Node would have done at once.
        Effect.sync(() => {
          process.off("uncaughtException", onUncaught)
          process.nextTick(() => {
            throw error
          })
        })
      )
    )
  }
  yield* listen("uncaughtException", onUncaught)

  // A rejection that nobody handles comes as an uncaught exception, unless somebody listens for rejections: that is Node's word
  // for "handled". So we listen only where somebody else does, or where Node has been told to let them pass.
  let isListening = false
  const onRejection = (reason: unknown): void => {
    run(report(reason, true, "error"))
  }
  const follow = (): void => {
    const others = process.listenerCount("unhandledRejection") - (isListening ? 1 : 0)
    const isWanted = others > 0 || toleratesRejections(process)
    if (isWanted === isListening) return
    isListening = isWanted
    process[isWanted ? "on" : "off"]("unhandledRejection", onRejection)
  }
  // It is told before the listener is there.
  yield* listen("newListener", (event: string) => {
    if (event === "unhandledRejection") process.nextTick(follow)
  })
  yield* listen("removeListener", (event: string) => {
    if (event === "unhandledRejection") follow()
  })
  yield* Effect.acquireRelease(
    Effect.sync(follow),
    () => Effect.sync(() => process.off("unhandledRejection", onRejection))
  )
})
