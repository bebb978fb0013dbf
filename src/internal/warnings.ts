/**
 * The words of what is logged when something goes wrong, and when they are said. `docs/troubleshooting.md` quotes them.
 */
import { redactText } from "../core/secrets.js"
import { maxDetail } from "./http/explain.js"

/**
 * What requests are about, in words. Trouble with one of them says nothing of the others: flags have a time limit of
 * their own. Each stands beside what makes the requests, so that programs without flags do not bundle words for them.
 */
export interface Topic {
  readonly name: string
  /** Begins the message about a failure. */
  readonly failed: string
  /** The same where the server refuses what was sent. */
  readonly rejected?: string
  /** The same where no request was made. */
  readonly notAsked?: string
  readonly recovered: string
  readonly consequence: string
  /** What to check, by the status or the reason, where that is not what helps with other requests. */
  readonly advice?: { readonly [statusOrReason: string]: string | undefined }
  /** Whether the requests carry events. */
  readonly isDelivery?: true
}

export const aboutEvents: Topic = {
  name: "events",
  failed: "events cannot be sent to",
  rejected: "events are rejected by",
  recovered: "events reach",
  consequence: "they are dropped",
  isDelivery: true
}

/** Why something was no success. */
export interface Trouble {
  readonly about: Topic
  /** That of a `DeliveryError` or of `FlagsUnavailable`. */
  readonly reason: string
  readonly status?: number | undefined
  readonly detail?: string | undefined
  /** Where the events go. */
  readonly fate?: keyof typeof fates | undefined
}

/** Where the events of a failed request go. */
const fates = {
  again: "they are kept and sent again",
  closing: "they are sent again until shutdownTimeout is over",
  lost: "they are dropped",
  awaited: "captureNow sends it again, and fails when that is in vain",
  awaitedLost: "it is dropped, and captureNow fails"
} as const

/** How a log message about a diagnostic goes on, when there is only one of its kind. */
export const onlyOnce = "; further cases are told in PostHog.diagnostics, not logged"

/** What events were dropped for, and what to do. `rejected` and `shutdown_timeout` have words of their own. */
export const drops: { readonly [reason: string]: string | undefined } = {
  invalid_event: "an event has no name, a blank distinct id or arguments that cannot be used",
  before_send_failed: "a beforeSend hook threw, or gave something that is no event",
  too_large: "an event is larger than maxEventBytes or than the server takes; capture less in one event",
  queue_full: "there are more events than can be sent; raise maxQueueBytes, or capture less",
  rate_limited: "there are too many exceptions of one kind; the others are sent",
  undelivered: "captureNow has failed, or events could not be sent while closing",
  damaged: "what was stored of them could not be read any more; look at the disk",
  expired: "they were older than maxAge of the durable outbox before they could be sent",
  closed: "they were captured after the instance was closed; capture within its scope",
  internal_error: "a fault of effect-posthog, please report it"
}

export const checkHost = "check the host (option host, POSTHOG_HOST)"
const checkKey = "check the project API key (option apiKey, POSTHOG_API_KEY)"

/** What to check where the error has one of these codes. */
const adviceForCode: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b(?:ENOTFOUND|EAI_AGAIN)\b/, `there is no address for this name; ${checkHost} and the name server`],
  [/\bECONNREFUSED\b/, `nothing accepts connections there; ${checkHost} and its port, and the firewall`],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|_TLS_|\bEPROTO\b/,
    `the certificate or the protocol is not accepted; ${checkHost}, and NODE_EXTRA_CA_CERTS behind a proxy`
  ]
]

const adviceForReason: { readonly [reason: string]: string | undefined } = {
  connection: `${checkHost}, the network and the firewall`,
  timeout: `${checkHost}, the network and the firewall`,
  status: "PostHog or something in front of it has a fault; see https://status.posthog.com",
  rejected: `${checkHost} and the project API key (option apiKey, POSTHOG_API_KEY)`
}

/** What to check for some statuses. */
const adviceForStatus: { readonly [status: number]: string | undefined } = {
  400: "PostHog finds events malformed; PostHog.diagnostics names them",
  401: `the key is not known there; ${checkKey}, and whether host is of the same region`,
  403: `something refuses access; ${checkKey}, and proxies in between`,
  404: `there is no PostHog at this address; ${checkHost}`,
  413: "the request is too large for something there; lower maxBatchBytes, or capture smaller events",
  429: "there are too many requests, and PostHog limits their rate"
}

/** A redirect leads to a host that is not that of the options. */
const adviceForRedirect = `the answer is a redirect, which is not followed; ${checkHost}`

/** The answer to the request was a good one, and that to some of its events was not. */
const adviceForVerdict = "PostHog refuses single events; PostHog.diagnostics names them"

const adviceForAgain = "PostHog asks for single events again; PostHog.diagnostics names them"

/** The detail of an answer that should speak about events and does not. */
export const noResults = "an answer without results for the events"

const adviceForNoResults =
  `this is no PostHog, or one that does not know capture v1; ${checkHost}, or send events with capture v0 (captureMode, aiCaptureMode)`

const adviceFor = ({ about, detail = "", reason, status }: Trouble): string => {
  if (detail === noResults) return adviceForNoResults
  if (status === 200 && reason === "rejected") return adviceForVerdict
  if (status === 200 && about.isDelivery) return adviceForAgain
  const forReason = about.advice?.[reason] ?? adviceForReason[reason]
  if (status !== undefined) {
    return about.advice?.[status] ?? adviceForStatus[status] ??
      (status >= 300 && status < 400 ? adviceForRedirect : forReason) ?? checkHost
  }
  const byCode = adviceForCode.find(([pattern]) => pattern.test(detail))
  return byCode?.[1] ?? forReason ?? checkHost
}

/** Reasons that are about a request, so that the address helps. */
const ofRequests = new Set(["connection", "timeout", "status", "rejected", "invalid_response", "quota_limited"])

/** A code such as `ENOTFOUND`: what tells failed connections from each other. */
const code = /\b(?:E[A-Z]{3,}|[A-Z]+(?:_[A-Z]+)+)\b/

/** What a trouble is, without what differs from case to case. */
const kindOf = ({ detail, reason, status }: Trouble): string =>
  status !== undefined
    ? `${reason} ${status}`
    : reason === "connection"
    ? `${reason} ${code.exec(detail ?? "")?.[0]}`
    : reason

const said = (detail: string | undefined): string =>
  detail === undefined || detail === "" ? "" : ` (${redactText(detail.replace(/\s+/g, " "), maxDetail)})`

/** What happened, in a few words. */
const causeOf = ({ detail, reason, status }: Trouble): string =>
  status !== undefined
    ? `it answered ${status}${said(detail)}`
    : reason === "timeout"
    ? `no answer in time${said(detail)}`
    : reason === "connection"
    ? `no connection${said(detail)}`
    : `${reason}${said(detail)}`

const firstFailure = (address: string, trouble: Trouble): string => {
  const { about, fate, reason, status } = trouble
  const what = reason === "rejected"
    ? about.rejected ?? about.failed
    // A good answer, but for some of the events.
    : status === 200 && about.isDelivery
    ? "some events are not taken yet by"
    : about.failed
  const where = ofRequests.has(reason) ? `${what} ${address}` : about.notAsked ?? about.failed
  const then = fate === undefined ? about.consequence : fates[fate]
  return `PostHog: ${where}: ${causeOf(trouble)}; ${adviceFor(trouble)}; ${then}`
}

/** Reasons of drops that come from requests without success. */
const ofDelivery = new Set(["rejected", "shutdown_timeout", "undelivered", "queue_full"])

const noneKnown = `no answer came within shutdownTimeout; ${checkHost}, the network and the firewall`

/** What a durable outbox could not do, and what was said. */
interface StorageTrouble {
  readonly operation: string
  readonly detail: string
}

const lost = (
  dropped: { readonly [reason: string]: number | undefined },
  address: string,
  last: Trouble | undefined,
  storage: StorageTrouble | undefined
): string => {
  const reasons = Object.entries(dropped).map(([reason, count = 0]) => `${count} ${reason}`)
  const total = Object.values(dropped).reduce<number>((sum, count = 0) => sum + count, 0)
  const why = last !== undefined && Object.keys(dropped).some((reason) => ofDelivery.has(reason))
    ? `; the last failure at ${address}: ${causeOf(last)}; ${adviceFor(last)}`
    // What could not be stored never was on its way to PostHog.
    : "shutdown_timeout" in dropped && storage === undefined
    ? `; at ${address}: ${noneKnown}`
    : ""
  const unstored = storage !== undefined && "shutdown_timeout" in dropped
    ? `; the durable outbox could not store events: ${storage.operation}${
      said(storage.detail)
    }; check its disk or Redis`
    : ""
  return `PostHog: closed, and ${total} events were lost (${reasons.join(", ")})${unstored}${why}`
}

/** So long, in milliseconds, nothing is said again of a kind of failure that went away and came back. */
const repeatAfter = 600_000

/** Most kinds that are told of one outage. */
const maxKinds = 20

/** Trouble that lasts. */
class Outage {
  /** Kinds that were told, and when. */
  readonly told = new Map<string, number>()
  /** Kinds that were told since the last success. */
  readonly current = new Set<string>()
  last: Trouble | undefined
}

/**
 * Says the first failure of each kind, and that it is over. A server that fails now and then is no reason for a message
 * each time: of a kind that comes back something is said again after ten minutes.
 */
export class Warnings {
  /** By the names of topics, because a process may hold this package twice. */
  private readonly outages = new Map<string, Outage>()
  private readonly address: string
  private storage: StorageTrouble | undefined

  constructor(
    host: string,
    /** Milliseconds of a clock that cannot be set back. */
    private readonly now: () => number,
    private readonly log: (level: "Warning" | "Info", text: string) => void
  ) {
    this.address = redactText(host)
  }

  failed(trouble: Trouble): void {
    const { name } = trouble.about
    let outage = this.outages.get(name)
    if (outage === undefined) this.outages.set(name, outage = new Outage())
    const kind = kindOf(trouble)
    // What is wrong with a call is no matter of PostHog's, and not over with the next good answer.
    if (!ofRequests.has(trouble.reason)) {
      if (outage.told.has(kind) || outage.told.size >= maxKinds) return
      outage.told.set(kind, this.now())
      return this.log("Warning", firstFailure(this.address, trouble))
    }
    outage.last = trouble
    if (outage.current.has(kind)) return
    const toldAt = outage.told.get(kind)
    if (toldAt === undefined ? outage.told.size >= maxKinds : this.now() - toldAt < repeatAfter) return
    outage.told.set(kind, this.now())
    outage.current.add(kind)
    this.log("Warning", firstFailure(this.address, trouble))
  }

  recovered({ name, recovered }: Topic): void {
    const outage = this.outages.get(name)
    if (outage?.last === undefined) return
    outage.last = undefined
    if (outage.current.size === 0) return
    outage.current.clear()
    this.log("Info", `PostHog: ${recovered} ${this.address} again`)
  }

  /** To be called when a durable outbox does not work, and when it does again. */
  unstored(trouble: StorageTrouble | undefined): void {
    this.storage = trouble
  }

  /** What was lost in all, by reason. */
  lost(dropped: { readonly [reason: string]: number | undefined }): void {
    if (Object.keys(dropped).length === 0) return
    let last: Trouble | undefined
    for (const outage of this.outages.values()) if (outage.last?.about.isDelivery) last ??= outage.last
    this.log("Warning", lost(dropped, this.address, last, this.storage))
  }
}
