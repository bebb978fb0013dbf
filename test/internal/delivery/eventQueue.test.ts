import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import type { Batch } from "../../../src/internal/delivery/batch.js"
import { EventQueue } from "../../../src/internal/delivery/eventQueue.js"

const limits = { maxBatchSize: 500, maxEventBytes: 1_000_000, maxQueueBytes: 64e6, maxQueueSize: Infinity }

const make = (overrides: Partial<typeof limits> = {}, maxBatchBytes = 5e6) =>
  new EventQueue({ ...limits, ...overrides }, maxBatchBytes)

const event = (index: number, padding = "") =>
  `{"uuid":"${String(index).padStart(36, "0")}","event":"e${index}","p":"${padding}"}`

const indices = (batch: Batch | undefined): ReadonlyArray<number> => {
  if (batch === undefined) return []
  const events = JSON.parse(`[${new TextDecoder().decode(batch.bytes)}]`) as ReadonlyArray<{ readonly event: string }>
  const found = events.map((one) => Number(one.event.slice(1)))
  assert.deepStrictEqual(batch.heads().map((head) => head.event), events.map((one) => one.event))
  assert.strictEqual(batch.count, found.length)
  return found
}

const drain = (queue: EventQueue): ReadonlyArray<ReadonlyArray<number>> => {
  const batches: Array<ReadonlyArray<number>> = []
  for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) batches.push(indices(batch))
  assert.strictEqual(queue.count, 0)
  assert.strictEqual(queue.bytes, 0)
  return batches
}

describe("EventQueue", () => {
  it("gives events back in order, in batches of the largest size", () => {
    const queue = make({ maxBatchSize: 3 })
    for (let i = 0; i < 8; i++) assert.strictEqual(queue.push(event(i)), "added")
    assert.strictEqual(queue.count, 8)
    assert.deepStrictEqual(drain(queue), [[0, 1, 2], [3, 4, 5], [6, 7]])
    assert.strictEqual(queue.shift(), undefined)
  })

  it("closes a batch before it grows past its bytes, and gives a larger event a batch of its own", () => {
    const queue = make({}, 250)
    queue.push(event(0))
    queue.push(event(1))
    queue.push(event(2))
    queue.push(event(3, "x".repeat(400)))
    queue.push(event(4))
    assert.deepStrictEqual(drain(queue), [[0, 1, 2], [3], [4]])
  })

  it("counts bytes of UTF-8, not characters", () => {
    const queue = make({ maxEventBytes: 120 })
    assert.strictEqual(queue.push(event(0, "x".repeat(50))), "added")
    assert.strictEqual(queue.push(event(1, "€".repeat(50))), "too_large")
    assert.strictEqual(queue.push(event(2, "🦔".repeat(2))), "added")
    assert.deepStrictEqual(drain(queue), [[0, 2]])
  })

  it("says when it is full, by count and by bytes, and stays as it was", () => {
    const byCount = make({ maxQueueSize: 2 })
    assert.deepStrictEqual([0, 1, 2].map((i) => byCount.push(event(i))), ["added", "added", "full"])
    assert.deepStrictEqual(drain(byCount), [[0, 1]])
    const byBytes = make({ maxQueueBytes: 150 })
    assert.deepStrictEqual([0, 1, 2].map((i) => byBytes.push(event(i))), ["added", "added", "full"])
    assert.deepStrictEqual(drain(byBytes), [[0, 1]])
  })

  it("puts a batch back before everything that came later, and slices without copying", () => {
    const queue = make({ maxBatchSize: 4 })
    for (let i = 0; i < 10; i++) queue.push(event(i))
    const first = queue.shift()!
    const second = queue.shift()!
    queue.unshift(second.slice(2))
    queue.unshift(first)
    assert.strictEqual(queue.first, 0)
    assert.deepStrictEqual(drain(queue), [[0, 1, 2, 3], [6, 7], [8, 9]])
  })

  it("drops from the end that is asked for", () => {
    const queue = make({ maxBatchSize: 3 })
    for (let i = 0; i < 8; i++) queue.push(event(i))
    assert.deepStrictEqual(indices(queue.shift(1)), [0])
    assert.deepStrictEqual(indices(queue.shift(5)), [1, 2])
    assert.deepStrictEqual(indices(queue.dropNewest(1)), [7])
    assert.deepStrictEqual(indices(queue.dropNewest(5)), [6])
    assert.strictEqual(queue.first, 3)
    assert.deepStrictEqual(drain(queue), [[3, 4, 5]])
    assert.strictEqual(queue.shift(1), undefined)
    assert.strictEqual(queue.dropNewest(1), undefined)
  })

  it("reads names that are long, escaped or cut off", () => {
    const queue = make()
    const uuid = "0".repeat(36)
    queue.push(`{"uuid":"${uuid}","event":"say \\"hi\\" \\\\","distinct_id":"x"}`)
    queue.push(`{"uuid":"${uuid}","event":"${"n".repeat(10_000)}","distinct_id":"x"}`)
    assert.deepStrictEqual(queue.shift()!.heads(), [{ uuid, event: "say \"hi\" \\" }, { uuid, event: "" }])
  })

  it("keeps count of events and bytes through any sequence of operations, and the order of what is left", () => {
    const operation = FastCheck.oneof(
      { weight: 6, arbitrary: FastCheck.record({ kind: FastCheck.constant("push"), size: FastCheck.nat(300) }) },
      { weight: 1, arbitrary: FastCheck.constant({ kind: "shift", size: 0 }) },
      { weight: 1, arbitrary: FastCheck.record({ kind: FastCheck.constant("back"), size: FastCheck.nat(5) }) },
      { weight: 1, arbitrary: FastCheck.record({ kind: FastCheck.constant("oldest"), size: FastCheck.nat(4) }) },
      { weight: 1, arbitrary: FastCheck.record({ kind: FastCheck.constant("newest"), size: FastCheck.nat(4) }) }
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(operation, { maxLength: 200 }), (operations) => {
        const queue = make({ maxBatchSize: 7, maxQueueBytes: 5_000 }, 900)
        const model: Array<number> = []
        const taken: Array<{ readonly batch: Batch; readonly indices: ReadonlyArray<number> }> = []
        let next = 0
        for (const { kind, size } of operations) {
          switch (kind) {
            case "push":
              if (queue.push(event(next, "p".repeat(size))) === "added") model.push(next)
              next++
              break
            case "shift": {
              const batch = queue.shift()
              const found = indices(batch)
              assert.deepStrictEqual(found, model.splice(0, found.length))
              if (batch !== undefined) taken.push({ batch, indices: found })
              break
            }
            case "back": {
              const last = taken.pop()
              if (last === undefined) break
              const from = Math.min(size, last.batch.count - 1)
              queue.unshift(last.batch.slice(from))
              model.push(...last.indices.slice(from))
              model.sort((a, b) => a - b)
              break
            }
            case "oldest": {
              const found = indices(queue.shift(size + 1))
              assert.deepStrictEqual(found, model.splice(0, found.length))
              break
            }
            case "newest": {
              const found = indices(queue.dropNewest(size + 1))
              assert.deepStrictEqual(found, model.splice(model.length - found.length, found.length))
              break
            }
          }
          assert.strictEqual(queue.count, model.length)
        }
        assert.deepStrictEqual(drain(queue).flat(), model)
      }),
      { numRuns: 500, seed: 7 }
    )
  })
})
