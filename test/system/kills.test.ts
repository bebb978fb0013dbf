/**
 * Real processes with an outbox on disk, killed and ended in every way: what they were told, and what they captured in a turn that was over,
 * arrives. `KILLS=200` kills more of them; `npm run chaos -- --only kills` does it for as long as one likes.
 */
import { assert, describe, it } from "@effect/vitest"
import { major } from "../support/effect.js"
import { Arena, runKills } from "../support/kills.js"

const kills = Number(process.env.KILLS ?? 30)
const seed = Number(process.env.KILL_SEED ?? 1)
const timeout = 120_000 + kills * 3_000

const ends = async (way: string, code: number | null): Promise<void> => {
  const arena = await Arena.open(seed)
  try {
    arena.posthog.refuses = 100
    const ended = await arena.run("first", way, 1_000, (child) => {
      if (way === "term") child.kill("SIGTERM")
    })
    assert.strictEqual(ended.code, code, ended.stderr)
    assert.strictEqual(ended.inTurn.length, 20)
    arena.posthog.refuses = 0
    const { stats } = await arena.run("second", "deliver", 1_000)
    assert.deepInclude(stats, { recovered: 20, delivered: 20, queued: 0 })
    for (const id of ended.inTurn) assert.strictEqual(arena.posthog.seen.get(id), 1)
    assert.deepStrictEqual(arena.left(), [])
  } finally {
    await arena.close()
  }
}

describe(`a process with an outbox on disk, on Effect ${major}`, () => {
  for (const [sync, processes] of [[1_000, 1], ["never", 1], [0, 3]] as const) {
    it(`loses nothing of what it was told, ${processes} at a time, synced ${sync}`, { timeout }, async () => {
      const report = await runKills({ kills: Math.ceil(kills / 3), processes, sync, seed })
      console.log(`sync ${sync}: ${JSON.stringify(report)}`)
      assert.deepStrictEqual(report.lostAcknowledged, [])
      assert.deepStrictEqual(report.lostPlain, [])
      assert.deepStrictEqual(report.left, [])
      assert.strictEqual(report.changed, 0)
      assert.isAbove(report.acknowledged, 0)
      // Or the proof would be none for plain captures.
      assert.isAbove(report.plain, 0)
    })
  }

  it("loses nothing by process.exit in the turn of a capture", { timeout }, () => ends("exit", 0))

  it("loses nothing by an uncaught exception in the turn of a capture", { timeout }, () => ends("throw", 1))

  it("loses nothing by a signal in whose turn it captures", { timeout }, () => ends("term", 0))

  it("goes on in another file when one may not be larger, says so, and loses nothing of what it was told", {
    timeout
  }, async () => {
    // The second one is smaller than what is written at once: some of it can be stored, and some not.
    for (const [fileLimit, least] of [[64, 150], [2, 1]] as const) {
      const arena = await Arena.open(seed)
      try {
        arena.posthog.refuses = 100
        const first = await arena.run(
          "first",
          "limited",
          0,
          (child) => {
            let text = ""
            child.stdout!.on("data", (chunk: Buffer) => {
              text += chunk.toString("utf8")
              const isTold = /StorageFailed.*EFBIG/.test(text)
              if (isTold && text.split("\nA ").length > least) child.kill("SIGKILL")
            })
          },
          undefined,
          fileLimit
        )
        assert.isNull(first.code, first.stderr)
        assert.match(first.told[0]!, /"StorageFailed","operation":"write".*EFBIG/)
        // Each file that is full is told, and that another one is written into.
        if (least > 1) assert.include(first.told.join(), "StorageRestored")
        arena.posthog.refuses = 0
        await arena.run("second", "deliver", 1_000)
        assert.isAtLeast(first.acknowledged.length, least)
        assert.deepStrictEqual(first.acknowledged.filter((id) => !arena.posthog.seen.has(id)), [])
        assert.strictEqual(arena.posthog.changed, 0)
        assert.deepStrictEqual(arena.left(), [])
      } finally {
        await arena.close()
      }
    }
  })

  it("is not taken for dead while it is stopped", { timeout }, async () => {
    const arena = await Arena.open(seed)
    try {
      arena.posthog.refuses = 100
      let second: ReturnType<Arena["run"]> | undefined
      const first = await arena.run("first", "idle", 1_000, (child) => {
        child.kill("SIGSTOP")
        arena.posthog.refuses = 0
        second = arena.run("second", "deliver", 1_000)
        void second.finally(() => child.kill("SIGKILL"))
      })
      assert.isNull(first.code)
      assert.deepInclude((await second)?.stats, { recovered: 0, delivered: 0 })
      assert.deepInclude((await arena.run("third", "deliver", 1_000)).stats, { recovered: 1, delivered: 1 })
    } finally {
      await arena.close()
    }
  })
})
