/**
 * What happens, as a stream for each who wants to follow it.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { streamOf } from "./effect/waiting.js"

/** What one subscriber has not seen yet. */
class Subscriber<A> {
  private buffer: Array<A> = []
  private ended = false

  /** `signal` wakes who pulls, after the call that has something to tell. */
  constructor(private readonly signal: Queue.Queue<void>, private readonly capacity: number) {}

  offer(value: A): void {
    if (this.buffer.length === this.capacity) this.buffer.shift()
    this.buffer.push(value)
    Queue.unsafeOffer(this.signal, undefined)
  }

  end(): void {
    this.ended = true
    Queue.unsafeOffer(this.signal, undefined)
  }

  /** What has happened since the last pull, waiting for something to happen; `undefined`: nothing will. */
  readonly pull: Effect.Effect<ReadonlyArray<A> | undefined> = Effect.suspend(() => {
    if (this.buffer.length > 0) return Effect.succeed(this.take())
    return this.ended ? Effect.succeed(undefined) : Effect.flatMap(Queue.take(this.signal), () => this.pull)
  })

  private take(): ReadonlyArray<A> {
    const some = this.buffer
    this.buffer = []
    return some
  }
}

/** Not a `PubSub`: telling is a plain call, and what nobody follows costs nothing. */
export class Feed<A> {
  private readonly subscribers = new Set<Subscriber<A>>()
  private ended = false

  /** So many values may a slow subscriber fall behind before it misses the oldest. */
  constructor(private readonly capacity: number) {}

  get isFollowed(): boolean {
    return this.subscribers.size > 0
  }

  publish(value: A): void {
    for (const subscriber of this.subscribers) subscriber.offer(value)
  }

  /** The streams end after what was published. */
  end(): void {
    this.ended = true
    for (const subscriber of this.subscribers) subscriber.end()
  }

  /** What is published from now on, after what `first` gives. */
  stream(first: () => ReadonlyArray<A> = () => []): Stream.Stream<A> {
    const subscribe = Effect.acquireRelease(
      Effect.map(Queue.sliding<void>(1), (signal) => {
        const subscriber = new Subscriber<A>(signal, this.capacity)
        for (const value of first()) subscriber.offer(value)
        this.subscribers.add(subscriber)
        if (this.ended) subscriber.end()
        return subscriber
      }),
      (subscriber) => Effect.sync(() => this.subscribers.delete(subscriber))
    )
    return Stream.unwrapScoped(Effect.map(subscribe, ({ pull }) => streamOf(pull)))
  }
}
