/** What a program logs, as data. */
import { Logger } from "effect"

export interface Logged {
  readonly level: string
  readonly text: string
  /** Annotations that this library sets. */
  readonly package: unknown
  readonly instance: unknown
}

/** A logger that collects, at the usual minimum level. */
export const collector = () => {
  const messages: Array<Logged> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ annotations, logLevel, message }) => {
      const text = Array.isArray(message) ? message.join(" ") : String(message)
      const map = Object.fromEntries(annotations)
      messages.push({ level: logLevel._tag, text, package: map.package, instance: map.instance })
    })
  )
  return { messages, layer, texts: () => messages.map(({ level, text }) => `${level}: ${text}`) }
}
