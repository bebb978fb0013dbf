/**
 * What can happen to an instance, as data: random, shrinkable, and printed when something is wrong.
 */
import * as fc from "fast-check"

/** What the server does to one request. */
export type Answer =
  | { readonly kind: "ok" }
  | { readonly kind: "slow"; readonly millis: number }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: number }
  /** 413 for more than one event. */
  | { readonly kind: "small" }
  /** No connection; it reads the request and the answer is lost; its answer never ends. */
  | { readonly kind: "refused" | "lost" | "endless" }
  /** No answer, and one that cannot be interrupted. */
  | { readonly kind: "hang" | "stuck" }
  /** Faults of the client. */
  | { readonly kind: "dies" | "interrupts" }
  /** With capture v1: what becomes of each event, over and over. */
  | { readonly kind: "verdicts"; readonly verdicts: ReadonlyArray<"ok" | "warning" | "drop" | "retry"> }

export type Kind = "event" | "exception" | "poison"

export type Step =
  | { readonly do: "capture"; readonly count: number; readonly kind: Kind }
  | { readonly do: "captureNow"; readonly kind: Kind }
  | { readonly do: "flush" | "interrupt" | "optOut" | "optIn" | "close" }
  /** The process is killed, and the next one begins. Only with an outbox on disk. */
  | { readonly do: "crash" }
  | { readonly do: "pass"; readonly millis: number }
  /** Somebody sets the time of day. */
  | { readonly do: "set"; readonly hours: number }
  | { readonly do: "server"; readonly answers: ReadonlyArray<Answer> }

export interface Setting {
  readonly captureMode: "v0" | "v1"
  readonly background: boolean
  readonly flushAt: number
  readonly flushInterval: number
  readonly maxBatchSize: number
  readonly maxConcurrentRequests: number
  readonly maxQueueSize: number
  readonly maxRetries: number
  /** A number: `waitUpTo`. */
  readonly overflow: "dropOldest" | "dropNewest" | number
  readonly requestTimeout: number
  readonly retryPause: number
  readonly shutdownTimeout: number
}

export interface Schedule {
  readonly setting: Setting
  readonly steps: ReadonlyArray<Step>
}

const answer: fc.Arbitrary<Answer> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Answer>({ kind: "ok" }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 12_000 }).map((millis): Answer => ({ kind: "slow", millis })) },
  {
    weight: 6,
    arbitrary: fc.record({ status: fc.constantFrom(503, 500, 429, 413, 400, 401, 404, 302) })
      .map(({ status }): Answer => ({ kind: "status", status }))
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 40 }).map((retryAfter): Answer => ({
      kind: "status",
      status: 429,
      retryAfter
    }))
  },
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...["small", "refused", "lost", "endless", "hang", "stuck", "dies", "interrupts"] as const
    )
      .map((kind): Answer => ({ kind }))
  },
  {
    weight: 4,
    arbitrary: fc.array(fc.constantFrom(...["ok", "warning", "drop", "retry"] as const), { minLength: 1, maxLength: 5 })
      .map((verdicts): Answer => ({ kind: "verdicts", verdicts }))
  }
)

const kind: fc.Arbitrary<Kind> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Kind>("event") },
  { weight: 2, arbitrary: fc.constant<Kind>("exception") },
  { weight: 1, arbitrary: fc.constant<Kind>("poison") }
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ count: fc.integer({ min: 1, max: 12 }), kind }).map((rest): Step => ({
      do: "capture",
      ...rest
    }))
  },
  { weight: 2, arbitrary: kind.map((kind): Step => ({ do: "captureNow", kind })) },
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 15_000 }).map((millis): Step => ({ do: "pass", millis })) },
  {
    weight: 6,
    arbitrary: fc.array(answer, { minLength: 1, maxLength: 6 }).map((answers): Step => ({ do: "server", answers }))
  },
  { weight: 3, arbitrary: fc.constant<Step>({ do: "flush" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...["interrupt", "optOut", "optIn"] as const).map((what): Step => ({ do: what }))
  },
  { weight: 1, arbitrary: fc.integer({ min: -100, max: 100 }).map((hours): Step => ({ do: "set", hours })) }
)

const setting = (captureModes: ReadonlyArray<Setting["captureMode"]>): fc.Arbitrary<Setting> =>
  fc.record({
    captureMode: fc.constantFrom(...captureModes),
    background: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    flushAt: fc.integer({ min: 1, max: 20 }),
    flushInterval: fc.integer({ min: 100, max: 10_000 }),
    maxBatchSize: fc.integer({ min: 1, max: 8 }),
    maxConcurrentRequests: fc.integer({ min: 1, max: 4 }),
    maxQueueSize: fc.integer({ min: 1, max: 40 }),
    maxRetries: fc.integer({ min: 0, max: 3 }),
    overflow: fc.oneof(
      fc.constantFrom(...["dropOldest", "dropNewest"] as const),
      fc.integer({ min: 100, max: 20_000 })
    ),
    requestTimeout: fc.integer({ min: 500, max: 10_000 }),
    retryPause: fc.integer({ min: 500, max: 20_000 }),
    shutdownTimeout: fc.integer({ min: 0, max: 10_000 })
  })

const orCrash: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: step },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "crash" }) }
)

/** The same with an outbox on disk and crashes. What is only on disk has no name when it is given up, so all fits into memory. */
export const durableSchedules = (maxSteps = 24): fc.Arbitrary<Schedule> =>
  fc.record({
    setting: setting(["v0", "v1"]).map((setting): Setting => ({ ...setting, maxQueueSize: 1_000 })),
    steps: fc.array(orCrash, { maxLength: maxSteps, size: "max" })
  })

/** Schedules of up to so many steps. Some close the instance in the middle of it, and go on. */
export const schedules = (
  captureModes: ReadonlyArray<Setting["captureMode"]>,
  maxSteps = 24
): fc.Arbitrary<Schedule> =>
  fc.record({
    setting: setting(captureModes),
    steps: fc.tuple(
      fc.array(step, { maxLength: maxSteps, size: "max" }),
      fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, {
        weight: 1,
        arbitrary: fc.array(step, { maxLength: 8 }).map((after): ReadonlyArray<Step> => [{ do: "close" }, ...after])
      })
    ).map(([before, after]) => [...before, ...after])
  })
