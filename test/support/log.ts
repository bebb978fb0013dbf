/** What a program logs, as data. */
import { layerLogger } from "./effect.js"

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
  const layer = layerLogger(({ annotations, level, text }) => {
    messages.push({ level, text, package: annotations.package, instance: annotations.instance })
  })
  return { messages, layer, texts: () => messages.map(({ level, text }) => `${level}: ${text}`) }
}
