/**
 * The outbox of an instance with its events on disk.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { shared } from "../../../core/shared.js"
import { adopterOf } from "../../form.js"
import { builtin, hostProcess } from "../../node.js"
import { sleepIdle } from "../../sleepIdle.js"
import type { Front } from "../backing.js"
import { Elapsed } from "../elapsed.js"
import type { Branch } from "../lane.js"
import * as Outbox from "../outbox.js"
import { adopt } from "./adoption.js"
import { DeadLetters, type Letters, lettersError } from "./deadLetters.js"
import { absolute, attempt, type FileSystem } from "./disk.js"
import { OutboxStorageError } from "./errors.js"
import { FileBacking, type Shared } from "./fileBacking.js"
import * as Life from "./life.js"
import type { Store } from "./store.js"
import type { Fault } from "./syncer.js"

/** How often a process looks for what others have left while it lives. */
const adoptionInterval = Duration.minutes(1)

/** What is left is safe, so that a program need not be held up. */
const shutdownTimeout = Duration.seconds(2)

/** Options of a layer, checked. */
export interface Settings {
  readonly directory: string
  /** Milliseconds; `undefined`: never. */
  readonly syncMillis: number | undefined
  readonly maxBytes: number
  readonly maxEvents: number
  /** Milliseconds. */
  readonly maxAge: number | undefined
  readonly segmentBytes: number
  /** 0: none are kept. */
  readonly deadLetterBytes: number
}

/** Whether this platform and the directory are fit for it, before there is any instance. Gives its absolute path. */
export const checkDirectory = Effect.fnUntraced(
  function*(fs: FileSystem, given: string): Effect.fn.Return<string, OutboxStorageError> {
    const platform = hostProcess()?.platform
    if (platform === "win32") {
      return yield* new OutboxStorageError({
        reason: "unsupported",
        operation: "open",
        detail: "not on Windows, where nobody has tried whether a process can be known to be alive"
      })
    }
    const directory = yield* Life.trying("open", () => absolute(given))
    yield* Life.checkPath(`${directory}/${"0".repeat(digestLength)}`)
    yield* Life.trying("open", () => {
      fs.make(directory)
      // Whether it can be written to is known when something was.
      const path = `${directory}/${Life.newId(0)}.probe`
      const file = fs.open(path)
      try {
        fs.write(file, Uint8Array.of(0x0a))
      } finally {
        fs.close(file)
        fs.remove(path)
      }
    })
    return directory
  }
)

const digestLength = 12

interface NodeCrypto {
  readonly createHash: (name: string) => {
    readonly update: (text: string) => { readonly digest: (encoding: "hex") => string }
  }
}

/** Keeps the events of one project apart from those of another. */
const digestOf = (host: string, apiKey: string): Effect.Effect<string, OutboxStorageError> =>
  Effect.try({
    try: () =>
      builtin<NodeCrypto>("node:crypto")!.createHash("sha1").update(`${host}\n${apiKey}`).digest("hex")
        .slice(0, digestLength),
    catch: () => new OutboxStorageError({ reason: "unsupported", operation: "open", detail: "there is no node:crypto" })
  })

/** The lane of exceptions, which every instance can open. */
const exceptions = "exceptions"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What is to be written before the process exits: one listener for all. */
const unwritten = () =>
  shared("DurableOutbox/exit", () => {
    const writers = new Set<() => void>()
    hostProcess()?.on?.("exit", () => {
      for (const write of writers) write()
    })
    return writers
  })

const storageError = ({ detail, operation }: Fault): OutboxStorageError =>
  new OutboxStorageError({ reason: "storage", operation, detail })

export const make = (fs: FileSystem, settings: Settings): Store => ({
  open: Effect.fnUntraced(function*(opening): Effect.fn.Return<Outbox.Outbox, OutboxStorageError, Scope.Scope> {
    const { apiKey, books, diagnostics, gate, options, route } = opening
    const project = `${settings.directory}/${yield* digestOf(options.host, apiKey)}`
    const clock = yield* Effect.clock
    const elapsed = new Elapsed(clock)
    const wall = () => clock.unsafeCurrentTimeMillis()
    const runtime = yield* Effect.runtime<Scope.Scope>()
    const life = yield* Life.begin(fs, project, wall)
    const later = (millis: number, f: () => void): void => {
      Runtime.runFork(runtime)(Effect.map(sleepIdle(Duration.millis(millis)), f))
    }
    const dead = settings.deadLetterBytes === 0
      ? undefined
      : new DeadLetters(fs, `${project}/dead`, life.id, settings.deadLetterBytes, diagnostics, wall)
    // One that cannot be made for the first lane is an error of the layer; for others, nothing can be written.
    yield* Life.trying("open", () => life.makeLane(route.lane.name))
    const [ofEvents, ofModels] = [adopterOf(options.captureMode), adopterOf(options.aiCaptureMode)]
    const adopterFor = (lane: string) => lane === route.lane.name || lane === exceptions ? ofEvents : ofModels
    const backings: Array<FileBacking> = []
    const setAside = `${project}/damaged.log`
    /** While somebody has opted out, nothing stays that is not the own of a process that lives. */
    const forget = Effect.suspend(() => {
      if (gate.phase !== "opted_out") return Effect.void
      attempt(() => fs.remove(setAside))
      return life.purge
    })
    const writers = unwritten()
    const writeOut = (): void => backings.forEach(({ journal }) => journal.writeOut())
    yield* Effect.acquireRelease(
      Effect.sync(() => writers.add(writeOut)),
      () =>
        Effect.promise(() => Promise.all(backings.map(({ journal }) => journal.end()))).pipe(
          Effect.zipRight(Effect.sync(() => writers.delete(writeOut))),
          Effect.zipRight(forget)
        )
    )
    const common: Shared = {
      fs,
      limits: { ...settings, segmentBytes: segmentBytesOf(settings, options.maxQueueBytes) },
      books,
      diagnostics,
      maxQueueBytes: options.maxQueueBytes,
      maxQueueSize: options.maxQueueSize,
      dead,
      reform: (lane, event) => encoder.encode(adopterFor(lane)(decoder.decode(event))),
      now: () => elapsed.now(),
      wall,
      later
    }
    const parts = { fs, life, gate, diagnostics, setAside }
    const adoptInto = (backing: FileBacking): void => {
      Runtime.runFork(runtime)(adopt(backing, parts))
    }
    const begin = (front: Front): FileBacking => {
      const { name } = front.lane
      attempt(() => life.makeLane(name))
      const backing = new FileBacking(front, common, life.lane(name))
      // That of the first one is waited for.
      if (backings.push(backing) > 1) adoptInto(backing)
      return backing
    }
    const outbox = yield* Outbox.make(
      options.isShutdownTimeoutGiven ? options : { ...options, shutdownTimeout },
      route,
      gate,
      books,
      diagnostics,
      begin
    )
    const adoptAll = Effect.suspend(() => {
      // What an earlier process ended with explains its end, and need not wait for the next one.
      if (life.hasOrphans(exceptions)) outbox.pipelineOf(exceptions)
      return Effect.zipRight(Effect.forEach(backings, (backing) => adopt(backing, parts), { discard: true }), forget)
    })
    yield* adoptAll
    yield* Effect.forkScoped(Effect.interruptible(Effect.forever(
      Effect.zipRight(sleepIdle(adoptionInterval), adoptAll)
    )))

    /** Waits until events of a lane outlive the process. */
    const survives: Survives = (lane, seats) =>
      Effect.suspend(() => {
        const backing = backings.find(({ front }) => front.lane.name === lane)!
        const { fault } = backing.journal
        if (fault !== undefined) return storageError(fault)
        if (!seats.every((seat) => backing.isStored(seat))) {
          return new OutboxStorageError({ reason: "storage", operation: "write", detail: "nothing could be written" })
        }
        return Effect.flatMap(
          Effect.promise(() => backing.journal.durable()),
          (fault) => fault === undefined ? Effect.void : storageError(fault)
        )
      })

    const storeNow = (text: string, branch?: Branch): Effect.Effect<void, OutboxStorageError> =>
      Effect.suspend(() => {
        const pipeline = outbox.pipelineFor(text, branch)
        let seat: number | string | undefined
        const offered = pipeline.offer(text, (told) => {
          seat = told
        })
        return Effect.zipRight(
          offered,
          Effect.suspend(() => {
            if (typeof seat !== "number") {
              return new OutboxStorageError({ reason: "refused", operation: "capture", detail: seat ?? "interrupted" })
            }
            return survives(pipeline.lane.name, [seat])
          })
        )
      })

    const optOut = (): void => {
      outbox.optOut()
      Runtime.runFork(runtime)(forget)
    }

    return { ...outbox, optOut, storeNow, letters: dead && lettersOf(dead, outbox, adopterFor, survives) }
  })
})

/** A segment is read as a whole, and removed as a whole: it is to be small beside what may be in memory and on disk. */
const segmentBytesOf = ({ maxBytes, segmentBytes }: Settings, maxQueueBytes: number): number =>
  Math.min(segmentBytes, Math.ceil(maxBytes / 4), Math.max(Math.ceil(maxQueueBytes / 2), 64 * 1024))

type Survives = (lane: string, seats: ReadonlyArray<number>) => Effect.Effect<void, OutboxStorageError>

const lettersOf = (
  dead: DeadLetters,
  outbox: Outbox.LiveOutbox,
  adopterFor: (lane: string) => (text: string) => string,
  survives: Survives
): Letters => ({
  list: (isMeant) =>
    Effect.mapBoth(dead.list(isMeant), {
      onSuccess: (found) => found.map(({ letter }) => letter),
      onFailure: lettersError("list")
    }),
  replay: Effect.fnUntraced(function*(isMeant): Effect.fn.Return<number, OutboxStorageError> {
    const all = yield* Effect.mapError(dead.list(isMeant), lettersError("replay"))
    // Those of lanes that are not open stay: nobody here can send them.
    const found = all.filter(({ lane }) => outbox.pipelineOf(lane) !== undefined)
    const taken = new Map<string, Array<{ readonly letter: typeof found[number]; readonly seat: number }>>()
    for (const letter of found) {
      let seat: number | string | undefined
      yield* outbox.pipelineOf(letter.lane)!.offer(adopterFor(letter.lane)(letter.text), (told) => {
        seat = told
      })
      if (typeof seat !== "number") continue
      const ofLane = taken.get(letter.lane) ?? []
      taken.set(letter.lane, ofLane)
      ofLane.push({ letter, seat })
    }
    let count = 0
    let error: OutboxStorageError | undefined
    for (const [lane, ofLane] of taken) {
      // A letter is forgotten when its event is as safe as it was itself.
      const fault = yield* Effect.match(survives(lane, ofLane.map(({ seat }) => seat)), {
        onSuccess: () => undefined,
        onFailure: ({ detail }) => lettersError("replay")(detail)
      })
      error ??= fault
      if (fault !== undefined) continue
      yield* Effect.mapError(dead.settle(ofLane.map(({ letter }) => letter)), lettersError("replay"))
      count += ofLane.length
    }
    if (error !== undefined) return yield* error
    return count
  }),
  discard: (isMeant) =>
    Effect.flatMap(
      Effect.mapError(dead.list(isMeant), lettersError("discard")),
      (found) => Effect.as(Effect.mapError(dead.settle(found), lettersError("discard")), found.length)
    )
})
