/**
 * The way of all events that have no other: over capture v0, or over capture v1 and, where a server does not have it,
 * over capture v0 as well.
 */
import * as Redacted from "effect/Redacted"
import type { CaptureRouteMissing } from "../../PostHogError.js"
import type { Diagnostics, Kind } from "../diagnostics.js"
import { adopterOf } from "../form.js"
import type { Http } from "../http/client.js"
import type { Resolved } from "../options.js"
import { captureV0 } from "./captureV0.js"
import { captureV1 } from "./captureV1.js"
import * as Lane from "./lane.js"
import * as Transport from "./transport.js"
import { bringer, firstOf } from "./ways.js"

const captureRouteMissing: Kind<CaptureRouteMissing> = {
  tag: "CaptureRouteMissing",
  text:
    "there is no capture v1 at this address; events are sent with capture v0 from now on, without verdicts on single events; set captureMode (POSTHOG_CAPTURE_MODE) to \"v0\", or let the proxy pass the route",
  warns: true
}

const v0Path = "/batch/"
const v1Path = "/i/v1/analytics/events"

export const route = (
  options: Resolved,
  http: Http,
  newUuid: (millis: number) => string,
  diagnostics: Diagnostics
): Lane.Route => {
  const lane = Lane.events(options)
  const key = options.apiKey === undefined ? "" : Redacted.value(options.apiKey)
  const by = (protocol: Transport.Protocol) => Transport.make(options, protocol, lane.requestTimeout, http, diagnostics)
  const v0 = by(captureV0(v0Path, key, options.historicalMigration))
  if (options.captureMode === "v0") return { lane, transport: v0 }
  const v1 = by(captureV1(v1Path, key, options.historicalMigration, newUuid))
  const transport = firstOf(
    [
      { path: v1Path, transport: v1, bring: undefined },
      // What capture v1 takes is small enough here, also with the name of the library in it.
      { path: v0Path, transport: v0, bring: bringer(adopterOf("v0"), v0Path, Number.POSITIVE_INFINITY) }
    ],
    (missing) => diagnostics.emit(captureRouteMissing, () => ({ _tag: "CaptureRouteMissing", ...missing }))
  )
  return { lane, transport }
}
