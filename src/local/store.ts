/**
 * What a local PostHog keeps: the newest of everything, within bounds, and how much was forgotten.
 */
import type { Evaluation, Happening, Hint, ReceivedEvent, ReceivedRequest } from "./model.js"

export interface Bounds {
  /** Events that are kept, and the bytes of their texts. */
  readonly maxEvents: number
  readonly maxBytes: number
}

/** Requests and evaluations that are kept. */
const maxRequests = 2_000
const maxEvaluations = 2_000
const maxHints = 200

/** What has happened since the start, or since it was cleared; of what was forgotten too. */
export interface Counts {
  /** Events that arrived, each once. */
  readonly accepted: number
  readonly refused: number
  /** Arrivals of events that had arrived before. */
  readonly duplicates: number
  readonly requests: number
  /** Events that are not kept any more. */
  readonly forgotten: number
}

/** A list whose oldest entries go, without moving the others each time. */
class Ring<A> {
  private items: Array<A> = []
  private start = 0

  get length(): number {
    return this.items.length - this.start
  }

  add(item: A): void {
    this.items.push(item)
  }

  /** Takes the oldest. */
  take(): A | undefined {
    if (this.length === 0) return undefined
    const item = this.items[this.start]
    this.start++
    if (this.start > 1_024 && this.start * 2 > this.items.length) {
      this.items = this.items.slice(this.start)
      this.start = 0
    }
    return item
  }

  all(): ReadonlyArray<A> {
    return this.items.slice(this.start)
  }

  clear(): void {
    this.items = []
    this.start = 0
  }
}

export class Store {
  private readonly eventRing = new Ring<ReceivedEvent>()
  private readonly requestRing = new Ring<ReceivedRequest>()
  private readonly evaluationRing = new Ring<Evaluation>()
  private readonly hintRing = new Ring<Hint>()
  /** Accepted events that are kept, by project and uuid. */
  private readonly byUuid = new Map<string, ReceivedEvent>()
  private readonly said = new Set<string>()
  private readonly listeners = new Set<(happening: Happening) => void>()
  private bytes = 0
  private sequence = { event: 0, request: 0, evaluation: 0 }
  private counted = { accepted: 0, refused: 0, duplicates: 0, requests: 0, forgotten: 0 }

  constructor(private readonly bounds: Bounds) {}

  nextEvent(): number {
    return ++this.sequence.event
  }

  nextRequest(): number {
    return ++this.sequence.request
  }

  nextEvaluation(): number {
    return ++this.sequence.evaluation
  }

  /** In the order of arrival, the newest last. */
  get events(): ReadonlyArray<ReceivedEvent> {
    return this.eventRing.all()
  }

  get requests(): ReadonlyArray<ReceivedRequest> {
    return this.requestRing.all()
  }

  get evaluations(): ReadonlyArray<Evaluation> {
    return this.evaluationRing.all()
  }

  get hints(): ReadonlyArray<Hint> {
    return this.hintRing.all()
  }

  /** What is kept at most, of events. */
  get most(): { readonly events: number; readonly bytes: number } {
    return { events: this.bounds.maxEvents, bytes: this.bounds.maxBytes }
  }

  get counts(): Counts {
    return { ...this.counted }
  }

  addRequest(request: ReceivedRequest): void {
    this.counted.requests++
    this.requestRing.add(request)
    if (this.requestRing.length > maxRequests) this.requestRing.take()
    this.tell({ type: "request", request })
  }

  /** A request has been answered, or will never be. */
  settled(request: ReceivedRequest): void {
    this.tell({ type: "request", request })
  }

  /** Whether an event has been accepted before, and is still kept. */
  has({ project, uuid }: ReceivedEvent): boolean {
    return uuid !== undefined && this.byUuid.has(`${project} ${uuid}`)
  }

  /** Takes an event; one that was accepted before counts as having come again. Whether it is new. */
  addEvent(event: ReceivedEvent): boolean {
    const isAccepted = event.verdict === "accepted"
    const key = isAccepted && event.uuid !== undefined ? `${event.project} ${event.uuid}` : undefined
    const before = key === undefined ? undefined : this.byUuid.get(key)
    if (before !== undefined) {
      before.times++
      this.counted.duplicates++
      this.tell({ type: "again", event: before })
      return false
    }
    if (key !== undefined) this.byUuid.set(key, event)
    if (isAccepted) this.counted.accepted++
    else this.counted.refused++
    this.eventRing.add(event)
    this.bytes += event.bytes
    while (this.eventRing.length > this.bounds.maxEvents || this.bytes > this.bounds.maxBytes) this.forget()
    this.tell({ type: "event", event })
    return true
  }

  private forget(): void {
    const event = this.eventRing.take()
    // What is larger than everything that may be kept has gone already.
    if (event === undefined) {
      this.bytes = 0
      return
    }
    this.bytes -= event.bytes
    this.counted.forgotten++
    const key = `${event.project} ${event.uuid}`
    // One that was refused may have the uuid of another that is still here.
    if (this.byUuid.get(key) === event) this.byUuid.delete(key)
  }

  addEvaluation(evaluation: Evaluation): void {
    this.evaluationRing.add(evaluation)
    if (this.evaluationRing.length > maxEvaluations) this.evaluationRing.take()
    this.tell({ type: "evaluation", evaluation })
  }

  /** Says something once about one thing. */
  hint(at: number, about: string, text: string): void {
    const key = `${about} ${text}`
    if (this.said.has(key) || this.said.size >= maxHints) return
    this.said.add(key)
    const hint = { at, about, text }
    this.hintRing.add(hint)
    this.tell({ type: "hint", hint })
  }

  /** Forgets everything but the numbers that were given. */
  clear(): void {
    for (const ring of [this.eventRing, this.requestRing, this.evaluationRing, this.hintRing]) ring.clear()
    this.byUuid.clear()
    this.said.clear()
    this.bytes = 0
    this.counted = { accepted: 0, refused: 0, duplicates: 0, requests: 0, forgotten: 0 }
    this.tell({ type: "cleared" })
  }

  /** Calls the listener for each thing that happens, until the function that is given back is called. */
  subscribe(listener: (happening: Happening) => void): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  tell(happening: Happening): void {
    for (const listener of this.listeners) {
      // Who listens must not hurt who tells, nor the other listeners.
      try {
        listener(happening)
      } catch {
        continue
      }
    }
  }
}
