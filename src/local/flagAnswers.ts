/**
 * What is answered to a request for flags, in the shape of its version.
 *
 * @since 0.1.0
 */
import { randomUUID } from "node:crypto"
import type { Definitions } from "../core/flags/definitions.js"
import { explainFlag } from "../core/flags/explain.js"
import type { FlagExplanation } from "../core/flags/explanation.js"
import { explanationText } from "../core/flags/explanationText.js"
import type { Subject, UnresolvedReason } from "../core/flags/local.js"
import type { FlagValue, Json } from "../core/flags/response.js"
import { setMember } from "../core/guard.js"
import { remoteConfig } from "./browser.js"
import { cut, maxName } from "./event.js"
import { type FlagDocument, payloadText } from "./flagDocument.js"
import { type FlagsAsked, readRequest } from "./flagRequest.js"
import type { Local, Why } from "./local.js"
import { type Answer, type Exchange, json } from "./model.js"

/** What flags are for somebody. */
export interface FlagsFor {
  readonly document: FlagDocument
  /** Of the flags that are for these contexts, or for all when there are none. */
  readonly definitions: Definitions
  /** Keys of the flags that are overridden. */
  readonly overridden: ReadonlySet<string>
}

interface Reason {
  readonly code: string
  readonly description: string
  readonly condition_index: number | null
}

/** One flag for one person. */
interface Outcome {
  readonly key: string
  /** `undefined`: that cannot be said here. */
  readonly value: FlagValue | undefined
  readonly reason: Reason
  readonly definition: Json | undefined
}

const whyUnresolved: { readonly [Reason in UnresolvedReason]: string } = {
  experience_continuity: "it stays what it was before an identify",
  unsupported_definition: "its definition has something that is only known at PostHog, such as a static cohort",
  unresolved_dependency: "it depends on a flag that cannot be evaluated here",
  missing_context: "the request lacks something that it is about, such as the device"
}

/**
 * The subject with whole numbers as texts. The evaluator cannot know whether JSON said `5` or `5.0`, which are
 * different texts to PostHog, and answers nothing then. Who sends `5.0` is rare, and whoever compares with `5` wants an
 * answer.
 */
const withTexts = (subject: Subject): Subject => {
  const texts = (properties: Json): Json => {
    const copy: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(properties)) {
      setMember(copy, name, Number.isInteger(value) ? String(value) : value)
    }
    return copy
  }
  const groupProperties: Record<string, Json> = {}
  for (const [type, properties] of Object.entries(subject.groupProperties ?? {})) {
    setMember(groupProperties, type, texts(properties as Json))
  }
  return {
    ...subject,
    personProperties: texts(subject.personProperties as Json) as Subject["personProperties"],
    groupProperties
  }
}

const explain = (
  definitions: Definitions,
  subject: Subject,
  now: number,
  key: string
): FlagExplanation | undefined => {
  const explained = explainFlag(definitions, subject, now, key)
  return explained?.unresolved === undefined
    ? explained
    : explainFlag(definitions, withTexts(subject), now, key) ?? explained
}

/** `undefined`: there is no such flag. */
const evaluate = (
  definitions: Definitions,
  subject: Subject,
  now: number,
  key: string
):
  | { readonly value: FlagValue | undefined; readonly reason: Reason; readonly unresolved?: UnresolvedReason }
  | undefined =>
{
  const explained = explain(definitions, subject, now, key)
  if (explained === undefined) return undefined
  const { reason, unresolved, value } = explained
  if (unresolved !== undefined) {
    const description = `Cannot be evaluated here: ${whyUnresolved[unresolved]}`
    return { value: undefined, unresolved, reason: { code: "no_condition_match", description, condition_index: null } }
  }
  return {
    value,
    reason: {
      code: reason?.code ?? "no_condition_match",
      description: reason?.description ?? "No matching condition set",
      condition_index: reason?.conditionIndex ?? null
    }
  }
}

/** Whether the flag is for those who ask. PostHog leaves out what is off for everybody, too. */
const isFor = (definition: Json, { keys, runtime }: FlagsAsked): boolean => {
  const { active, deleted, evaluation_runtime: own, key } = definition
  if (active === false || deleted === true) return false
  if (keys !== undefined && !keys.includes(String(key))) return false
  return runtime === "all" || own !== "client" && own !== "server" || own === runtime
}

const subjectOf = (
  asked: FlagsAsked,
  local: Local
): { readonly subject: Subject; readonly ids: ReadonlyArray<string> } => {
  const { distinctId, groups, project } = asked
  const person = local.people.find(project, distinctId)
  const ids = person?.ids ?? [distinctId]
  const groupProperties = { ...asked.groupProperties }
  for (const [type, key] of Object.entries(groups)) {
    setMember(groupProperties, type, { ...local.people.group(project, type, key), ...asked.groupProperties[type] })
  }
  const subject = {
    distinctId,
    groups,
    personProperties: {
      distinct_id: distinctId,
      ...person?.properties,
      ...asked.personProperties
    } as Subject["personProperties"],
    groupProperties,
    deviceId: asked.deviceId,
    isComplete: true
  }
  return { subject, ids }
}

const outcomes = (
  asked: FlagsAsked,
  local: Local,
  flagsFor: (ids: ReadonlyArray<string>, contexts: ReadonlyArray<string>) => FlagsFor
): ReadonlyArray<Outcome> => {
  const { ids, subject } = subjectOf(asked, local)
  const { definitions, document, overridden } = flagsFor([...ids, asked.distinctId], asked.contexts)
  const now = local.now()
  // A flag that keeps its value over an identify is rolled out by the id that came first.
  const first = { ...subject, distinctId: asked.anonymousId ?? ids[0] ?? asked.distinctId }
  return document.flags.flatMap((definition): ReadonlyArray<Outcome> => {
    const key = String(definition.key)
    if (!isFor(definition, asked)) return []
    const isKept = definition.ensure_experience_continuity === true
    const evaluated = evaluate(definitions, isKept ? first : subject, now, key)
    if (evaluated === undefined) return []
    const { reason, unresolved, value } = evaluated
    if (unresolved !== undefined) {
      local.store.hint(
        now,
        `flag ${key}`,
        `The flag \`${key}\` cannot be evaluated here, and is off: ${whyUnresolved[unresolved]}`
      )
    }
    const why = overridden.has(key) ? { ...reason, description: "Overridden in the local PostHog" } : reason
    return [{ key, value, reason: why, definition }]
  })
}

/** Why a flag is what an evaluation would give now; `undefined`: there is no such flag. */
export const whyFor = (
  key: string,
  { distinctId, groups = {}, project }: {
    readonly distinctId: string
    readonly project: string
    readonly groups?: { readonly [type: string]: string } | undefined
  },
  local: Local,
  flagsFor: (ids: ReadonlyArray<string>, contexts: ReadonlyArray<string>) => FlagsFor
): Why | undefined => {
  const asked: FlagsAsked = {
    project,
    distinctId,
    anonymousId: undefined,
    deviceId: undefined,
    groups,
    personProperties: {},
    groupProperties: {},
    keys: [key],
    contexts: [],
    runtime: "all",
    isDisabled: false
  }
  const { ids, subject } = subjectOf(asked, local)
  const { definitions, document, overridden } = flagsFor([...ids, distinctId], [])
  const isKept = document.flags.some((flag) => flag.key === key && flag.ensure_experience_continuity === true)
  const first = { ...subject, distinctId: ids[0] ?? distinctId }
  const explanation = explain(definitions, isKept ? first : subject, local.now(), key)
  if (explanation === undefined) return undefined
  const isOverridden = overridden.has(key)
  const text = explanationText(explanation)
  return {
    key,
    value: explanation.value,
    isOverridden,
    text: isOverridden ? `${text} It is overridden here.` : text,
    explanation
  }
}

/** Named by key, whatever the keys are. */
const byKey = <A>(all: ReadonlyArray<Outcome>, of: (outcome: Outcome) => A): { readonly [key: string]: A } => {
  const members: Record<string, A> = {}
  for (const outcome of all) setMember(members, outcome.key, of(outcome))
  return members
}

const current = ({ definition, key, reason, value = false }: Outcome): Json => ({
  key,
  enabled: value !== false,
  variant: typeof value === "string" ? value : null,
  reason,
  metadata: {
    id: definition?.id ?? null,
    version: definition?.version ?? null,
    payload: payloadText(definition, value) ?? null,
    description: definition?.name ?? null,
    ...(typeof definition?.has_experiment === "boolean" ? { has_experiment: definition.has_experiment } : {})
  }
})

const isOn = ({ value }: Outcome): boolean => value !== undefined && value !== false

/** The members about flags in the shape of a version: `/decide` and old clients want older ones. */
const shape = (all: ReadonlyArray<Outcome>, version: number): Json => {
  if (version >= 4) return { flags: byKey(all, current) }
  if (version === 1) return { featureFlags: all.filter(isOn).map(({ key }) => key) }
  const shown = version === 2 ? all.filter(isOn) : all
  const withPayload = all.filter(({ definition, value }) => payloadText(definition, value) !== undefined)
  return {
    featureFlags: byKey(shown, ({ value = false }) => value),
    featureFlagPayloads: byKey(withPayload, ({ definition, value }) => payloadText(definition, value))
  }
}

/** The version of the answer by that of `/decide`: `/flags` began to count anew, from its third. */
const versionOf = ({ query, received }: Exchange): number => {
  const asked = Number(query.get("v") ?? 1)
  if (received.path.startsWith("/decide")) return asked
  return asked >= 2 ? 4 : 3
}

/** Answers a request for flags. `miss` takes note of a key that is not there, and says whether it is not. */
export const answerFlags = (
  exchange: Exchange,
  local: Local,
  flagsFor: (ids: ReadonlyArray<string>, contexts: ReadonlyArray<string>) => FlagsFor,
  miss: (key: string) => boolean
): Answer => {
  const { query, received } = exchange
  const asked = readRequest(exchange)
  if ("status" in asked) {
    received.reason = asked.reason
    return json(asked.status, { detail: asked.reason })
  }
  const { now, settings, store } = local
  const all = asked.isDisabled ? [] : outcomes(asked, local, flagsFor)
  const evaluated = { at: now(), project: asked.project, distinct_id: asked.distinctId, where: "here" } as const
  for (const { key: flag, reason, value } of all) {
    const code = value === undefined ? "unresolved" : reason.code
    store.addEvaluation({ ...evaluated, seq: store.nextEvaluation(), flag, value: value ?? false, reason: code })
  }
  for (const key of asked.isDisabled ? [] : asked.keys ?? []) {
    if (!miss(key)) continue
    const flag = cut(key, maxName)
    store.addEvaluation({ ...evaluated, seq: store.nextEvaluation(), flag, value: undefined, reason: "flag_missing" })
  }
  const wantsConfig = query.get("config") === "true" || received.path.startsWith("/decide")
  return json(200, {
    ...(wantsConfig ? remoteConfig(asked.project, settings) : {}),
    ...shape(all, versionOf(exchange)),
    errorsWhileComputingFlags: all.some(({ value }) => value === undefined),
    requestId: randomUUID(),
    evaluatedAt: evaluated.at,
    ...(flagsFor([], []).definitions.minimalFlagCalledEvents ? { minimalFlagCalledEvents: true } : {})
  })
}
