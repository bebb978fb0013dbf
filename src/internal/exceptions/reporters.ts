/**
 * Who reports exceptions: what is the same for all that one of them reports.
 */
import type { Boundary } from "../../core/exceptions/list.js"

export interface Reporter extends Boundary {
  /** The hook that reports, as PostHog's specification names hooks: `<technology>.<hook>`. */
  readonly source: string | undefined
  /** Whether too many exceptions of a kind are held back. */
  readonly limited: boolean
  /**
   * Whether it also reports what another reporter has claimed: because the program asks for it, or because the claim is
   * its own.
   */
  readonly ignoresClaims: boolean
}

/** `ErrorTracking.capture`. */
export const byHand: Reporter = {
  type: "generic",
  handled: true,
  synthetic: undefined,
  source: undefined,
  limited: false,
  ignoresClaims: true
}

/** `ErrorTracking.captureErrors`. */
export const region: Reporter = { ...byHand, handled: false, limited: true, ignoresClaims: false }

/** The logger, for a message with an error or a cause. */
export const logger: Reporter = {
  type: "logger",
  handled: true,
  synthetic: undefined,
  source: "effect.logger",
  limited: true,
  ignoresClaims: false
}

/** The logger, for a message that has no error. */
export const message: Reporter = { ...logger, synthetic: true }

/** The logger, for the failure of a fiber that nobody observes. */
export const fiber: Reporter = { ...logger, type: "task", handled: undefined, source: "effect.fiber_failure" }

/** Effect's reporters of errors, which are told when a server answers for a handler that has failed. */
export const errorReporter: Reporter = {
  type: "generic",
  handled: undefined,
  synthetic: undefined,
  source: "effect.error_reporter",
  limited: true,
  ignoresClaims: false
}

/** The middleware of an HTTP server, which claims what it reports when the request is answered. */
export const middleware: Reporter = {
  type: "middleware",
  handled: false,
  synthetic: undefined,
  source: "effect.http_middleware",
  limited: true,
  ignoresClaims: true
}

/** The process, for an exception that nobody caught. */
export const uncaught: Reporter = {
  type: "onuncaughtexception",
  handled: false,
  synthetic: undefined,
  source: "node.process_uncaught_exception",
  limited: true,
  ignoresClaims: false
}

/** The process, for a rejection that nobody handled. */
export const unhandled: Reporter = {
  ...uncaught,
  type: "onunhandledrejection",
  source: "node.process_unhandled_rejection"
}
