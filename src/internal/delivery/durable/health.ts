/**
 * Whether a store does what it is asked to. What is wrong is told once, and once more when it works again.
 */
import type { Diagnostics } from "../../diagnostics.js"
import { kinds } from "./kinds.js"
import type { Trouble } from "./redis.js"

export class Health {
  /** What failed first, and has not worked since. */
  private failing: string | undefined

  constructor(private readonly diagnostics: Diagnostics, private readonly unstored: () => number) {}

  failed({ detail, operation }: Pick<Trouble, "detail" | "operation">): void {
    if (this.failing !== undefined) return
    this.failing = operation
    this.diagnostics.emit(kinds.failed, () => ({ _tag: "StorageFailed", operation, detail }))
  }

  succeeded(operation: string): void {
    if (this.failing !== operation) return
    this.failing = undefined
    this.diagnostics.emit(kinds.restored, () => ({ _tag: "StorageRestored", unstored: this.unstored() }))
  }
}
