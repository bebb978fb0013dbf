/**
 * Closing on a signal, where there is Node's `process`.
 */
import { shared } from "../core/shared.js"
import { hostProcessWith } from "./node.js"

type Close = () => Promise<void>

const signalSource = () => hostProcessWith(["prependListener", "off", "listenerCount", "kill"])

type SignalSource = NonNullable<ReturnType<typeof signalSource>>

/**
 * Who wants to close, by signal. One listener serves all of them, so that none takes another for the program's own
 * shutdown.
 */
const waiting = shared(
  "PostHogBridge/signals",
  () => new Map<string, { readonly closes: Set<Close>; readonly listener: () => void }>()
)

const listen = (process: SignalSource, signal: string) => {
  const closes = new Set<Close>()
  const listener = (): void => {
    // We are the first of the listeners, and one that listens once is still there.
    const isAlone = process.listenerCount(signal) === 1
    // From now on the signal does what it does without us, so that a second Ctrl-C ends the process at once.
    process.off(signal, listener)
    waiting.delete(signal)
    void Promise.all(Array.from(closes, (close) => close())).then(() => {
      if (isAlone) process.kill(process.pid!, signal)
    })
  }
  process.prependListener(signal, listener)
  const entry = { closes, listener }
  waiting.set(signal, entry)
  return entry
}

/**
 * Calls `close` on the first of these signals. When it is done, the process gets the signal once more, which ends it as
 * it would have ended without us. Where the program listens for the signal itself, the program decides when to end.
 * Gives a function that stops listening.
 */
export const closeOnSignals = (signals: ReadonlyArray<string>, close: Close): () => void => {
  const process = signals.length === 0 ? undefined : signalSource()
  if (process === undefined) return () => undefined
  for (const signal of signals) (waiting.get(signal) ?? listen(process, signal)).closes.add(close)
  return () => {
    for (const signal of signals) {
      const entry = waiting.get(signal)
      if (entry?.closes.delete(close) !== true || entry.closes.size > 0) continue
      process.off(signal, entry.listener)
      waiting.delete(signal)
    }
  }
}
