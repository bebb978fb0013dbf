/**
 * People and groups as PostHog would know them from the events that it accepted: merged ids and properties.
 */
import type { ReceivedEvent } from "./model.js"

type Properties = { readonly [name: string]: unknown }

export interface Person {
  /** All ids that are this person, in the order in which they came. */
  readonly ids: ReadonlyArray<string>
  readonly properties: Properties
}

export interface People {
  /** Takes an accepted event into account. */
  readonly learn: (event: ReceivedEvent) => void
  /** Somebody by any id; `undefined`: never heard of. */
  readonly find: (project: string, id: string) => Person | undefined
  /** The properties of a group; `undefined`: never heard of. */
  readonly group: (project: string, type: string, key: string) => Properties | undefined
  readonly all: (project?: string) => ReadonlyArray<Person & { readonly project: string }>
  readonly clear: () => void
}
