/**
 * What the command does. Files, modules and outputs are given to it, because only the entry point knows the platform.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Catalogue from "../../Catalogue.js"
import { redactText } from "../../core/secrets.js"
import type { RemoteOptions } from "../catalogue/api.js"
import { collect } from "../catalogue/collect.js"
import type { PostHogApiError } from "../catalogue/errors.js"
import { describeThrown } from "../http/explain.js"
import { sayUnloadable } from "./load.js"
import type { Told } from "./usage.js"

/** The command could not do what it was told, and why. Shows no key. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{ readonly message: string }> {}

/** What the platform gives. */
export interface Platform {
  readonly env: { readonly [name: string]: string | undefined }
  /** To the output. */
  readonly print: (text: string) => void
  /** To people, beside the output. */
  readonly say: (text: string) => void
  /** What the command was told. */
  readonly args: ReadonlyArray<string>
  /** What a module exports. */
  readonly load: (path: string) => Promise<unknown>
  readonly exists: (path: string) => Promise<boolean>
  readonly read: (path: string) => Promise<string>
  readonly write: (path: string, text: string) => Promise<void>
}

/** The values of the command's options. */
export interface Values {
  readonly against?: string | undefined
  readonly "dry-run"?: boolean | undefined
  readonly event?: ReadonlyArray<string> | undefined
  readonly host?: string | undefined
  readonly out?: string | undefined
  readonly project?: string | undefined
  readonly quiet?: boolean | undefined
}

type Done = Effect.Effect<number, CommandFailed, HttpClient.HttpClient>

const failed = (message: string): CommandFailed => new CommandFailed({ message: redactText(message, 2_000) })

const attempt = <A>(f: () => Promise<A>, say: (thrown: unknown) => string): Effect.Effect<A, CommandFailed> =>
  Effect.tryPromise({ try: f, catch: (thrown) => failed(say(thrown)) })

const remoteOptions = (
  { env, say }: Platform,
  { host, project, quiet }: Values
): RemoteOptions | CommandFailed => {
  const key = env.POSTHOG_PERSONAL_API_KEY ?? ""
  if (key.trim() === "") {
    return failed(
      "the variable POSTHOG_PERSONAL_API_KEY is not set; make a personal API key (phx_…) in the settings of " +
        "your account in PostHog"
    )
  }
  const projectId = project ?? env.POSTHOG_PROJECT_ID ?? ""
  if (projectId.trim() === "") {
    return failed(
      "which project? Set POSTHOG_PROJECT_ID or give --project: the number in the address of PostHog's pages"
    )
  }
  return {
    personalApiKey: Redacted.make(key),
    projectId,
    host: host ?? env.POSTHOG_HOST,
    onProgress: quiet === true ? undefined : say
  }
}

/** Runs what needs PostHog. */
const onPostHog = (
  platform: Platform,
  values: Values,
  ask: (
    options: RemoteOptions
  ) => Effect.Effect<number, PostHogApiError | CommandFailed, HttpClient.HttpClient>
): Done => {
  const options = remoteOptions(platform, values)
  if ("_tag" in options) return options
  return Effect.catchAll(ask(options), (error) => error._tag === "CommandFailed" ? error : failed(error.message))
}

/** Writes a text where it is wanted. */
const write = (platform: Platform, path: string | undefined, text: string): Effect.Effect<number, CommandFailed> => {
  if (path === undefined) {
    platform.print(text)
    return Effect.succeed(0)
  }
  return Effect.map(
    attempt(() => platform.write(path, text), (thrown) => `${path} cannot be written: ${describeThrown(thrown)}`),
    () => {
      platform.say(`wrote ${path}`)
      return 0
    }
  )
}

/** A plan that is in a file. */
const planIn = (platform: Platform, path: string): Effect.Effect<Catalogue.Plan, CommandFailed> =>
  Effect.flatMap(
    attempt(() => platform.read(path), (thrown) => `${path} cannot be read: ${describeThrown(thrown)}`),
    (text) => Effect.mapError(Catalogue.fromJson(text), ({ message }) => failed(`${path}: ${message}`))
  )

const catalogueOf = (platform: Platform, path: string): Effect.Effect<Catalogue.Catalogue, CommandFailed> =>
  Effect.flatMap(
    Effect.catchAll(
      Effect.tryPromise({ try: () => platform.load(path), catch: (thrown) => ({ thrown }) }),
      ({ thrown }) =>
        Effect.flatMap(
          Effect.promise(() => platform.exists(path)),
          (exists) => failed(sayUnloadable(path, thrown, exists, platform.args))
        )
    ),
    (exports): Effect.Effect<Catalogue.Catalogue, CommandFailed> => {
      const catalogue = collect(exports)
      return "problem" in catalogue ? failed(`${path} ${catalogue.problem}`) : Effect.succeed(catalogue)
    }
  )

const isPlan = (path: string): boolean => path.endsWith(".json")

/** The plan of a module, or that is in a file. */
const planOf = (platform: Platform, path: string): Effect.Effect<Catalogue.Plan, CommandFailed> =>
  isPlan(path) ? planIn(platform, path) : Effect.map(catalogueOf(platform, path), Catalogue.toPlan)

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

const propertiesOf = ({ events, groups, person }: Catalogue.Plan) => [
  ...[...events, ...groups].flatMap(({ properties }) => properties),
  ...person
]

/** Whether a plan says nothing of what is inside of objects, and another one does. */
const saysLess = (earlier: Catalogue.Plan, later: Catalogue.Plan): boolean => {
  const [before, after] = [earlier, later].map((plan) =>
    propertiesOf(plan).some(({ items, objects }) => items !== undefined || objects !== undefined)
  )
  return before === false && after === true && propertiesOf(earlier).some(({ types }) => types.includes("Object"))
}

const check = (platform: Platform, module: string, against: string): Effect.Effect<number, CommandFailed> =>
  Effect.gen(function*() {
    const plan = yield* planOf(platform, module)
    const earlier = yield* planIn(platform, against).pipe(
      Effect.mapError(({ message }) =>
        failed(`${message}; an earlier plan is written by effect-posthog catalogue write ${module} --out ${against}`)
      )
    )
    const changes = Catalogue.compare(earlier, plan)
    for (const { effect, impact, kind, property, subject } of changes) {
      const what = property === undefined ? subject : `${subject}, ${property}`
      platform.print(`${impact}: ${what}: ${kind.replaceAll("_", " ")}: ${effect}\n`)
    }
    const breaking = changes.filter(({ impact }) => impact === "breaking").length
    if (saysLess(earlier, plan)) {
      platform.say(
        `${against} is of an earlier release, which did not write what is inside of objects and lists, so that nothing ` +
          "is compared there; write it again after this release"
      )
    }
    platform.say(
      changes.length === 0
        ? `the events are those of ${against}`
        : `${counted(changes.length, "change")} since ${against}, of which ${breaking} ${
          breaking === 1 ? "breaks" : "break"
        } something`
    )
    return breaking === 0 ? 0 : 1
  })

const verify = (platform: Platform, plan: Catalogue.Plan, values: Values): Done =>
  onPostHog(platform, values, (options) =>
    Effect.map(Catalogue.verify(plan, options), (findings) => {
      for (const finding of findings) platform.print(`${Catalogue.sayFinding(finding)}\n`)
      platform.say(
        findings.length === 0
          ? `PostHog has what is declared: ${counted(plan.events.length, "event")}`
          : counted(findings.length, "finding")
      )
      return findings.length === 0 ? 0 : 1
    }))

const push = (platform: Platform, plan: Catalogue.Plan, values: Values): Done =>
  onPostHog(platform, values, (options) => {
    const dryRun = values["dry-run"] === true
    const onAction = (action: Catalogue.Action) => platform.print(`${Catalogue.sayAction(action, true)}\n`)
    return Effect.map(Catalogue.push(plan, { ...options, dryRun, onAction }), (actions) => {
      if (dryRun) { for (const action of actions) platform.print(`${Catalogue.sayAction(action, false)}\n`) }
      platform.say(
        actions.length === 0 ? "there is nothing to do" : dryRun ? "nothing was done: this was a dry run" : "done"
      )
      return 0
    })
  })

/** Where the plan is, unless the command is told another place. */
const defaultPlan = "catalogue.json"

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

/** Runs a command, and gives its exit code. */
export const run = ({ module, name }: Told, values: Values, platform: Platform): Done => {
  switch (name) {
    case "catalogue check":
      return check(platform, module, values.against ?? defaultPlan)
    case "catalogue markdown":
      return Effect.flatMap(planOf(platform, module), (plan) => write(platform, values.out, Catalogue.toMarkdown(plan)))
    case "catalogue json-schema":
      return isPlan(module)
        ? failed("a plan says less than schemas do; give the module of the events")
        : Effect.flatMap(
          catalogueOf(platform, module),
          (catalogue) => write(platform, values.out, json(Catalogue.toJsonSchema(catalogue)))
        )
    case "catalogue write":
      return Effect.flatMap(
        planOf(platform, module),
        (plan) => write(platform, values.out ?? defaultPlan, json(plan))
      )
    case "catalogue verify":
      return Effect.flatMap(planOf(platform, module), (plan) => verify(platform, plan, values))
    case "catalogue push":
      return Effect.flatMap(planOf(platform, module), (plan) => push(platform, plan, values))
    case "catalogue pull":
      return onPostHog(
        platform,
        values,
        (options) =>
          Effect.flatMap(
            Catalogue.pull({ ...options, events: values.event }),
            (text) => write(platform, values.out, text)
          )
      )
    case "flags pull":
      return onPostHog(
        platform,
        values,
        (options) => Effect.flatMap(Catalogue.pullFlags(options), (text) => write(platform, values.out, text))
      )
    default:
      return failed(`there is no command ${name}`)
  }
}
