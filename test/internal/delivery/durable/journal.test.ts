/**
 * The journal on a disk that ends at every operation, is full now and then, and forgets what was not synced. What was
 * said to survive survives, nothing is invented, and what was in memory alone is known to be.
 *
 * `JOURNAL_SCHEDULES=1000000` runs more of them, `JOURNAL_SEED=5` begins with another seed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Journal } from "../../../../src/internal/delivery/durable/journal.js"
import { parse, pendingOf } from "../../../../src/internal/delivery/durable/lines.js"
import type { Fault } from "../../../../src/internal/delivery/durable/syncer.js"
import { type Random, random } from "../../../support/random.js"
import { TestDisk } from "../../../support/testDisk.js"

const directory = "/outbox"
const decoder = new TextDecoder()
const schedules = Number(process.env.JOURNAL_SCHEDULES ?? 10_000)
const firstSeed = Number(process.env.JOURNAL_SEED ?? 1)

/** Lets everything happen that waits for nothing but its turn. */
const turn = async (): Promise<void> => {
  // oxlint-disable-next-line no-await-in-loop
  for (let i = 0; i < 12; i++) await Promise.resolve()
}

interface Schedule {
  readonly seed: number
  readonly steps: number
  readonly diesAt: number | undefined
  readonly syncMillis: number | undefined
  readonly powerCut: boolean
  readonly faults: number
}

const scheduleOf = (seed: number): Schedule => {
  const { below, chance, pick } = random(seed)
  const syncMillis = pick([undefined, 0, 0, 1_000])
  return {
    seed,
    steps: 40,
    diesAt: chance(80) ? below(60) : undefined,
    syncMillis,
    powerCut: chance(50),
    faults: chance(30) ? 20 : 0
  }
}

/** What the journal was told, and what it has promised. */
class Model {
  readonly texts = new Map<number, string>()
  readonly settled = new Set<number>()
  /** Numbers that outlive the process, and those that outlive the power. */
  readonly written = new Set<number>()
  readonly durable = new Set<number>()
  /** Numbers that are on disk only, in order. */
  unread: Array<number> = []
  next = 0
  readonly told: Array<string> = []

  get open(): ReadonlyArray<number> {
    const unread = new Set(this.unread)
    return Array.from(this.texts.keys()).filter((number) => !this.settled.has(number) && !unread.has(number))
  }
}

class Timers {
  now = 0
  private timers: Array<{ readonly at: number; readonly f: () => void }> = []

  readonly later = (millis: number, f: () => void): void => {
    this.timers.push({ at: this.now + millis, f })
  }

  advance(millis: number): void {
    this.now += millis
    const due = this.timers.filter(({ at }) => at <= this.now)
    this.timers = this.timers.filter(({ at }) => at > this.now)
    for (const { f } of due) f()
  }
}

const run = async (schedule: Schedule): Promise<void> => {
  const dice: Random = random(schedule.seed)
  const disk = new TestDisk(dice, { diesAt: schedule.diesAt, faults: schedule.faults })
  const timers = new Timers()
  const model = new Model()
  let failing = false
  const complaints: Array<string> = []
  const journal = new Journal(disk, directory, { segmentBytes: 600, syncMillis: schedule.syncMillis }, {
    now: () => timers.now,
    later: timers.later,
    failed: (fault: Fault) => {
      if (failing) complaints.push(`told twice: ${fault.operation} ${fault.detail}`)
      failing = true
    },
    restored: () => {
      if (!failing) complaints.push("nothing had failed")
      failing = false
    },
    counted: () => {}
  })
  const append = (): void => {
    const number = model.next
    // A number may stand for an event that is in memory alone.
    model.next += dice.chance(5) ? 2 : 1
    const text = JSON.stringify({ uuid: `${schedule.seed}-${number}`, pad: "y".repeat(dice.below(80)) })
    const isInMemory = model.unread.length === 0 && dice.chance(80)
    if (!journal.append(number, text, isInMemory)) return
    model.texts.set(number, text)
    if (!isInMemory) model.unread.push(number)
  }
  const settle = (): void => {
    const { open } = model
    if (open.length === 0) return
    const first = dice.pick(open)
    let count = 0
    while (count < 4 && open.includes(first + count)) model.settled.add(first + count++)
    journal.settled(first, count)
  }
  const makeDurable = (): void => {
    const numbers = Array.from(model.texts.keys())
    void journal.durable().then((fault) => {
      // Those before it may be doubtful; its own event, the last one, is not.
      if (fault === undefined && !disk.isDead && numbers.length > 0) model.durable.add(numbers.at(-1)!)
    })
  }
  const load = async (): Promise<void> => {
    const loaded = await journal.load()
    if (loaded === undefined || "operation" in loaded || disk.isDead) return
    assert.deepStrictEqual(loaded.missing, [])
    for (const { bytes, sequence } of loaded.events) {
      assert.strictEqual(sequence, model.unread.shift(), "read back in order")
      assert.strictEqual(decoder.decode(bytes), model.texts.get(sequence))
    }
  }
  const steps: ReadonlyArray<() => unknown> = [
    append,
    append,
    append,
    () => Array.from({ length: 5 }, append),
    settle,
    settle,
    makeDurable,
    () => disk.completeSync(),
    () => disk.completeSync(),
    () => timers.advance(dice.below(400)),
    load
  ]
  for (let step = 0; step < schedule.steps && !disk.isDead; step++) {
    // oxlint-disable-next-line no-await-in-loop
    await dice.pick(steps)()
    if (dice.chance(30)) continue
    // oxlint-disable-next-line no-await-in-loop
    await turn()
    if (disk.isDead || journal.fault !== undefined) continue
    for (const number of model.texts.keys()) model.written.add(number)
  }
  await turn()

  assert.deepStrictEqual(complaints, [])
  const found = new Map<string, number>()
  for (const [name, bytes] of disk.remains(schedule.powerCut)) {
    assert.match(name, /^\/outbox\/\d{8}\.log$/)
    for (const { end, start } of pendingOf(parse(bytes))) {
      const text = decoder.decode(bytes.subarray(start, end))
      found.set(text, (found.get(text) ?? 0) + 1)
    }
  }
  const mustSurvive = schedule.powerCut ? schedule.syncMillis === undefined ? [] : model.durable : model.written
  for (const number of mustSurvive) {
    if (!model.settled.has(number)) assert.isTrue(found.has(model.texts.get(number)!), `event ${number} is lost`)
  }
  const known = new Set(model.texts.values())
  for (const [text, count] of found) {
    assert.isTrue(known.has(text), `never appended: ${text}`)
    assert.strictEqual(count, 1, `twice: ${text}`)
  }
  const live = Array.from(model.texts.keys()).filter((number) => !model.settled.has(number)).length
  assert.strictEqual(journal.live, live)
}

/** The same with fewer steps and an earlier end, as long as it fails. */
const shrink = async (schedule: Schedule): Promise<Schedule> => {
  let least = schedule
  const candidates = (): ReadonlyArray<Schedule> => [
    ...Array.from({ length: least.steps }, (_, steps) => ({ ...least, steps })),
    { ...least, faults: 0 },
    { ...least, diesAt: undefined }
  ]
  for (const candidate of candidates()) {
    // oxlint-disable-next-line no-await-in-loop
    const fails = await run(candidate).then(() => false, () => true)
    if (fails && candidate.steps <= least.steps) least = candidate
    if (fails) break
  }
  return least
}

describe("journal", () => {
  it(`keeps its promises over ${schedules} schedules`, { timeout: 600_000 + schedules * 20 }, async () => {
    for (let seed = firstSeed; seed < firstSeed + schedules; seed++) {
      const schedule = scheduleOf(seed)
      try {
        // oxlint-disable-next-line no-await-in-loop
        await run(schedule)
      } catch (error) {
        // oxlint-disable-next-line no-await-in-loop
        const least = await shrink(schedule)
        throw new Error(`${JSON.stringify(schedule)}, at least ${JSON.stringify(least)}: ${String(error)}`, {
          cause: error
        })
      }
    }
  })
})
