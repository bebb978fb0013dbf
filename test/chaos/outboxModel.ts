/**
 * The outbox against a model of what it promises: whole instances, from `capture` to the client, under whatever a schedule does to them.
 *
 * The model knows nothing of queues, batches or retries. It knows what was captured, what the server was sent and acknowledged, and what
 * diagnostics and callers were told, and holds these against each other after every step.
 */
import { Cause, Context, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { DurableOutbox, PostHog, PostHogError } from "effect-posthog"
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as FileStore from "../../src/internal/delivery/durable/fileStore.js"
import { TypeId } from "../../src/internal/delivery/durable/store.js"
import { isRunning, layerLogger } from "../support/effect.js"
import { MemoryDisk } from "../support/memoryDisk.js"
import type { SinkEvent } from "../support/sink.js"
import { settled, VirtualTime } from "../support/virtualTime.js"
import type { Kind, Schedule, Setting, Step } from "./outboxSchedule.js"
import { Server } from "./outboxServer.js"

const fail = (why: string): never => {
  throw new Error(why)
}

const holds = (condition: boolean, why: () => string): void => {
  if (!condition) fail(why())
}

/** One event that the instance took. */
interface Captured {
  readonly index: number
  readonly kind: Kind
  /** How often somebody had opted out before. */
  readonly consent: number
  /** As the server was sent it the first time. */
  text: string | undefined
  isAccepted: boolean
  end: "delivered" | PostHogError.DropReason | undefined
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0)

const uuidOf = (index: number): string => `00000000-0000-7000-8000-${index.toString(16).padStart(12, "0")}`

/** A call that may not have returned. */
interface Call {
  readonly what: "capture" | "captureNow" | "flush"
  /** What it is about. */
  readonly events: ReadonlyArray<Captured>
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  result: Exit.Exit<unknown, unknown> | undefined
}

/** What schedules have done, for people. */
export interface Seen {
  schedules: number
  processes: number
  steps: number
  events: number
  requests: number
  delivered: number
  dropped: number
  calls: number
}

export const nothingSeen = (): Seen => ({
  schedules: 0,
  processes: 0,
  steps: 0,
  events: 0,
  requests: 0,
  delivered: 0,
  dropped: 0,
  calls: 0
})

type Disk = ReturnType<MemoryDisk["view"]>

class Run {
  private time = new VirtualTime()
  private readonly captured: Array<Captured> = []
  private readonly calls = new Set<Call>()
  private diagnostics: Array<PostHogError.Diagnostic> = []
  private readonly dropped = new Map<string, number>()
  /** Events of earlier processes. */
  private before = 0
  private recovered = 0
  private delivered = 0
  private ignored = 0
  private consents = 0
  private isOptedOut = false
  private closing: Fiber.RuntimeFiber<void> | undefined
  private isOver = false
  private service!: PostHog.Service
  private scope!: Scope.CloseableScope
  /** Thrown in a fiber of the instance, which must not hide it. */
  private violation: unknown

  private server = this.makeServer()
  private readonly files = new MemoryDisk()
  private disk: Disk | undefined

  constructor(
    private readonly setting: Setting,
    private readonly seen: Seen,
    /** Where processes say that they live; `undefined`: there is no outbox on disk. */
    private readonly directory: string | undefined
  ) {}

  private makeServer(): Server {
    return new Server({
      isPoisoned: ({ uuid }) => this.of(uuid).kind === "poison",
      received: (events) => this.guard(() => this.received(events)),
      accepted: (events) => {
        for (const { uuid } of events) this.of(uuid).isAccepted = true
      }
    })
  }

  private store(): Layer.Layer<never> {
    if (this.directory === undefined) return Layer.empty
    const disk = this.disk = this.files.view()
    // Sockets, by which processes know each other, are no files in memory.
    const make = (path: string): void => {
      mkdirSync(path, { recursive: true })
    }
    const store = FileStore.make({ ...disk, make }, {
      directory: this.directory,
      syncMillis: 0,
      maxBytes: 1e9,
      maxEvents: 1e9,
      maxAge: undefined,
      segmentBytes: 1e6,
      deadLetterBytes: 1e6
    })
    return Layer.succeed(DurableOutbox.DurableOutbox, { [TypeId]: store }) as Layer.Layer<never>
  }

  /** The process ends between two turns of the event loop, and the next one begins. */
  private async crash(): Promise<void> {
    this.check()
    // Those who waited are no more, and what they waited for was not stored.
    for (const { events, what } of this.calls) {
      if (what === "captureNow") { for (const one of events) one.end ??= "undelivered" }
    }
    this.calls.clear()
    // An opt-out removes also what is being sent from the disk.
    for (const one of this.captured) if (one.consent !== this.consents) one.end ??= "opted_out"
    this.end()
    this.server.isGone = true
    for (const name of readdirSync(this.directory!, { recursive: true, encoding: "utf8" })) {
      if (name.endsWith(".sock")) rmSync(join(this.directory!, name))
    }
    this.time = new VirtualTime(this.time.millis)
    const { script } = this.server
    this.server = this.makeServer()
    this.server.script = script
    this.diagnostics = []
    this.dropped.clear()
    this.delivered = 0
    this.ignored = 0
    this.isOptedOut = false
    this.closing = undefined
    this.isOver = false
    this.before = this.captured.length
    this.recovered = this.live().length
    await this.open()
  }

  private guard(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.violation ??= error
    }
  }

  async open(): Promise<void> {
    const { overflow, ...rest } = this.setting
    const layer = PostHog.layer({
      apiKey: "phc_test",
      compression: false,
      overflow: typeof overflow === "number" ? { waitUpTo: overflow } : overflow,
      ...rest
    }).pipe(Layer.provide(Layer.merge(this.server.layer, this.store())))
    const scope = await Effect.runPromise(Scope.make())
    this.scope = scope
    this.service = await Effect.runPromise(
      Layer.buildWithScope(layer, scope).pipe(
        Effect.map(Context.get(PostHog.PostHog)),
        Effect.provide(layerLogger(() => {})),
        this.time.on
      )
    )
    const { diagnostics } = this
    this.fork(
      Stream.runForEach(this.service.diagnostics, (diagnostic) => Effect.sync(() => diagnostics.push(diagnostic)))
    )
    await settled()
    this.server.release()
    await this.rest()
  }

  private fork<A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> {
    return Effect.runFork(this.time.on(effect))
  }

  private of(uuid: string): Captured {
    return this.captured[Number.parseInt(uuid.slice(-12), 16)] ?? fail(`nobody captured ${uuid}`)
  }

  /** A request is made: what the server may be sent. */
  private received(events: ReadonlyArray<SinkEvent>): void {
    holds(!this.isOver, () => "a request after the end")
    holds(!this.isOptedOut, () => "a request without consent")
    holds(events.length > 0 && events.length <= this.setting.maxBatchSize, () => `a request of ${events.length} events`)
    let last = -1
    for (const event of events) {
      const one = this.of(event.uuid)
      // On the way back from capture v1 to v0 an event is written anew.
      const { distinct_id, event: name, properties, timestamp, uuid } = event
      const text = this.setting.captureMode === "v0"
        ? JSON.stringify(event)
        : JSON.stringify([uuid, name, distinct_id, timestamp, properties.index])
      one.text ??= text
      holds(one.text === text, () => `event ${one.index} has changed: ${one.text} ${text}`)
      holds(one.consent === this.consents, () => `event ${one.index} is sent though somebody opted out since`)
      holds(one.index > last, () => `event ${one.index} is not in order`)
      last = one.index
    }
  }

  // What a program does

  async do(step: Step): Promise<void> {
    switch (step.do) {
      case "capture":
        for (let i = 0; i < step.count; i++) this.capture(step.kind, "capture")
        break
      case "captureNow":
        this.capture(step.kind, "captureNow")
        break
      case "flush":
        this.call(
          "flush",
          this.captured.filter((one) => one.end === undefined && !this.isHeld(one)),
          this.service.flush
        )
        break
      case "interrupt": {
        const [call] = this.calls
        if (call?.fiber !== undefined) this.fork(Fiber.interrupt(call.fiber))
        break
      }
      case "optOut":
        // From within: no request may be made any more.
        this.fork(Effect.zipRight(
          this.service.optOut,
          Effect.sync(() => {
            this.consents++
            this.isOptedOut = true
          })
        ))
        break
      case "optIn":
        this.isOptedOut = false
        this.fork(this.service.optIn)
        break
      case "pass":
        await this.time.advance(step.millis)
        break
      case "set":
        this.time.setBy(step.hours * 3_600_000)
        break
      case "server":
        this.server.script.push(...step.answers)
        break
      case "crash":
        await this.crash()
        break
      case "close":
        this.closing ??= this.fork(Scope.close(this.scope, Exit.void))
        break
    }
    await this.rest()
    this.check()
  }

  /** Waits until nothing happens any more without the time going on. */
  private async rest(): Promise<void> {
    const seen = () =>
      JSON.stringify([Effect.runSync(this.service.stats), this.diagnostics.length, this.server.requests])
    for (let last = ""; last !== seen();) {
      last = seen()
      await settled()
    }
  }

  /** Whether its caller waits for it, so that no flush does. */
  private isHeld(one: Captured): boolean {
    for (const { events, what } of this.calls) if (what !== "flush" && events.includes(one)) return true
    return false
  }

  private capture(kind: Kind, what: "capture" | "captureNow"): void {
    const index = this.captured.length
    const event = kind === "exception" ? "$exception" : "event"
    const options = { distinctId: "u", uuid: uuidOf(index) }
    if (this.isOptedOut) {
      this.ignored++
      this.fork(this.service[what](event, { index }, options))
      return
    }
    const one: Captured = {
      index,
      kind,
      consent: this.consents,
      text: undefined,
      isAccepted: false,
      // Refused, which nobody tells any more when all is over.
      end: this.closing === undefined ? undefined : "closed"
    }
    this.captured.push(one)
    if (one.end !== undefined) this.count(one.end)
    this.call(what, [one], this.service[what](event, { index }, options))
  }

  private call(what: Call["what"], events: ReadonlyArray<Captured>, effect: Effect.Effect<unknown, unknown>): void {
    const call: Call = { what, events, fiber: undefined, result: undefined }
    this.calls.add(call)
    this.seen.calls++
    call.fiber = this.fork(effect.pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          call.result = exit
        })
      )
    ))
  }

  // What has to hold

  private count(end: NonNullable<Captured["end"]>): void {
    if (end === "delivered") this.delivered++
    else this.dropped.set(end, (this.dropped.get(end) ?? 0) + 1)
  }

  private check(): void {
    if (this.violation !== undefined) throw this.violation
    for (const diagnostic of this.diagnostics.splice(0)) this.told(diagnostic)
    for (const call of this.calls) {
      if (call.result === undefined) continue
      this.calls.delete(call)
      this.returned(call, call.result)
    }
    const { maxBatchSize, maxConcurrentRequests, maxQueueSize, overflow } = this.setting
    const stats = Effect.runSync(this.service.stats)
    const known = () => JSON.stringify(stats)
    const { accepted, delivered, dropped, inFlight, queued, recovered, stored } = stats
    holds(
      accepted + recovered === queued + inFlight + delivered + sum(dropped) + stored,
      () => `it does not add up: ${known()}`
    )
    holds(stats.accepted === this.captured.length - this.before, () => `${this.captured.length} captured: ${known()}`)
    holds(stats.recovered === this.recovered, () => `${this.recovered} were left: ${known()}`)
    holds(stats.unstored === 0, () => `not on disk: ${known()}`)
    holds(stats.ignored === this.ignored, () => `${this.ignored} ignored: ${known()}`)
    holds(stats.delivered === this.delivered, () => `${this.delivered} told as delivered: ${known()}`)
    const told = Object.fromEntries(this.dropped)
    for (const reason of new Set([...Object.keys(stats.dropped), ...Object.keys(told)])) {
      const counted = stats.dropped[reason as PostHogError.DropReason]
      holds(counted === told[reason], () => `${JSON.stringify(told)} told as dropped: ${known()}`)
    }
    // Two queues, and those who wait for room. Where nothing gives way, what comes back is beyond that.
    const most = 2 * maxQueueSize + this.calls.size +
      (typeof overflow === "number" ? 2 * maxConcurrentRequests * maxBatchSize : 0)
    if (this.setting.background) {
      holds(stats.queued <= most, () => `more queued than ${most}: ${known()}`)
      const requests = 2 * maxConcurrentRequests + this.calls.size
      holds(this.server.open <= requests, () => `${this.server.open} requests at a time`)
    }
  }

  private told(diagnostic: PostHogError.Diagnostic): void {
    if (diagnostic._tag !== "EventsDelivered" && diagnostic._tag !== "EventsDropped") return
    holds(diagnostic.count === diagnostic.events.length, () => `not each event is named: ${JSON.stringify(diagnostic)}`)
    const end = diagnostic._tag === "EventsDelivered" ? "delivered" : diagnostic.reason
    for (const { uuid } of diagnostic.events) {
      const one = this.of(uuid)
      if (one.end === "closed" && end === "closed") continue
      holds(one.end === undefined, () => `event ${one.index} has two ends: ${one.end} and ${end}`)
      one.end = end
      this.count(end)
      holds(end !== "internal_error" || this.server.hasDied, () => `event ${one.index} met a fault of the library`)
      if (end === "delivered") holds(one.isAccepted, () => `event ${one.index} counts as delivered and never arrived`)
      if (end === "queue_full") {
        const isSameKind = (other: Captured) => (other.kind === "exception") === (one.kind === "exception")
        const others = this.captured.filter((other) => other.end === undefined && isSameKind(other)).length
        holds(others >= this.setting.maxQueueSize, () => `event ${one.index} was pushed out by ${others} of its kind`)
      }
    }
  }

  /** A call has returned: what its caller was told is true. */
  private returned({ events, what }: Call, result: Exit.Exit<unknown, unknown>): void {
    if (what === "capture") return
    const [value, error] = Exit.isSuccess(result) ? [result.value] : [undefined, errorOf(result)]
    const ends = events.map(({ end }) => end)
    const counts = {
      delivered: ends.filter((end) => end === "delivered").length,
      dropped: ends.filter((end) => end !== "delivered" && end !== undefined).length
    }
    if (what === "captureNow") {
      const isSent = Exit.isSuccess(result) && Option.isOption(value) && Option.isSome(value)
      const [one] = events
      if (isSent) {
        holds(one!.end === "delivered", () => `event ${one!.index} was acknowledged to its caller: ${one!.end}`)
      } else {holds(counts.dropped === 1, () =>
          `event ${one!.index} is not counted: ${one!.end}, ${JSON.stringify(result)}`)}
    } else if (Exit.isSuccess(result)) {
      const report = JSON.stringify(value)
      holds(!ends.includes(undefined), () => `a flush says that all are settled: ${report} ${JSON.stringify(events)}`)
      holds(JSON.stringify(counts) === report, () => `a flush says ${report} of ${JSON.stringify(counts)}`)
      const isMeant = ends.every((end) => end === "delivered" || end === "opted_out")
      holds(isMeant, () => `a flush says nothing of losses: ${JSON.stringify(ends)}`)
    } else if (error instanceof PostHogError.DeliveryError && events.length > 0) {
      const { delivered, dropped, queued } = error
      holds(delivered + dropped + queued === events.length, () => `a flush of ${events.length} says ${error.message}`)
    }
  }

  private live(): ReadonlyArray<number> {
    return this.captured.filter(({ end }) => end === undefined).map(({ index }) => index)
  }

  /** Another process delivers what the last one has left, and after that there is nothing left. */
  async inherit(): Promise<void> {
    await this.do({ do: "crash" })
    await this.finish()
    await this.do({ do: "crash" })
    holds(this.recovered === 0, () => `events ${this.live().join()} are never sent`)
  }

  /** The faults are over: all is delivered without anybody's help, or counted. Then the end. */
  async finish(): Promise<void> {
    this.server.script = []
    if (this.closing === undefined) {
      for (let i = 0; i < 3; i++) {
        await this.do({ do: "pass", millis: 60_000 })
        if (!this.setting.background) await this.do({ do: "flush" })
      }
      await this.do({ do: "pass", millis: 60_000 })
      holds(this.live().length === 0, () => `events ${this.live().join()} are never sent`)
    }
    await this.do({ do: "close" })
    await this.do({ do: "pass", millis: this.setting.shutdownTimeout + 1 })
    holds(!isRunning(this.closing!), () => "it has not closed in time")
    this.isOver = true
    await this.do({ do: "pass", millis: 3_600_000 })
    const { inFlight, queued, stored } = Effect.runSync(this.service.stats)
    const isAsCounted = queued + inFlight === 0 && this.live().length === stored
    holds(isAsCounted, () => `events ${this.live().join()} are left at the end, ${stored} stored`)
    holds(this.calls.size === 0, () => `${Array.from(this.calls, ({ what }) => what).join()} never return`)
    holds(this.server.open === 0, () => `${this.server.open} requests are left at the end`)
    holds(this.time.sleeping === 0, () => `${this.time.sleeping} timers are left at the end`)
  }

  /** What this process has done. */
  private tally(): void {
    this.seen.processes++
    this.seen.events += this.captured.length - this.before
    this.seen.requests += this.server.requests
    this.seen.delivered += this.delivered
    this.seen.dropped += sum(Object.fromEntries(this.dropped))
  }

  /** All is over. */
  end(): void {
    this.tally()
    this.disk?.kill()
  }
}

/** The same with an outbox on disk, on which processes die. */
export const runDurable = async (schedule: Schedule, seen: Seen): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "chaos-"))
  try {
    await run(schedule, seen, directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const errorOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.failureOption(exit.cause))

/** Runs one schedule. Rejects with what does not hold, and after which step. */
export const run = async ({ setting, steps }: Schedule, seen: Seen, directory?: string): Promise<void> => {
  const it = new Run(setting, seen, directory)
  await it.open()
  for (const step of steps) await it.do(step)
  await it.finish()
  if (directory !== undefined) await it.inherit()
  it.end()
  seen.schedules++
  seen.steps += steps.length
}
