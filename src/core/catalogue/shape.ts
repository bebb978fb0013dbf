/**
 * What a schema says about the values that are sent, in terms of JSON and without Effect's classes, which differ
 * between its majors.
 *
 * @since 0.1.0
 */
import type { PersonalData } from "../event/declared.js"

/** What is known of every shape. */
interface Base {
  /** Set where the value is personal data; `usual`: the instance decides how it is made unreadable. */
  readonly personal?: PersonalData | "usual" | undefined
  readonly description?: string | undefined
  /** Why it should not be used any more. */
  readonly deprecated?: string | undefined
}

/** The shape of a value. */
export type Shape =
  & Base
  & (
    | { readonly kind: "string" | "number" | "boolean"; readonly values?: ReadonlyArray<string | number | boolean> }
    /** A date or a time, as text or as milliseconds. `isZoned`: as text it ends with the name of a zone. */
    | { readonly kind: "time"; readonly isZoned?: boolean }
    /** `null`, or, with `isAbsent`, no value at all. */
    | { readonly kind: "nothing"; readonly isAbsent?: boolean }
    | { readonly kind: "object"; readonly members: ReadonlyArray<Member>; readonly others: Shape | undefined }
    | { readonly kind: "list"; readonly items: ReadonlyArray<Shape> }
    | { readonly kind: "union"; readonly choices: ReadonlyArray<Shape> }
    /** A shape that contains itself. */
    | { readonly kind: "later"; readonly of: () => Shape }
    /** Anything. */
    | { readonly kind: "unknown" }
  )

/** A member of an object. */
export interface Member {
  readonly name: string
  readonly shape: Shape
  readonly isOptional: boolean
}
