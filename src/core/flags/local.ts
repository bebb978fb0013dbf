/**
 * Evaluates flags from their definitions: pure, synchronous, and never a guess.
 *
 * @since 0.1.0
 */
import { type GroupPropertiesInput, type Groups, isIdentifier, type PropertiesInput } from "../event/layers.js"
import type { Definitions } from "./definitions.js"
import { dependencies, maxDepth } from "./graph.js"
import { bytesOf, hash } from "./hash.js"
import type { Cohort, Condition, Filter, Flag } from "./model.js"
import {
  asDependency,
  both,
  isRegex,
  isServerOnly,
  isUnresolved,
  missingContext,
  no,
  onServer,
  reasonOf,
  type UnresolvedReason,
  unsupported,
  yes
} from "./outcome.js"
import type { EvaluatedFlag, FlagValue } from "./response.js"
import { ownMember } from "./values.js"

export type { UnresolvedReason } from "./outcome.js"

/** For whom flags are evaluated. */
export interface Subject {
  readonly distinctId: string
  readonly groups?: Groups | undefined
  /**
   * What conditions look at, beside `distinct_id` itself. A property that is not here makes no condition false: it is
   * not known, unless `isComplete` says otherwise.
   */
  readonly personProperties?: PropertiesInput | undefined
  /** The same by group type. */
  readonly groupProperties?: GroupPropertiesInput | undefined
  /** For flags that are rolled out by device; the property `$device_id` of the person when it is not given. */
  readonly deviceId?: string | undefined
  /**
   * Whether these are all properties that the person has, and the groups: one that is not here is known to be absent
   * then, so that a condition on it does not match and `is_not_set` holds. For whoever keeps the persons, as a server
   * does. Default: `false`.
   */
  readonly isComplete?: boolean | undefined
}

/** A flag that only PostHog can evaluate for this subject. */
export interface Unresolved {
  readonly key: string
  readonly reason: UnresolvedReason
  /** Whether PostHog is to be asked: not for flags that are for browsers alone. */
  readonly asksServer: boolean
}

/** What became of each flag. */
export interface LocalResult {
  readonly flags: ReadonlyMap<string, EvaluatedFlag>
  readonly unresolved: ReadonlyMap<string, Unresolved>
}

/** The value of a flag, or the outcome that says why there is none. */
export type Answer = EvaluatedFlag | number

/** What came of a condition set. */
export type StepOutcome = "match" | "no_match" | "out_of_rollout" | "no_group" | "unresolved"

/** Who wants to know how an evaluation goes. */
export interface Trace {
  /** What decides before any condition set. */
  readonly decide: (code: "super_condition_value" | "holdout_condition_value" | "no_group_type") => void
  /** Of each condition set that is looked at, in order. */
  readonly note: (outcome: StepOutcome, found: number) => void
}

/** How often a cycle is entered before the search for a way out of it is given up. */
const maxRounds = 1_000

export const nothing = new Uint8Array(0)
export const variantSalt = bytesOf("variant")
export const holdoutPrefix = bytesOf("holdout-")

/** The person or a group: properties, and the bytes that are hashed. */
export class Party {
  private seen: Map<Cohort, number> | undefined
  private bytes: Uint8Array | undefined

  constructor(
    readonly properties: unknown,
    /** The property that is there without being given. */
    readonly idName: string,
    readonly id: unknown
  ) {}

  /** Cohorts that were looked at. */
  get cohorts(): Map<Cohort, number> {
    return this.seen ??= new Map()
  }

  /** `undefined`: not usable. */
  get bucket(): Uint8Array | undefined {
    return this.bytes ??= bucketOf(this.id)
  }

  /** `undefined`: not there. JSON has no such value, so a property that is `undefined` never reaches PostHog either. */
  property(name: string): unknown {
    const given = ownMember(this.properties, name)
    return given === undefined && name === this.idName ? this.id : given
  }
}

const bucketOf = (id: unknown): Uint8Array | undefined =>
  typeof id === "string" ? bytesOf(id) : typeof id === "number" && Number.isFinite(id) ? bytesOf(String(id)) : undefined

/** Subjects come from programs, and need not be what their type says. */
export const member = (subject: Subject, name: keyof Subject): unknown => {
  try {
    return subject[name]
  } catch {
    return undefined
  }
}

/** One evaluation for one subject. */
export class Run {
  readonly person: Party
  readonly isComplete: boolean
  // Most evaluations of one flag need none of these.
  private groups: Map<string, Party | undefined> | undefined
  private kept: Map<Flag, Answer> | undefined
  private seen: Set<Flag | Cohort> | undefined
  private within: Set<Flag | Cohort> | undefined
  /** How often a cycle was entered. */
  rounds = 0

  constructor(readonly subject: Subject, readonly now: number) {
    const distinctId = member(subject, "distinctId")
    this.isComplete = member(subject, "isComplete") === true
    this.person = new Party(member(subject, "personProperties"), "distinct_id", distinctId)
  }

  /** Flags that others depend on. */
  private get answers(): Map<Flag, Answer> {
    return this.kept ??= new Map()
  }

  private get visited(): Set<Flag | Cohort> {
    return this.seen ??= new Set()
  }

  /** What is being evaluated and part of a cycle. */
  get entered(): Set<Flag | Cohort> {
    return this.within ??= new Set()
  }

  /** `undefined`: the subject is in no group of this type. */
  group(type: string): Party | undefined {
    const groups = this.groups ??= new Map<string, Party | undefined>()
    if (groups.has(type)) return groups.get(type)
    const key = ownMember(member(this.subject, "groups"), type)
    const party = key === undefined
      ? undefined
      : new Party(ownMember(member(this.subject, "groupProperties"), type), "$group_key", key)
    groups.set(type, party)
    return party
  }

  device(): Uint8Array | undefined {
    const deviceId = member(this.subject, "deviceId") ?? this.person.property("$device_id")
    return deviceId === "" ? undefined : bucketOf(deviceId)
  }

  answer(flag: Flag): Answer {
    if (flag.plan.settled !== undefined) return flag.plan.settled
    if (!flag.isShared && flag.depth <= maxDepth) return this.evaluate(flag)
    const isWithin = this.isWithin(flag)
    const before = this.answers.get(flag)
    if (before !== undefined && !isWithin) return before
    // Leaves first, cycles included, so that nothing nests deeper than one cycle.
    if (flag.depth > maxDepth && !isWithin) { for (const other of dependencies(flag, this.visited)) this.answer(other) }
    if (flag.cycle !== undefined) return this.inCycle(flag, this.answers, () => this.evaluate(flag))
    const answer = this.evaluate(flag)
    this.answers.set(flag, answer)
    return answer
  }

  /** Whether a member of the same cycle is being evaluated. */
  isWithin(node: Flag | Cohort): boolean {
    if (node.cycle === undefined) return false
    for (const other of this.entered) if (other.cycle === node.cycle) return true
    return false
  }

  /**
   * Evaluates a member of a cycle. One that is being evaluated already has no answer; what others come to on the way is
   * true for this way only, so it is not kept.
   */
  private inCycle<K extends Flag | Cohort, A>(node: K, kept: Map<K, A>, evaluate: () => A): A | number {
    const isFirst = !this.isWithin(node)
    if (isFirst) this.rounds = 0
    if (node.refused || this.entered.has(node) || ++this.rounds > maxRounds) return unsupported
    this.entered.add(node)
    const answer = evaluate()
    this.entered.delete(node)
    if (isFirst) kept.set(node, answer)
    return answer
  }

  evaluate(flag: Flag, trace?: Trace): Answer {
    const { byDevice, conditions, earlyExit, enrollment, group, holdout, off } = flag.plan
    if (enrollment !== undefined) {
      // Without the property PostHog goes on to the conditions. Whether the person has it need not be known here.
      const choice = this.person.property(enrollment)
      if (choice !== undefined) {
        trace?.decide("super_condition_value")
        return isEnrolled(choice) ? flag.plan.on : off
      }
      if (!this.isComplete) return flag.isUnsupported ? unsupported : missingContext
    }
    const party = group === undefined ? this.person : this.group(group)
    if (party === undefined) {
      trace?.decide("no_group_type")
      return off
    }
    const bucket = byDevice ? this.device() : party.bucket
    if (bucket === undefined) return flag.isUnsupported ? unsupported : missingContext
    if (holdout !== undefined && hash(holdoutPrefix, bucket, nothing) <= holdout.share) {
      trace?.decide("holdout_condition_value")
      return holdout.result
    }

    let noted = no
    // What the flag would be if a regular expression that only PostHog can read did match.
    let possible: Set<FlagValue> | undefined
    for (const condition of conditions) {
      const other = condition.group === undefined
        ? party
        : condition.group === null
        ? undefined
        : this.group(condition.group)
      if (other === undefined) {
        trace?.note("no_group", no)
        continue
      }
      const thisBucket = other === party ? bucket : other.bucket
      if (thisBucket === undefined) {
        trace?.note("unresolved", missingContext)
        noted = both(noted, missingContext)
        continue
      }
      const outcome = this.all(condition.filters, other)
      if (outcome === no) {
        trace?.note("no_match", no)
        continue
      }
      const isIn = outcome === yes || isRegex(outcome)
        ? condition.rollout === Infinity || hash(flag.prefix, thisBucket, nothing) <= condition.rollout
        : false
      trace?.note(outcome !== yes ? "unresolved" : isIn ? "match" : "out_of_rollout", outcome)
      if (outcome === yes) {
        if (isIn) {
          const answer = valueOf(flag, condition, thisBucket)
          return isOnly(possible, answer.value) ? answer : noted
        }
        if (!earlyExit) continue
        return noted === no ? off : noted
      }
      const sum = both(noted, outcome)
      if (isServerOnly(outcome)) return onServer(flag.isUnsupported ? both(sum, unsupported) : sum)
      noted = sum
      if (isRegex(outcome)) {
        ;(possible ??= new Set()).add(earlyExit && !isIn ? false : valueOf(flag, condition, thisBucket).value)
      }
    }
    return noted === no ? off : noted
  }

  /** All filters of a condition: one that is false decides, whatever cannot be told of the others. */
  all(filters: ReadonlyArray<Filter>, party: Party): number {
    let noted = no
    let server = no
    for (let i = 0; i < filters.length; i++) {
      const outcome = this.test(filters[i]!, party)
      if (outcome === no) return no
      if (outcome === yes) continue
      if (isServerOnly(outcome) && noted === no) server = outcome
      noted = both(noted, outcome)
    }
    return server !== no ? server : noted === no ? yes : noted
  }

  test(filter: Filter, party: Party): number {
    switch (filter.kind) {
      case "property": {
        const { operator } = filter
        const value = party.property(filter.key)
        const outcome = value !== undefined
          ? operator.test(value, this.now)
          : this.isComplete
          ? operator.knownAbsent
          : operator.absent
        return negate(filter.negated, outcome)
      }
      case "known":
        return filter.outcome
      case "cohort":
        return negate(filter.negated, this.cohort(filter.cohort, party))
      case "flag":
        return negate(filter.negated, this.dependency(filter))
      case "group": {
        let noted = no
        for (const inner of filter.filters) {
          const outcome = this.test(inner, party)
          if (isServerOnly(outcome)) return outcome
          if (isUnresolved(outcome)) noted = both(noted, outcome)
          else if ((outcome === yes) !== filter.every) return outcome
        }
        return noted !== no ? noted : filter.every ? yes : no
      }
    }
  }

  private cohort(cohort: Cohort, party: Party): number {
    if (cohort.nesting > maxDepth) return unsupported
    const before = party.cohorts.get(cohort)
    if (before !== undefined && !this.isWithin(cohort)) return before
    if (cohort.cycle !== undefined) return this.inCycle(cohort, party.cohorts, () => this.test(cohort.filter, party))
    const outcome = this.test(cohort.filter, party)
    party.cohorts.set(cohort, outcome)
    return outcome
  }

  private dependency({ chain, target, wanted }: Filter & { readonly kind: "flag" }): number {
    let value: FlagValue | undefined
    for (const flag of chain) {
      const answer = this.answer(flag)
      if (typeof answer === "number") return asDependency(answer)
      if (flag === target) value = answer.value
    }
    if (value === undefined || wanted === undefined) return no
    return value === wanted || wanted === true && typeof value === "string" && value !== "" ? yes : no
  }
}

/** Whether somebody has chosen to take part: a choice is `true` or `"true"`, and any other has opted out. */
const isEnrolled = (choice: unknown): boolean => choice === true || choice === "true"

const negate = (negated: boolean, outcome: number): number => negated && outcome <= yes ? 1 - outcome : outcome

const isOnly = (possible: ReadonlySet<FlagValue> | undefined, value: FlagValue): boolean =>
  possible === undefined || possible.size === 1 && possible.has(value)

/** The value for those whom a condition matches. */
const valueOf = (flag: Flag, condition: Condition, bucket: Uint8Array): EvaluatedFlag => {
  const { on, variants } = flag.plan
  if (condition.override !== undefined) return condition.override
  if (variants.length === 0) return on
  const place = hash(flag.prefix, bucket, variantSalt)
  return variants.find((variant) => variant.from <= place && place < variant.before)?.result ?? on
}

/** Whether the user is nobody. An id that cannot be read is something else: it is missing. */
export const isNobody = (subject: Subject): boolean => {
  try {
    return typeof subject.distinctId === "string" && !isIdentifier(subject.distinctId)
  } catch {
    return false
  }
}

/**
 * All flags, or those of `keys`; unknown keys are in neither map. For a blank id there are none, as there is no request
 * for one. `now` is in milliseconds since the epoch. Never throws.
 */
export const evaluateFlags = (
  definitions: Definitions,
  subject: Subject,
  now: number,
  keys: ReadonlyArray<string> = definitions.keys
): LocalResult => {
  const flags = new Map<string, EvaluatedFlag>()
  const unresolved = new Map<string, Unresolved>()
  if (isNobody(subject)) return { flags, unresolved }
  const run = new Run(subject, now)
  for (const key of keys) {
    const flag = definitions.flags.get(key)
    if (flag === undefined) continue
    const answer = run.answer(flag)
    if (typeof answer === "object") flags.set(key, answer)
    else unresolved.set(key, { key, reason: reasonOf(answer), asksServer: flag.asksServer })
  }
  return { flags, unresolved }
}
