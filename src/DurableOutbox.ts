/**
 * Events that survive the process: what `capture` took is kept until PostHog has acknowledged it, also when the program
 * is killed or PostHog cannot be reached for hours.
 *
 * @since 0.1.0
 */

export {
  /**
   * @since 0.1.0
   * @category tags
   */
  DurableOutbox
} from "./internal/delivery/durable/store.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Service
} from "./internal/delivery/durable/store.js"

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  OutboxStorageError
} from "./internal/delivery/durable/errors.js"
