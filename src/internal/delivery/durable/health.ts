/**
 * Whether a store does what it is asked to. What is wrong is told once, and once more when it works again.
 */
import type { Diagnostics } from "../../diagnostics.js"
import { kinds } from "./kinds.js"
import type { Trouble } from "./redis.js"

/** Who asks something of the store: each does one thing again and again, by which it learns that the store works. */
export type Side = "appender" | "reader"

export class Health {
  /** Who failed first, and has not had success since. */
  private failing: Side | undefined

  constructor(private readonly diagnostics: Diagnostics, private readonly unstored: () => number) {}

  failed(side: Side, { detail, operation }: Trouble): void {
    if (this.failing !== undefined) return
    this.failing = side
    this.diagnostics.emit(kinds.failed, () => ({ _tag: "StorageFailed", operation, detail }))
  }

  succeeded(side: Side): void {
    if (this.failing !== side) return
    this.failing = undefined
    this.diagnostics.emit(kinds.restored, () => ({ _tag: "StorageRestored", unstored: this.unstored() }))
  }
}
