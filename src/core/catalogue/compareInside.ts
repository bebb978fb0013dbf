/**
 * What changes between two tracking plans of a value and of all that is inside of it.
 *
 * @since 0.1.0
 */
import { added, hidden, type Level, removed, type Told, valueChanges } from "./compareValue.js"
import { byTag, isKnown, memberPath, merged, mergedObject, tagsOf } from "./merge.js"
import type { ObjectDescription, PropertyDescription, ValueDescription } from "./model.js"

/** A change with the way to its place, such as `items[].price`. */
export type Placed = readonly [path: string, told: Told]

/** Pairs of what has one name, with `undefined` for what is on one side only. */
export const paired = <A>(
  earlier: ReadonlyArray<A>,
  later: ReadonlyArray<A>,
  nameOf: (item: A) => string
): ReadonlyArray<readonly [name: string, from: A | undefined, to: A | undefined]> => {
  const [before, after] = [earlier, later].map((items) => new Map(items.map((item) => [nameOf(item), item])))
  return [...new Set([...before!.keys(), ...after!.keys()])].map((name) => [name, before!.get(name), after!.get(name)])
}

/** A value that is on one of two sides, or on both. */
const either = (
  path: string,
  from: ValueDescription | undefined,
  to: ValueDescription | undefined,
  level: Level
): ReadonlyArray<Placed> =>
  from === undefined
    ? to === undefined ? [] : [[path, added(to, level)]]
    : to === undefined
    ? [[path, removed]]
    : both(path, from, to, level)

const both = (path: string, from: ValueDescription, to: ValueDescription, level: Level): ReadonlyArray<Placed> => [
  ...valueChanges(from, to, level).map((told): Placed => [path, told]),
  // Where one of them is hidden, or does not say what is inside, all has been said.
  ...(hidden(from) === hidden(to) && isKnown(from) && isKnown(to)
    ? [...objects(path, from.objects ?? [], to.objects ?? []), ...items(path, from.items ?? [], to.items ?? [])]
    : [])
]

const objects = (
  path: string,
  from: ReadonlyArray<ObjectDescription>,
  to: ReadonlyArray<ObjectDescription>
): ReadonlyArray<Placed> => {
  // That there are none any more, or some at last, is a change of the type.
  if (from.length === 0 || to.length === 0) return []
  const tags = from.length === 1 && to.length === 1 ? [] : tagsOf([...from, ...to])
  if (tags.length === 0) return object(path, mergedObject(from), mergedObject(to))
  const [before, after] = [from, to].map((choices) => byTag(choices, tags))
  return [...new Set([...before!.keys(), ...after!.keys()])].flatMap((tag): ReadonlyArray<Placed> => {
    const place = `${path}(${tag})`
    const [old, now] = [before!.get(tag), after!.get(tag)]
    return old === undefined
      ? [[place, ["type_widened", "breaking", "is new: insights and other readers meet objects they do not know"]]]
      : now === undefined
      ? [[place, ["type_narrowed", "breaking", "is gone: insights and other readers find no new ones"]]]
      : object(place, mergedObject(old), mergedObject(now))
  })
}

const object = (path: string, from: ObjectDescription, to: ObjectDescription): ReadonlyArray<Placed> => [
  ...paired(from.members, to.members, ({ name }) => name).flatMap(([name, before, after]) =>
    either(memberPath(path, name), before, after, "inside")
  ),
  ...either(`${path}.*`, from.others, to.others, "inside")
]

const items = (
  path: string,
  from: ReadonlyArray<ValueDescription>,
  to: ReadonlyArray<ValueDescription>
): ReadonlyArray<Placed> => {
  if (from.length === 0 || to.length === 0) return []
  return from.length === to.length && from.length > 1
    ? from.flatMap((item, index) => both(`${path}[${index}]`, item, to[index]!, "inside"))
    : both(`${path}[]`, merged(from), merged(to), "inside")
}

/** What changes of properties, and inside of them. */
export const propertyChanges = (
  earlier: ReadonlyArray<PropertyDescription>,
  later: ReadonlyArray<PropertyDescription>,
  level: Level
): ReadonlyArray<Placed> =>
  paired(earlier, later, ({ name }) => name).flatMap(([name, from, to]) => either(name, from, to, level))
