/**
 * Looking at values that may be anything. `instanceof`, `in`, a read of a member and even `Array.isArray` throw for a
 * Proxy that was revoked, and what they throw may be such a Proxy again; a text may be made by a method of the value.
 * Whatever this library did not make itself is looked at with these functions, in `catch` blocks too, and put into
 * words by `thrown.ts`. None of them throws.
 *
 * @since 0.1.0
 */

/** Whether a value has members. Functions are none here. */
export const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** As `instanceof`. What cannot be asked is no instance. */
export const isInstance = <A extends object>(
  value: unknown,
  type: abstract new(...args: ReadonlyArray<never>) => A
): value is A => {
  try {
    return value instanceof type
  } catch {
    return false
  }
}

/** As `Array.isArray`. */
export const isList = (value: unknown): value is ReadonlyArray<unknown> => {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/** Whether a value is an object of no class, also one of another realm. */
export const isPlain = (value: unknown): value is { readonly [name: string]: unknown } => {
  try {
    if (!isObject(value) || Array.isArray(value)) return false
    const prototype: unknown = Object.getPrototypeOf(value)
    return prototype === null || Object.getPrototypeOf(prototype) === null
  } catch {
    return false
  }
}

/** As `in`. */
export const has = (value: unknown, name: PropertyKey): boolean => {
  try {
    return isObject(value) && name in value
  } catch {
    return false
  }
}

/** As `Object.hasOwn`. */
export const hasOwn = (value: unknown, name: PropertyKey): boolean => {
  try {
    return isObject(value) && Object.hasOwn(value, name)
  } catch {
    return false
  }
}

/** A member; `undefined` where there is none, or where reading it throws. */
export const read = (value: unknown, name: PropertyKey): unknown => {
  try {
    return (value as { readonly [name: PropertyKey]: unknown } | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

/** A member of the value's own, as {@link read}. */
export const readOwn = (value: unknown, name: PropertyKey): unknown => {
  try {
    return isObject(value) && Object.hasOwn(value, name)
      ? (value as { readonly [name: PropertyKey]: unknown })[name]
      : undefined
  } catch {
    return undefined
  }
}

/** A binary value, a list or a text has as many names as it is long: asking for them may cost seconds. */
const isLong = (value: object): boolean => ArrayBuffer.isView(value) || isList(value) || isInstance(value, String)

/** Whether a value can be properties by name: an object, but no list and no binary data. */
export const isRecord = (value: unknown): value is { readonly [name: string]: unknown } =>
  isObject(value) && !isLong(value)

/** Adds a member to an object of ours, many times faster than `Object.fromEntries` makes one. */
export const setMember = <A>(object: Record<string, A>, name: string, value: A): void => {
  // Plain assignment to this name would change the object's prototype instead of adding a member.
  if (name === "__proto__") Object.defineProperty(object, name, { value, enumerable: true, configurable: true })
  else object[name] = value
}
