/**
 * What an instance does with events, persons and groups that were declared with `PostHogEvent`: counts and tells what
 * does not fit, and decides what is sent of it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { EventDescription } from "../core/catalogue/model.js"
import {
  type Declared,
  declaredId,
  type DeclaredProperties,
  type PersonalPolicy,
  type PropertyProblem
} from "../core/event/declared.js"
import type { Layer, Properties, PropertiesInput } from "../core/event/layers.js"
import { hasOwn, isObject, read, readOwn } from "../core/guard.js"
import type { Books } from "./delivery/books.js"
import { type Diagnostics, kinds } from "./diagnostics.js"
import type { Resolved } from "./options.js"

/** An event that was declared, as far as it is known here. */
export interface DeclaredEvent extends Declared {
  readonly event: string
  readonly describe: () => EventDescription
}

/** Whether an event was declared. What is given may be anything, also something that throws as it is looked at. */
export const isDeclared = (event: string | DeclaredEvent): event is DeclaredEvent =>
  isObject(event) && typeof read(event, "prepare") === "function" && typeof read(event, "event") === "string"

/** What tests do about events that do not fit: each gives the defect that the capture ends with, if there is one. */
export interface Judge {
  /** What does not fit the declaration. */
  readonly onInvalid: (event: string, problems: ReadonlyArray<PropertyProblem>) => Error | undefined
  /** An event as it would be sent. */
  readonly onSent: (text: string, declared: DeclaredEvent | undefined) => Error | undefined
}

/** The properties of an event, ready to be sent. */
export interface Ready {
  readonly properties: Properties
  /** Whether the event shall not have a property that its surroundings have. */
  readonly omits: ((name: string) => boolean) | undefined
}

/** What one call does with properties of persons and groups that may have been declared. */
export interface Resolver {
  /** Of properties that were declared, what fits, in the form that is sent; others are as they were given. */
  readonly of: (given: PropertiesInput | DeclaredProperties | undefined) => PropertiesInput | undefined
  /** The same, with what the context has said, in which what was declared as personal data is made unreadable, too. */
  readonly over: (
    known: Properties | undefined,
    given: PropertiesInput | DeclaredProperties | undefined
  ) => readonly [known: Properties | undefined, given: PropertiesInput | undefined]
  /** The defect with which the call ends in a test. */
  readonly defect: () => Error | undefined
}

/** The value that an event would take from its surroundings. */
const valueIn = (layers: ReadonlyArray<Layer>, name: string): unknown => {
  let value: unknown
  for (const { properties } of layers) if (Object.hasOwn(properties, name)) value = properties[name]
  return value
}

export class Declarations {
  private readonly personal: PersonalPolicy
  /** What a test has against the event that was looked at last. */
  private defect: Error | undefined

  constructor(
    private readonly options: Resolved,
    private readonly books: Books,
    private readonly diagnostics: Diagnostics,
    private readonly judge: Judge | undefined
  ) {
    const { personalData, personalDataKey } = options
    this.personal = {
      usual: personalData,
      key: personalDataKey === undefined ? undefined : Redacted.value(personalDataKey)
    }
  }

  /** The properties of an event in the form that is sent, or in words why it is not sent. */
  propertiesOf({ event, prepare }: DeclaredEvent, given: unknown, layers: ReadonlyArray<Layer>): Ready | string {
    const { hide, problems, properties, say } = prepare(given, this.personal)
    if (problems !== undefined && !this.isSentInvalid(event, problems)) return say()
    return hide?.((name) => valueIn(layers, name)) ?? { properties, omits: undefined }
  }

  /** In words what a test has against an event as it would be sent. */
  refuses(text: string, declared: DeclaredEvent | undefined): string | undefined {
    this.defect = this.judge?.onSent(text, declared)
    return this.defect?.message
  }

  /** What becomes of a call that there is nothing to send of. */
  ended(): Effect.Effect<void> {
    const { defect } = this
    this.defect = undefined
    return defect === undefined ? Effect.void : Effect.die(defect)
  }

  /** For one call, which is counted once, however many of its parts do not fit. */
  resolver(event: string): Resolver {
    let isCounted = false
    let found: Error | undefined
    const over: Resolver["over"] = (known, given) => {
      if (!hasOwn(given, declaredId)) return [known, given as PropertiesInput | undefined]
      const declared = (given as DeclaredProperties)[declaredId]
      const { fitting, hide, problems, properties } = declared.prepare(declared.given, this.personal)
      const under = known && (hide?.((name) => readOwn(known, name)).known(known) ?? known)
      if (problems === undefined) return [under, properties]
      const isSent = this.isSentInvalid(event, problems, isCounted)
      isCounted = true
      if (isSent) return [under, properties]
      found ??= this.defect
      this.defect = undefined
      // A person loses one property, and not all of them.
      return [under, fitting()]
    }
    return { of: (given) => over(undefined, given)[1], over, defect: () => found }
  }

  /** Whether what does not fit its declaration is sent. */
  private isSentInvalid(event: string, problems: ReadonlyArray<PropertyProblem>, isCounted = false): boolean {
    if (!isCounted) this.books.invalid()
    this.defect = this.judge?.onInvalid(event, problems)
    const isSent = this.defect === undefined && this.options.invalidEvents === "send"
    this.diagnostics.emit(kinds.eventInvalid, () => ({ _tag: "EventInvalid", event, problems, isSent }))
    return isSent
  }
}
