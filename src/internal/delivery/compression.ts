/**
 * How the bodies of one route are compressed: as the options want it, as the route knows it, as the runtime can do it,
 * and as the server takes it.
 */
import type { Encoding } from "../../core/http/encodings.js"
import type { EncodingRefused, EncodingUnavailable } from "../../PostHogError.js"
import type { Diagnostics, Kind } from "../diagnostics.js"
import { isAvailable } from "./encoding.js"

const encodingRefused: Kind<EncodingRefused> = {
  tag: "EncodingRefused",
  text:
    "the server does not take bodies that are compressed like this, so they are sent as they are from now on; set compression (POSTHOG_COMPRESSION) to another encoding or to false",
  warns: true
}

const encodingUnavailable: Kind<EncodingUnavailable> = {
  tag: "EncodingUnavailable",
  text: "the runtime cannot compress as the option compression (POSTHOG_COMPRESSION) says",
  warns: true
}

export class Compression {
  private readonly wanted: Encoding | undefined
  private readonly unavailable: Encoding | undefined
  private isUnavailableTold = false
  /** What the server has refused; `known`: it took the same without. */
  private refused: { readonly encoding: Encoding; known: boolean } | undefined

  constructor(
    option: false | Encoding,
    /** What the route knows. */
    known: ReadonlyArray<Encoding>,
    private readonly diagnostics: Diagnostics
  ) {
    const wanted = option === false ? undefined : known.includes(option) ? option : "gzip"
    this.unavailable = wanted === undefined || wanted === "gzip" || isAvailable(wanted) ? undefined : wanted
    this.wanted = this.unavailable === undefined ? wanted : "gzip"
  }

  /** For the next body that is worth it. */
  encoding(): Encoding | undefined {
    const { unavailable: encoding, wanted } = this
    if (encoding !== undefined && wanted !== undefined && !this.isUnavailableTold) {
      this.isUnavailableTold = true
      this.diagnostics.emit(
        encodingUnavailable,
        () => ({ _tag: "EncodingUnavailable", encoding, instead: wanted })
      )
    }
    return this.refused === undefined ? wanted : undefined
  }

  /** To be called with every answer. Gives whether the same body is to be sent again without compression. */
  answered(status: number | undefined, encoding: Encoding | undefined): boolean {
    const { refused } = this
    if (status === 415) {
      if (encoding !== undefined) {
        this.refused ??= { encoding, known: false }
        return true
      }
      // It was something else that the server did not take.
      if (refused?.known === false) this.refused = undefined
    } else if (refused?.known === false && encoding === undefined && status !== undefined && status < 300) {
      refused.known = true
      this.diagnostics.emit(encodingRefused, () => ({ _tag: "EncodingRefused", encoding: refused.encoding }))
    }
    return false
  }
}
