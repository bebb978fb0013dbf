/**
 * One description for values of which each is one of several, where it cannot be told which.
 *
 * @since 0.1.0
 */
import type { ObjectDescription, PropertyDescription, ValueDescription } from "./model.js"

/** Whether it is known what is inside of a value's objects and lists. */
export const isKnown = ({ items, objects, types }: ValueDescription): boolean =>
  items !== undefined || objects !== undefined || !types.includes("Object")

/** What all of them are; `undefined` where they differ. */
const common = <A>(values: ReadonlyArray<A>): A | undefined =>
  values.every((value) => value === values[0]) ? values[0] : undefined

/** Members that are set. */
const given = <A extends object>(members: A): { readonly [K in keyof A]?: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never

/** A value that is one of several. */
export const merged = (choices: ReadonlyArray<ValueDescription>): ValueDescription => {
  const [first, ...more] = choices
  if (first !== undefined && more.length === 0) return first
  const isAnything = choices.some(({ types }) => types.length === 0)
  const isLiteral = choices.every(({ values }) => values !== undefined)
  const lists = choices.flatMap(({ items }) => items === undefined ? [] : [items])
  const objects = choices.flatMap((choice) => choice.objects ?? [])
  const isDescribed = !isAnything && choices.every(isKnown)
  return {
    types: isAnything ? [] : [...new Set(choices.flatMap(({ types }) => types))].sort(),
    required: choices.every(({ required }) => required),
    ...given({
      values: isLiteral ? [...new Set(choices.flatMap(({ values = [] }) => values))] : undefined,
      personal: common(choices.map(({ personal }) => personal)),
      deprecated: common(choices.map(({ deprecated }) => deprecated)),
      objects: isDescribed && objects.length > 0 ? objects : undefined,
      items: !isDescribed || lists.length === 0 ? undefined : lists.length === 1 ? lists[0] : [merged(lists.flat())]
    })
  }
}

/** An object that is one of several: a member that one of them lacks may be absent. */
export const mergedObject = (choices: ReadonlyArray<ObjectDescription>): ObjectDescription => {
  const [first, ...more] = choices
  if (first !== undefined && more.length === 0) return first
  const members = new Map<string, Array<PropertyDescription>>()
  for (const member of choices.flatMap((choice) => choice.members)) {
    const known = members.get(member.name)
    if (known === undefined) members.set(member.name, [member])
    else known.push(member)
  }
  const others = choices.flatMap((choice) => choice.others ?? [])
  return {
    members: [...members].map(([name, found]) => {
      const value = merged(found)
      return { ...value, name, required: value.required && found.length === choices.length }
    }),
    ...(others.length === 0 ? {} : { others: merged(others) })
  }
}

const isTag = ({ required, values }: PropertyDescription): boolean => required && values?.length === 1

/** The names of the members that tell which of several objects one is. */
export const tagsOf = ([first, ...others]: ReadonlyArray<ObjectDescription>): ReadonlyArray<string> => {
  const sets = others.map(({ members }) => new Set(members.flatMap((member) => isTag(member) ? [member.name] : [])))
  return first === undefined ?
    [] :
    first.members.flatMap((member) =>
      isTag(member) && sets.every((names) => names.has(member.name)) ? [member.name] : []
    )
}

const tagOf = ({ members }: ObjectDescription, tags: ReadonlyArray<string>): string =>
  tags.flatMap((tag) => {
    const values = members.find(({ name }) => name === tag)?.values
    return values === undefined ? [] : [`${tag} = ${JSON.stringify(values[0])}`]
  }).join(", ")

/** The objects of each kind, by words for what tells it. */
export const byTag = (
  choices: ReadonlyArray<ObjectDescription>,
  tags: ReadonlyArray<string>
): ReadonlyMap<string, ReadonlyArray<ObjectDescription>> => {
  const found = new Map<string, Array<ObjectDescription>>()
  for (const choice of choices) {
    const tag = tagOf(choice, tags)
    const known = found.get(tag)
    if (known === undefined) found.set(tag, [choice])
    else known.push(choice)
  }
  return found
}

/** The way to a member of an object. */
export const memberPath = (path: string, name: string): string =>
  /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`
