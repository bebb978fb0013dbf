/**
 * The definitions of all flags, read once per load: whatever can be computed without a user is computed here.
 *
 * @since 0.1.0
 */

/** Definitions that are ready to be evaluated. */
export interface Definitions {
  /** In the order of the document. */
  readonly keys: ReadonlyArray<string>
  /** Whether events about flags without an experiment may be sent in their short form. */
  readonly minimalFlagCalledEvents: boolean
}

/** `undefined`: the value is no definitions document. */
export const compileDefinitions = (
  document: unknown,
  _evaluationContexts?: ReadonlyArray<string>
): Definitions | undefined => {
  if (typeof document !== "object" || document === null || !Array.isArray((document as { flags?: unknown }).flags)) {
    return undefined
  }
  return { keys: [], minimalFlagCalledEvents: false }
}
