/**
 * Somebody who waits for one event that does not come from a queue.
 */
import type * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { DeliveryError, type DropReason } from "../../PostHogError.js"
import { complete } from "../completion.js"
import { makeDeferred } from "../effect/waiting.js"
import type { Batch } from "./batch.js"
import type { Owner } from "./books.js"
import type { Failure } from "./failure.js"

export class Receipt implements Owner {
  readonly lane = undefined
  readonly done: Deferred.Deferred<void, DeliveryError> = makeDeferred()

  settle(_: Batch, reason: DropReason | undefined, failure: Failure = { reason: "closed" }): void {
    complete(
      this.done,
      reason === undefined ? Effect.void : new DeliveryError({ ...failure, delivered: 0, dropped: 1, queued: 0 })
    )
  }
}
