/**
 * Why events did not arrive, in the words of those who are told.
 */
import type { DeliveryError } from "../../PostHogError.js"
import type { SendFailure } from "./transport.js"

/** Why events that somebody waited for did not arrive: the part of a `DeliveryError` that says what happened. */
export interface Failure {
  readonly reason: DeliveryError["reason"]
  readonly status?: number | undefined
  readonly detail?: string | undefined
}

export const toFailure = (failure: SendFailure): Failure => {
  switch (failure._tag) {
    case "Retryable":
      return { reason: failure.reason, status: failure.status, detail: failure.detail }
    case "TooLarge":
      return { reason: "rejected", status: 413 }
    case "Rejected":
      return { reason: "rejected", status: failure.status, detail: failure.detail }
  }
}

/** A failure in a few words, for diagnostics. */
export const detailOf = (failure: Failure | undefined): string | undefined =>
  failure?.detail ?? (failure?.status === undefined ? undefined : `status ${failure.status}`)
