/**
 * Whether events are taken. This is the one place that knows, for live instances and for those of tests.
 */

export type Phase = "open" | "opted_out" | "closed"

export class Gate {
  /** Set for good when the instance closes. */
  isClosed = false

  constructor(private isOptedOut: boolean) {}

  /** Consent comes first: a closed instance of somebody who opted out counts nothing either. */
  get phase(): Phase {
    return this.isOptedOut ? "opted_out" : this.isClosed ? "closed" : "open"
  }

  optOut(): void {
    this.isOptedOut = true
  }

  /** Takes events again, unless the instance was closed meanwhile. */
  optIn(): void {
    this.isOptedOut = false
  }

  close(): void {
    this.isClosed = true
  }
}
