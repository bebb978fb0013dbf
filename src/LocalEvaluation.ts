/**
 * Flags from their definitions, in this process: one load for all users instead of one request for each.
 *
 * @since 0.1.0
 */
import { compileDefinitions, type Definitions } from "./core/flags/definitions.js"
import { evaluateFlags, type LocalResult, type Subject } from "./core/flags/local.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Definitions } from "./core/flags/definitions.js"
/**
 * @since 0.1.0
 * @category models
 */
export type { LocalResult, Subject, Unresolved, UnresolvedReason } from "./core/flags/local.js"

/**
 * Reads the body of `GET /flags/definitions`; `undefined` when it is none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const compile = (
  document: unknown,
  options?: { readonly evaluationContexts?: ReadonlyArray<string> | undefined }
): Definitions | undefined => compileDefinitions(document, options?.evaluationContexts)

/**
 * Evaluates flags for somebody.
 *
 * @since 0.1.0
 * @category evaluation
 */
export const evaluate = (
  definitions: Definitions,
  subject: Subject,
  options: { readonly now: number; readonly flagKeys?: ReadonlyArray<string> | undefined }
): LocalResult => evaluateFlags(definitions, subject, options.now, options.flagKeys)
