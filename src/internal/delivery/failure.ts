/**
 * Why events did not arrive: what a request failed with, and the words for those who are told.
 */
import type { DeliveryError } from "../../PostHogError.js"

/** The same request may succeed later. */
export interface Retryable {
  readonly _tag: "Retryable"
  readonly reason: "connection" | "timeout" | "status"
  readonly status?: number | undefined
  readonly detail?: string | undefined
  /** What the server asked for, in milliseconds. */
  readonly retryAfter?: number | undefined
}

/** The body, or an event in it, is too large for the server. */
export interface TooLarge {
  readonly _tag: "TooLarge"
}

/** The server does not take the way in which the body is compressed. */
export interface EncodingRefused {
  readonly _tag: "EncodingRefused"
}

/** The server refuses this request for good. */
export interface Rejected {
  readonly _tag: "Rejected"
  readonly status: number
  readonly detail?: string | undefined
}

export type SendFailure = Retryable | TooLarge | EncodingRefused | Rejected

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
    case "EncodingRefused":
      return { reason: "rejected", status: 415 }
    case "Rejected":
      return { reason: "rejected", status: failure.status, detail: failure.detail }
  }
}

/** A failure in a few words, for diagnostics. */
export const detailOf = (failure: Failure | undefined): string | undefined =>
  failure?.detail ?? (failure?.status === undefined ? undefined : `status ${failure.status}`)
