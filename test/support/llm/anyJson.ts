/** Bodies that are nearly right: valid ones in which something was replaced, removed, doubled or put elsewhere. */
import type { Random } from "../random.js"

const nested = (depth: number, open: string, close: string): unknown =>
  JSON.parse(open.repeat(depth) + "1" + close.repeat(depth))

const deepList = nested(20_000, "[", "]")
const deepObject = nested(20_000, `{"content":`, "}")

const strange: ReadonlyArray<unknown> = [
  null,
  undefined,
  true,
  0,
  -1,
  1.5,
  1e308,
  "",
  "text",
  "[object Object]",
  "__proto__",
  "\ud800",
  "a".repeat(5_000),
  [],
  [[]],
  [null],
  Array.from({ length: 3_000 }, () => ({ type: "text", text: "a" })),
  {},
  JSON.parse(`{"__proto__": {"role": "x"}, "constructor": 1, "toString": null}`),
  { length: 5 },
  { type: 5, text: {}, content: [{}], function: [], index: "0" },
  deepList,
  deepObject
]

const replaceIn = (value: unknown, random: Random): unknown => {
  if (typeof value !== "object" || value === null || random.chance(15)) return random.pick(strange)
  if (Array.isArray(value)) {
    const copy = [...value]
    const at = random.below(copy.length + 1)
    const fault = random.below(5)
    if (fault === 0) copy.splice(at, 1)
    else if (fault === 1) copy.splice(at, 0, random.pick(strange))
    else copy[at] = replaceIn(copy[at], random)
    return copy
  }
  const names = Object.keys(value)
  if (names.length === 0) return random.pick(strange)
  const name = random.pick(names)
  const { [name]: member, ...rest } = value as Record<string, unknown>
  if (random.chance(15)) return rest
  if (random.chance(10)) return { ...rest, [random.pick(names)]: member }
  return { ...rest, [name]: replaceIn(member, random) }
}

/** The value with one to four faults, or now and then something else altogether. */
export const mutated = (value: unknown, random: Random): unknown => {
  let found = value
  for (let faults = 1 + random.below(4); faults > 0; faults--) found = replaceIn(found, random)
  return found
}
