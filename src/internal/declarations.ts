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
  type PropertyProblem,
  sayProblems
} from "../core/event/declared.js"
import type { Properties, PropertiesInput } from "../core/event/layers.js"
import { hasOwn, isObject, read } from "../core/guard.js"
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

/** What one call does with properties of persons and groups that may have been declared. */
export interface Resolver {
  /** Of properties that were declared, what fits, in the form that is sent; others are as they were given. */
  readonly of: (given: PropertiesInput | DeclaredProperties | undefined) => PropertiesInput | undefined
  /** The defect with which the call ends in a test. */
  readonly defect: () => Error | undefined
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
  propertiesOf({ event, prepare }: DeclaredEvent, given: unknown): Properties | string {
    const { problems, properties } = prepare(given, this.personal)
    return problems === undefined || this.isSentInvalid(event, problems) ? properties : sayProblems(problems)
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
    return {
      of: (given) => {
        if (!hasOwn(given, declaredId)) return given as PropertiesInput | undefined
        const declared = (given as DeclaredProperties)[declaredId]
        const { problems, properties } = declared.prepare(declared.given, this.personal)
        if (problems === undefined) return properties
        const isSent = this.isSentInvalid(event, problems, isCounted)
        isCounted = true
        if (isSent) return properties
        found ??= this.defect
        this.defect = undefined
        // A person loses one property, and not all of them.
        const isWrong = new Set(problems.map(({ property }) => property))
        return Object.fromEntries(Object.entries(properties).filter(([name]) => !isWrong.has(name)))
      },
      defect: () => found
    }
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
