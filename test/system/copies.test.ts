/**
 * The package may be in a process twice, as ES module and as CommonJS. test/consumers/copies.mjs shows that both are one; here the sources
 * are looked through for what would make them two.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { shared } from "../../src/core/shared.js"
import { slot } from "../../src/internal/slot.js"

/** Module-level collections that may be there twice, and why. */
const caches: Readonly<Record<string, string>> = {
  memberNames: "names as JSON, a cache",
  flagsLayers: "layers of snapshots, a cache",
  emptyNode: "an empty value",
  noReasons: "an empty value"
}

/** Classes asked for by `instanceof` that one copy makes and the same copy asks for. */
const own: Readonly<Record<string, string>> = {
  LogMessage: "made and asked for in one call",
  Problem: "what a reader of options gives to its caller"
}

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(`src/${file}`, "utf8") }))

describe("two copies", () => {
  it("what is kept under a name is made once", () => {
    const made = [shared("test", () => ({})), shared("test", () => ({}))]
    assert.strictEqual(made[0], made[1])
    assert.notStrictEqual(made[0], shared("another test", () => ({})))
  })

  it("what is in a slot of an instance is found by its name, which is for one slot only", () => {
    const instance = { slots: new Map() }
    const [ours, theirs] = [slot<object>("test"), slot<object>("test")]
    const made = ours.getOrMake(instance, () => ({}))
    assert.strictEqual(theirs.getOrMake(instance, () => ({})), made)
    assert.strictEqual(theirs.get({ slots: new Map() }), undefined)
    theirs.remove(instance)
    assert.strictEqual(ours.get(instance), undefined)

    const names = sources.flatMap(({ text }) => Array.from(text.matchAll(/slot<.+>\("(.+)"\)/g), ([, name]) => name!))
    assert.isAbove(names.length, 4)
    assert.deepStrictEqual(names, Array.from(new Set(names)))
  })

  it("no module has state of its own, but for caches", () => {
    for (const { file, text } of sources) {
      assert.notMatch(text, /^(export )?let /m, `${file} has a variable that changes`)
      for (const [, name] of text.matchAll(/^(?:export )?const (\w+)\b.*new (?:Weak)?(?:Map|Set)(?:<.*>)?\(\)/gm)) {
        assert.property(caches, name!, file)
      }
      assert.notMatch(text, /= Symbol\(/, `${file} has a symbol of its own`)
      if (text.includes("FiberRef.unsafeMake")) assert.include(text, "globalValue(", file)
    }
  })

  it("no copy asks whether a value is of its own class", () => {
    const classes = new Set(
      sources.flatMap(({ text }) => Array.from(text.matchAll(/^(?:export )?class (\w+)/gm), ([, name]) => name!))
    )
    for (const { file, text } of sources) {
      for (const [, name] of text.matchAll(/instanceof (\w+)/g)) {
        if (classes.has(name!)) assert.property(own, name!, file)
      }
    }
  })
})
