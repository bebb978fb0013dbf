/**
 * Looking through all of a schema, without knowing it.
 *
 * @since 0.1.0
 */
import { isObject, read } from "../guard.js"

/**
 * So often a schema that makes itself anew is followed into itself: a function that makes a schema out of another one
 * says in each level what it says in the first.
 */
export const maxLevels = 8

/** Parts of one schema; of one that has more, all is taken for possible. */
const maxParts = 50_000

/**
 * Whether anything in a schema has a mark, and whether the schema contains itself. Looked for in all of it, because a
 * part may be reached on the way of a transformation only.
 */
export const scan = (
  root: object,
  /** The name under which the mark stands. */
  mark: PropertyKey,
  /** The name of the function that gives what a suspended schema is. */
  thunk: string
): { readonly isMarked: boolean; readonly hasItself: boolean } => {
  const seen = new Set<unknown>()
  const waiting: Array<readonly [part: unknown, level: number]> = [[root, 0]]
  let [isMarked, hasItself] = [false, false]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [part, level] = next
    if (!isObject(part) || seen.has(part)) continue
    if (seen.add(part).size > maxParts) return { isMarked: true, hasItself: true }
    if (Object.hasOwn(part, mark)) isMarked = true
    const suspended = read(part, "_tag") === "Suspend" ? read(part, thunk) : undefined
    if (typeof suspended === "function") {
      hasItself = true
      if (level < maxLevels) waiting.push([(suspended as () => unknown)(), level + 1])
    }
    for (const name of Reflect.ownKeys(part)) waiting.push([read(part, name), level])
  }
  return { isMarked, hasItself }
}
