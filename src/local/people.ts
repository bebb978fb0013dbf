/**
 * People and groups as PostHog would know them from the events that it accepted: merged ids and properties.
 */
import { cut, maxName, members, own, textOf } from "./event.js"
import type { ReceivedEvent } from "./model.js"

type Properties = { readonly [name: string]: unknown }

export interface Person {
  /** All ids that are this person, in the order in which they came. */
  readonly ids: ReadonlyArray<string>
  readonly properties: Properties
}

export interface People {
  /**
   * Takes an accepted event into account. What is given back says what PostHog does not do, without a word to
   * anybody.
   */
  readonly learn: (event: ReceivedEvent) => string | undefined
  /** Somebody by any id; `undefined`: never heard of. */
  readonly find: (project: string, id: string) => Person | undefined
  /** The properties of a group; `undefined`: never heard of. */
  readonly group: (project: string, type: string, key: string) => Properties | undefined
  readonly all: (project?: string) => ReadonlyArray<Person & { readonly project: string }>
  readonly clear: () => void
}

/** People that are known at most, and groups; and the bytes of their ids and properties. */
export const maxPeople = 10_000
const maxBytes = 16 * 1024 * 1024
/** Of one of them. */
const maxOwnBytes = 512 * 1024
const maxIds = 1_000
/** What an id takes besides its text: it is in the list of its person, and leads there. */
const idBytes = 150

/** Ids that stand for nobody: PostHog merges no person with them. Without regard to case. */
const junk: ReadonlySet<string> = new Set([
  "0",
  "00000000-0000-0000-0000-000000000000",
  "[object object]",
  "anonymous",
  "anonymous-user",
  "backend",
  "distinct_id",
  "distinctid",
  "email",
  "false",
  "guest",
  "id",
  "nan",
  "none",
  "not_authenticated",
  "null",
  "system",
  "true",
  "undefined",
  "user"
])

/** Whether an id says that a program had nobody to name. */
export const isJunk = (id: string): boolean => id.length <= 40 && junk.has(id.trim().toLowerCase())

/** Somebody, or a group. */
class Profile {
  readonly properties = new Map<string, { readonly value: unknown; readonly bytes: number }>()
  ids: Array<string> = []
  isIdentified = false
  /** Of the properties. */
  bytes = 0
  private idBytes = 0

  constructor(readonly project: string) {}

  /** Everything that it takes. */
  get weight(): number {
    return this.bytes + this.idBytes
  }

  add(id: string): void {
    this.ids.push(id)
    this.idBytes += idBytes + 2 * id.length
  }

  /** Forgets the oldest id but the first, by which it is known. */
  forgetId(): string {
    const [id] = this.ids.splice(1, 1)
    this.idBytes -= idBytes + 2 * id!.length
    return id!
  }

  get plain(): Properties {
    return Object.fromEntries([...this.properties].map(([name, { value }]) => [name, value]))
  }

  set(name: string, value: unknown): void {
    const bytes = name.length + (JSON.stringify(value) ?? "").length
    const before = this.properties.get(name)?.bytes ?? 0
    // As PostHog does, which takes none of such an update.
    if (this.bytes - before + bytes > maxOwnBytes) return
    this.bytes += bytes - before
    this.properties.set(name, { value, bytes })
  }

  unset(name: string): void {
    this.bytes -= this.properties.get(name)?.bytes ?? 0
    this.properties.delete(name)
  }

  /** What is set, and what is set where there is nothing. */
  update(set: Properties | undefined, once: Properties | undefined): void {
    for (const [name, value] of Object.entries(once ?? {})) if (!this.properties.has(name)) this.set(name, value)
    for (const [name, value] of Object.entries(set ?? {})) this.set(name, value)
  }
}

/** Those that were heard of last, within bounds. */
class Recent {
  private readonly profiles = new Set<Profile>()
  // Kept, because a set remembers what was removed for a while, and a new iterator would pass over all of it each time.
  private oldest = this.profiles.values()
  private bytes = 0

  constructor(private readonly forgotten: (profile: Profile) => void) {}

  get all(): ReadonlyArray<Profile> {
    return [...this.profiles]
  }

  /** Heard of, with `before` bytes before that. */
  touch(profile: Profile, before: number): void {
    this.bytes += profile.weight - (this.profiles.delete(profile) ? before : 0)
    this.profiles.add(profile)
    while (this.profiles.size > maxPeople || this.bytes > maxBytes && this.profiles.size > 1) {
      let next = this.oldest.next()
      if (next.done === true) {
        this.oldest = this.profiles.values()
        next = this.oldest.next()
      }
      this.remove(next.value!)
      this.forgotten(next.value!)
    }
  }

  remove(profile: Profile): void {
    if (this.profiles.delete(profile)) this.bytes -= profile.weight
  }
}

const ofPerson = (project: string, id: string): string => `${project}\n${id}`
const ofGroup = (project: string, type: string, key: string): string => `${project}\n${type.length}\n${type}${key}`

/** Names to unset. */
const unsetOf = (properties: Properties): ReadonlyArray<unknown> => {
  const names = own(properties, "$unset")
  return Array.isArray(names) ? names : []
}

/** Events that are about persons and groups alone: without them PostHog keeps nothing of these. */
export const isAboutPerson = (event: string): boolean =>
  ["$identify", "$set", "$create_alias", "$merge_dangerously", "$groupidentify"].includes(event)

export const makePeople = (): People => {
  const byId = new Map<string, Profile>()
  const byGroup = new Map<string, Profile>()
  let people: Recent
  let groups: Recent
  const clear = (): void => {
    byId.clear()
    byGroup.clear()
    people = new Recent(({ ids, project }) => ids.forEach((id) => byId.delete(ofPerson(project, id))))
    groups = new Recent(({ ids: [key] }) => byGroup.delete(key!))
  }
  clear()

  const addId = (person: Profile, id: string): void => {
    byId.set(ofPerson(person.project, id), person)
    person.add(id)
    // Somebody whom a program identifies as everybody has no end of ids.
    if (person.ids.length > maxIds) byId.delete(ofPerson(person.project, person.forgetId()))
  }

  /** Makes two ids one person: the second stays. */
  const merge = (project: string, other: string, into: string, isForced: boolean): string | undefined => {
    const bad = [other, into].find((id) => isJunk(id))
    if (bad !== undefined) {
      return `"${other}" and "${into}" stay two persons: PostHog merges none with the id "${bad}", which stands for nobody`
    }
    if (other === into || other === "") return undefined
    const from = byId.get(ofPerson(project, other))
    const to = byId.get(ofPerson(project, into)) ?? from ?? new Profile(project)
    if (from !== undefined && from !== to && from.isIdentified && !isForced) {
      return `"${other}" and "${into}" stay two persons: "${other}" has been identified before, and PostHog merges ` +
        "only who has not. After a log-out call reset, so that the next person gets an id of their own"
    }
    if (to.ids.length === 0) addId(to, into)
    const before = to.weight
    if (from === undefined) addId(to, other)
    else if (from !== to) {
      people.remove(from)
      for (const id of from.ids) addId(to, id)
      for (const [name, { value }] of from.properties) if (!to.properties.has(name)) to.set(name, value)
    } else if (!to.ids.includes(into)) addId(to, into)
    to.isIdentified = true
    people.touch(to, before)
    return undefined
  }

  const learnGroup = ({ project, properties }: ReceivedEvent): void => {
    const type = textOf(own(properties, "$group_type"))
    const key = textOf(own(properties, "$group_key"))
    if (type === undefined || key === undefined) return
    const place = ofGroup(project, cut(type, maxName), cut(key, maxName))
    const group = byGroup.get(place) ?? new Profile(project)
    const before = group.weight
    if (group.ids.length === 0) group.add(place)
    byGroup.set(place, group)
    group.update(members(own(properties, "$group_set")), undefined)
    groups.touch(group, before)
  }

  return {
    learn: (event) => {
      const { distinct_id: id, event: name, lane, project, properties } = event
      if (lane === "otlp" || event.kind === "replay" || id === "") return undefined
      if (own(properties, "$process_person_profile") === false) return undefined
      if (name === "$groupidentify") learnGroup(event)
      const isMerge = ["$identify", "$create_alias", "$merge_dangerously"].includes(name)
      const other = isMerge ? textOf(own(properties, name === "$identify" ? "$anon_distinct_id" : "alias")) : undefined
      const problem = other && merge(project, cut(other, maxName), id, name === "$merge_dangerously")
      const person = byId.get(ofPerson(project, id)) ?? new Profile(project)
      const before = person.weight
      if (person.ids.length === 0) addId(person, id)
      person.update(event.$set, event.$set_once)
      for (const unset of unsetOf(properties)) if (typeof unset === "string") person.unset(unset)
      people.touch(person, before)
      return problem === "" ? undefined : problem
    },
    find: (project, id) => {
      const person = byId.get(ofPerson(project, id))
      return person === undefined ? undefined : { ids: [...person.ids], properties: person.plain }
    },
    group: (project, type, key) => byGroup.get(ofGroup(project, type, key))?.plain,
    all: (project) =>
      people.all.filter((person) => project === undefined || person.project === project)
        .map(({ ids, plain, project }) => ({ project, ids: [...ids], properties: plain })),
    clear
  }
}
