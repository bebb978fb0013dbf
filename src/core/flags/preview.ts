/**
 * Values as explanations show them: JSON, and never much of it.
 *
 * @since 0.1.0
 */
import { setMember } from "../event/layers.js"
import type { Json } from "./response.js"

/** Longer texts are cut. */
const maxText = 200
/** So many items and members are shown of a value, in all. */
const maxMembers = 20
const maxDepth = 4

/** The text, or its beginning; no character is cut in two. */
export const shorten = (text: string): string =>
  text.length <= maxText ? text : `${text.slice(0, maxText).replace(/[\ud800-\udbff]$/, "")}…`

const show = (value: unknown, depth: number, budget: { left: number }): unknown => {
  switch (typeof value) {
    case "string":
      return shorten(value)
    case "boolean":
    case "undefined":
      return value
    case "number":
      // JSON has no negative zero.
      return Number.isFinite(value) ? value || 0 : String(value)
    case "object": {
      if (value === null) return null
      if (depth >= maxDepth) return Array.isArray(value) ? "[…]" : "{…}"
      if (Array.isArray(value)) {
        const items: Array<unknown> = []
        for (let i = 0; i < value.length; i++) {
          if (budget.left-- <= 0) {
            items.push(`… and ${value.length - i} more`)
            break
          }
          items.push(show(value[i], depth + 1, budget) ?? null)
        }
        return items
      }
      const prototype: unknown = Object.getPrototypeOf(value)
      if (prototype !== Object.prototype && prototype !== null) return value instanceof Date ? dateText(value) : "{…}"
      const members = {}
      for (const name in value) {
        if (budget.left-- <= 0) {
          setMember(members, "…", "and more")
          break
        }
        if (Object.hasOwn(value, name)) {
          setMember(members, shorten(name), show((value as Json)[name], depth + 1, budget))
        }
      }
      return members
    }
    default:
      return `(${typeof value})`
  }
}

const dateText = (date: Date): string => Number.isNaN(date.getTime()) ? "(invalid date)" : date.toISOString()

/** A copy of the value as JSON, or of its beginning; a Proxy or a getter that throws is no more than named. */
export const preview = (value: unknown): unknown => {
  try {
    return show(value, 0, { left: maxMembers })
  } catch {
    return "(unreadable)"
  }
}
