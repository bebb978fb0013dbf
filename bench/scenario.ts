/**
 * What an adapter is asked to do, and the parts of it that do not depend on the implementation. An adapter is a program that
 * reads a scenario from its first argument and prints one line of JSON.
 */
import { single } from "./definitions.js"

export interface Scenario {
  readonly kind: "call" | "burst" | "steady" | "exit" | "start" | "flags" | "local" | "exceptions"
  readonly host: string
  /** How many events; for flags how many reads, for local evaluation how often all flags are evaluated. */
  readonly events: number
  /** Whether exceptions carry source lines. */
  readonly sourceLines?: boolean
  /** How many are captured and sent before those that are measured. */
  readonly warmUpEvents?: number
  /** Whether the queue is made large enough where the default is too small. */
  readonly raised?: boolean
  /** Whether the other way is taken where there are two: flags by the pure functions alone, captures in fibers. */
  readonly pure?: boolean
  /** Whether events are sent with capture v1. */
  readonly captureV1?: boolean
  /** Whether sending is put off, so that only the calls are measured. */
  readonly quiet?: boolean
}

export const scenario = JSON.parse(process.argv[2] ?? "{}") as Scenario

export interface Implementation {
  /** Captures `count` events one after the other as a program would; resolves when the last call has returned. */
  readonly captureAll: (count: number) => Promise<void>
  /** Captures one event and gives the nanoseconds of the call. */
  readonly captureTimed: (index: number) => Promise<number> | number
  /** Resolves when all is acknowledged or given up. */
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
  /** Captures an error. */
  readonly captureError?: (error: Error) => Promise<void> | void
  /** Evaluates the 100 flags of `flagKeys` once, and gives a function that reads one flag after the other. */
  readonly readFlags?: () => Promise<(count: number) => Promise<void> | void>
  /** Loads the definitions, and gives a function that evaluates those flags, or all, `count` times; it gives the last values. */
  readonly evaluateLocally?: () => Promise<EvaluateLocally>
}

export type EvaluateLocally = (
  count: number,
  flagKeys?: ReadonlyArray<string>
) => Promise<Readonly<Record<string, unknown>>>

/** The flags that the sink has. */
export const flagKeys: ReadonlyArray<string> = Array.from({ length: 100 }, (_, index) => `flag-${index}`)

/** The event of every benchmark: 8 properties and groups, about half a kilobyte of JSON. */
export const properties = (index: number) => ({
  order_id: `ord_${index}`,
  total: 42.5 + index,
  currency: "EUR",
  items: 3,
  coupon: null,
  first_order: false,
  path: "/checkout/complete",
  plan: "pro"
})

export const groups = { company: "acme", project: "checkout" }

/** A number for what flags were evaluated to, so that implementations can be compared. */
const digest = (values: Readonly<Record<string, unknown>>): number => {
  let sum = 0
  for (const character of JSON.stringify(Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1))) {
    sum = Math.imul(sum, 31) + character.charCodeAt(0) | 0
  }
  return sum
}

const percentile = (sorted: ReadonlyArray<number>, p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]!

const now = (): number => Number(process.hrtime.bigint())

/** Runs the scenario on an implementation and prints what was measured. */
export const run = async (start: () => Promise<Implementation>): Promise<void> => {
  const cpuBefore = process.cpuUsage()
  const implementation = await start()
  const { events, kind } = scenario
  const print = (figures: Record<string, number>) => process.stdout.write(`${JSON.stringify(figures)}\n`)
  switch (kind) {
    case "call": {
      await implementation.captureAll(2_000)
      await new Promise((resolve) => setTimeout(resolve, 100))
      const begin = now()
      await implementation.captureAll(events)
      print({ captureNanos: (now() - begin) / events })
      // Nothing of this is to be sent.
      return process.exit(0)
    }
    case "burst": {
      // Warm up as little as a server does: a few hundred events.
      await implementation.captureAll(scenario.warmUpEvents ?? 0)
      await implementation.flush()
      const cpuStart = process.cpuUsage()
      const begin = now()
      await implementation.captureAll(events)
      const captured = now()
      await implementation.flush()
      const acknowledged = now()
      const cpu = process.cpuUsage(cpuStart)
      print({
        captureNanos: (captured - begin) / events,
        eventsPerSecond: events / ((acknowledged - begin) / 1e9),
        cpuMicros: (cpu.user + cpu.system) / events,
        peakMemoryMB: process.resourceUsage().maxRSS / 1024
      })
      return implementation.close()
    }
    case "steady": {
      // 2,000 events per second in ticks of 10 ms, as requests of a busy server would come.
      const times: Array<number> = []
      const cpuStart = process.cpuUsage()
      for (let i = 0; i < events;) {
        const tick = now()
        for (let j = 0; j < 20 && i < events; j++, i++) times.push(await implementation.captureTimed(i))
        const rest = 10 - (now() - tick) / 1e6
        await new Promise((resolve) => setTimeout(resolve, Math.max(rest, 0)))
      }
      await implementation.flush()
      const cpu = process.cpuUsage(cpuStart)
      const sorted = times.slice(events >> 2).sort((a, b) => a - b)
      print({
        p50Nanos: percentile(sorted, 0.5),
        p99Nanos: percentile(sorted, 0.99),
        cpuMicros: (cpu.user + cpu.system) / events
      })
      return implementation.close()
    }
    case "exit": {
      await implementation.captureAll(events)
      const begin = now()
      await implementation.close()
      print({ closeMillis: (now() - begin) / 1e6 })
      return
    }
    case "flags": {
      const read = await implementation.readFlags!()
      // The first reads are told to PostHog; they are not what is measured.
      await read(20_000)
      await implementation.flush()
      const begin = now()
      await read(events)
      print({ readNanos: (now() - begin) / events })
      return implementation.close()
    }
    case "local": {
      const evaluate = await implementation.evaluateLocally!()
      const measure = async (count: number, flagKeys?: ReadonlyArray<string>) => {
        await evaluate(count >> 1, flagKeys)
        const begin = now()
        await evaluate(count, flagKeys)
        return (now() - begin) / 1000 / count
      }
      const figures: Record<string, number> = { answers: digest(await evaluate(1)) }
      for (const [name, key] of Object.entries(single)) figures[`${name}Micros`] = await measure(30_000, [key])
      figures.allMicros = await measure(events)
      print(figures)
      return implementation.close()
    }
    case "exceptions": {
      Error.stackTraceLimit = 30
      // Files of their own, because nobody looks for source lines in a bundle.
      const { fail } = await import(new URL("./thrower9.mjs", import.meta.url).href) as {
        readonly fail: (index: number) => Error
      }
      const all = async (count: number) => {
        for (let index = 0; index < count; index++) await implementation.captureError!(fail(index))
        await implementation.flush()
      }
      await all(scenario.warmUpEvents ?? 0)
      const cpuStart = process.cpuUsage()
      await all(events)
      const cpu = process.cpuUsage(cpuStart)
      print({ cpuMicros: (cpu.user + cpu.system) / events })
      return implementation.close()
    }
    case "start": {
      await implementation.captureAll(1)
      await implementation.flush()
      const cpu = process.cpuUsage(cpuBefore)
      print({ acknowledgedMillis: performance.now(), cpuMillis: (cpu.user + cpu.system) / 1000 })
      return implementation.close()
    }
  }
}
