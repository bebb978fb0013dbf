/**
 * Exceptions that nobody caught and rejections that nobody handled, where there is Node's `process`.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { shared } from "../../core/shared.js"
import { withFiber } from "../effect/fiber.js"
import type { Instance } from "../instance.js"
import { hostProcessWith } from "../node.js"
import { rethrow } from "./nodeReport.js"
import { uncaught, unhandled } from "./reporters.js"
import { send } from "./tracker.js"

const hostProcess = () => hostProcessWith(["on", "off", "listenerCount", "nextTick"])

type Process = NonNullable<ReturnType<typeof hostProcess>>

/** In these modes a listener for rejections decides nothing. */
const toleratesRejections = ({ env, execArgv = [] }: Process): boolean =>
  // The last one counts.
  /^(?:warn|none)$/.test(
    Array.from([env?.NODE_OPTIONS, ...execArgv].join(" ").matchAll(/--unhandled-rejections[= ]([\w-]+)/g)).at(-1)
      ?.[1] ?? ""
  )

/** One instance that observes the process. */
interface Observer {
  /** Captures, and sends when the process ends. */
  readonly observe: (error: unknown, isRejection: boolean, isEnd: boolean) => Promise<unknown>
}

/**
 * All that observe, and how the one set of listeners is taken away that they share: Node asks how many listeners there
 * are.
 */
const observed = shared(
  "ErrorTracking/process",
  (): { readonly observers: Set<Observer>; detach: (() => void) | undefined } => ({
    observers: new Set(),
    detach: undefined
  })
)

const tell = (error: unknown, isRejection: boolean, isEnd: boolean): Promise<unknown> =>
  Promise.allSettled(Array.from(observed.observers, ({ observe }) => observe(error, isRejection, isEnd)))

const attach = (process: Process): () => void => {
  let isEnding = false
  let more: Promise<unknown> = Promise.resolve()
  const onUncaught = (error: unknown, origin: string): void => {
    const isRejection = origin === "unhandledRejection"
    if (process.listenerCount("uncaughtException") > 1) {
      void tell(error, isRejection, false)
      return
    }
    // While it is being sent, more may go wrong; that is sent too, and must neither end the process early nor keep it
    // for long.
    const told = tell(error, isRejection, true)
    more = Promise.all([more, told])
    if (isEnding) return
    isEnding = true
    void told.then(() => more).then(() => {
      // Thrown again without us, it meets what Node would have done at once.
      process.off("uncaughtException", onUncaught)
      process.nextTick(() => rethrow(error, isRejection))
    })
  }

  // A rejection that nobody handles comes as an uncaught exception, unless somebody listens for rejections: that is
  // Node's word for "handled". So we listen only where somebody else does, or where Node has been told to let them
  // pass.
  let isListening = false
  const onRejection = (reason: unknown): void => {
    void tell(reason, true, false)
  }
  const listen = (isWanted: boolean): void => {
    if (isWanted === isListening) return
    isListening = isWanted
    process[isWanted ? "on" : "off"]("unhandledRejection", onRejection)
  }
  const follow = (): void => {
    const others = process.listenerCount("unhandledRejection") - (isListening ? 1 : 0)
    listen(observed.observers.size > 0 && (others > 0 || toleratesRejections(process)))
  }
  const onNewListener = (event: string): void => {
    // Reported before the listener is there.
    if (event === "unhandledRejection") process.nextTick(follow)
  }
  const onRemoveListener = (event: string): void => {
    if (event === "unhandledRejection") follow()
  }
  process.on("uncaughtException", onUncaught)
  process.on("newListener", onNewListener)
  process.on("removeListener", onRemoveListener)
  follow()
  return () => {
    process.off("uncaughtException", onUncaught)
    process.off("newListener", onNewListener)
    process.off("removeListener", onRemoveListener)
    listen(false)
  }
}

/**
 * Observes the process for an instance until the scope closes. `flush` sends what the instance has, for so long at
 * most.
 */
export const observeProcess = Effect.fnUntraced(function*(
  instance: Instance,
  flush: Effect.Effect<unknown, unknown>,
  timeout: Duration.DurationInput
): Effect.fn.Return<void, never, Scope.Scope> {
  const process = hostProcess()
  if (process === undefined) return
  const run = Runtime.runPromise(yield* Effect.runtime<never>())
  const sent = Effect.timeoutOption(Effect.ignore(flush), timeout)
  const observer: Observer = {
    observe: (error, isRejection, isEnd) => {
      const captured = withFiber<void>((fiber) =>
        send(instance, fiber, {
          reporter: isRejection ? unhandled : uncaught,
          given: error,
          level: isEnd ? "fatal" : "error"
        })
      )
      return run(isEnd ? Effect.zipRight(captured, sent) : captured)
    }
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      observed.observers.add(observer)
      observed.detach ??= attach(process)
    }),
    () =>
      Effect.sync(() => {
        observed.observers.delete(observer)
        if (observed.observers.size > 0) return
        observed.detach?.()
        observed.detach = undefined
      })
  )
})
