/**
 * Feature flags of a local PostHog: one document of definitions, for `/flags`, for those who evaluate by themselves,
 * and for whoever asks why.
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import { compileDefinitions } from "../core/flags/definitions.js"
import { cut } from "./event.js"
import { answerFlags, type FlagsFor, whyFor } from "./flagAnswers.js"
import { type FlagDocument, noFlags, payloadText, readDocument, withTextValues } from "./flagDocument.js"
import { type Override, withOverrides } from "./flagOverrides.js"
import type { Flags } from "./local.js"
import { type Answer, type Exchange, json, type ReceivedEvent } from "./model.js"
import type { Store } from "./store.js"
import { shortened } from "./verdict.js"

export { readFlags } from "./flagDocument.js"
export type { Override } from "./flagOverrides.js"
export type { Flags } from "./local.js"

/** Keys that are missing are kept for somebody to look at: as many, and as much of each. */
const maxMissing = 200
const maxKey = 200

const sameText = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const byKey = (overrides: ReadonlyArray<Override>): ReadonlyMap<string, ReadonlyArray<Override>> => {
  const lists = new Map<string, Array<Override>>()
  for (const override of overrides) {
    const list = lists.get(override.key)
    if (list === undefined) lists.set(override.key, [override])
    else list.push(override)
  }
  return lists
}

const isWeak = (override: Override): boolean => override.distinctId === undefined

/** All of a kind may go: a document with two spellings of its tag is the same document. */
const isKnownTag = (header: string | undefined, etag: string): boolean =>
  header?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag.replace(/^W\//, "")) ?? false

const secretProblem = ({ headers, query }: Exchange): Answer | undefined => {
  if (!/^Bearer ph[xs]_./.test(headers.authorization ?? "")) {
    return json(401, {
      detail: "Flag definitions need a secret key in `Authorization: Bearer`; they begin with phs_ or phx_"
    })
  }
  return query.get("token")?.trim() ? undefined : json(403, { detail: "The request has no project key in `token`" })
}

export const makeFlags = (store: Store, now: () => number): Flags => {
  let base: FlagDocument = noFlags
  let overrides: ReadonlyArray<Override> = []
  /** How often each flag was overridden or freed. */
  const revisions = new Map<string, number>()
  const missing = new Set<string>()
  let made: { readonly document: FlagDocument; readonly text: string; readonly etag: string } | undefined
  let forAll: FlagsFor | undefined

  const changed = (): void => {
    made = undefined
    forAll = undefined
    for (const { key } of base.flags) missing.delete(String(key))
    for (const { key } of overrides) missing.delete(key)
    store.tell({ type: "changed", what: "flags" })
  }

  const setOverrides = (next: ReadonlyArray<Override>): void => {
    const [before, after] = [byKey(overrides), byKey(next)]
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      if (!sameText(before.get(key), after.get(key))) revisions.set(key, (revisions.get(key) ?? 0) + 1)
    }
    // What holds for one person is stronger than what holds for everybody.
    overrides = [...next.filter(isWeak), ...next.filter((override) => !isWeak(override))]
    changed()
  }

  const current = () => {
    if (made !== undefined) return made
    const document = withOverrides(base, overrides, revisions)
    const text = JSON.stringify(document)
    return made = { document, text, etag: `W/"${createHash("sha1").update(text).digest("hex")}"` }
  }

  const makeFor = (own: ReadonlyArray<Override>, contexts: ReadonlyArray<string>): FlagsFor => {
    const document = withOverrides(base, own, revisions)
    const overridden = new Set(own.map(({ key }) => key))
    // That a flag must not change when somebody is identified is taken care of by the id that is hashed.
    const flags = document.flags.map((flag) => ({ ...flag, ensure_experience_continuity: false }))
    const definitions = compileDefinitions(withTextValues({ ...document, flags }), contexts)
    if (definitions === undefined) throw new Error("flag definitions cannot be read")
    return { document, definitions, overridden }
  }

  const flagsFor = (ids: ReadonlyArray<string>, contexts: ReadonlyArray<string>): FlagsFor => {
    const own = overrides.filter(({ distinctId }) => distinctId !== undefined && ids.includes(distinctId))
    const all = [...overrides.filter(isWeak), ...own.map((override) => ({ ...override, distinctId: undefined }))]
    if (own.length === 0 && contexts.length === 0) return forAll ??= makeFor(all, contexts)
    return makeFor(all, contexts)
  }

  const isThere = (key: string): boolean =>
    base.flags.some((flag) => flag.key === key) || overrides.some((override) => override.key === key)

  const miss = (asked: string): boolean => {
    if (isThere(asked)) return false
    const key = cut(asked, maxKey)
    if (missing.has(key) || missing.size >= maxMissing) return true
    missing.add(key)
    store.hint(
      now(),
      `flag ${key}`,
      `Somebody asks for the flag \`${key}\`, which does not exist: a typo, or not made yet`
    )
    store.tell({ type: "changed", what: "flags" })
    return true
  }

  /** What clients say about flags that they have read. */
  const note = ({ distinct_id, event, project, properties, verdict }: ReceivedEvent): void => {
    if (event !== "$feature_flag_called" || verdict !== "accepted") return
    const { $feature_flag: flag, $feature_flag_error: error, $feature_flag_response: value } = properties
    if (typeof flag !== "string") return
    if (typeof error === "string" && error.split(",").includes("flag_missing")) miss(flag)
    if (properties.locally_evaluated !== true) return
    store.addEvaluation({
      seq: store.nextEvaluation(),
      at: now(),
      project,
      distinct_id,
      flag: cut(flag, maxKey),
      value: typeof value === "string" ? cut(value, maxKey) : typeof value === "boolean" ? value : undefined,
      reason: "evaluated by the client",
      where: "client"
    })
  }
  store.subscribe((happening) => {
    if (happening.type === "event") note(happening.event)
    // So that it is said again: what was said is forgotten.
    if (happening.type === "cleared") missing.clear()
  })

  return {
    document: () => current().document,
    setDefinitions: (document) => {
      const read = readDocument(document)
      if ("problem" in read) return read.problem
      base = read.document
      changed()
      return undefined
    },
    setOverrides,
    override: ({ distinctId, key, payload, value }) => {
      const others = overrides.filter((other) => other.key !== key || other.distinctId !== distinctId)
      setOverrides(value === undefined ? others : [...others, { key, value, payload, distinctId }])
    },
    overrides: () => overrides,
    missing: () => [...missing],
    why: (key, whom, local) => whyFor(key, whom, local, flagsFor),
    evaluate: (exchange, local) => answerFlags(exchange, local, flagsFor, miss),
    definitions: (exchange) => {
      const refused = secretProblem(exchange)
      if (refused !== undefined) return refused
      exchange.received.project = shortened(exchange.query.get("token")!.trim())
      const { etag, text } = current()
      return isKnownTag(exchange.headers["if-none-match"], etag)
        ? { status: 304, headers: { etag }, body: "" }
        : { status: 200, headers: { "content-type": "application/json", etag }, body: text }
    },
    remoteConfig: (exchange) => {
      const refused = secretProblem(exchange)
      if (refused !== undefined) return refused
      exchange.received.project = shortened(exchange.query.get("token")!.trim())
      const escaped = /\/feature_flags\/([^/]+)\/remote_config\/?$/.exec(exchange.received.path)?.[1] ?? ""
      let key: string
      try {
        key = decodeURIComponent(escaped)
      } catch {
        return json(400, { detail: "The path has a percent sign that begins no character" })
      }
      const definition = current().document.flags.find((flag) => flag.key === key && flag.deleted !== true)
      if (definition === undefined) {
        miss(key)
        return json(404, { detail: `There is no flag \`${key}\`` })
      }
      const overridden = overrides.find((override) => override.key === key && isWeak(override))
      return json(200, payloadText(definition, overridden?.value ?? true) ?? payloadText(definition, true) ?? null)
    },
    clear: () => missing.clear()
  }
}
