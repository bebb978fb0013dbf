/**
 * What the command does. Files, modules and outputs are given to it, because only the entry point knows the platform.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Plan } from "../../core/catalogue/model.js"
import { sayAction } from "../../core/catalogue/push.js"
import { sayFinding } from "../../core/catalogue/verify.js"
import { redactText } from "../../core/secrets.js"
import type { RemoteOptions } from "../catalogue/api.js"
import { collect } from "../catalogue/collect.js"
import * as Remote from "../catalogue/remote.js"
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
  readonly load: (path: string) => Promise<unknown>
  readonly write: (path: string, text: string) => Promise<void>
}

/** The values of the command's options. */
export interface Values {
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
  ) => Effect.Effect<number, Remote.PostHogApiError | CommandFailed, HttpClient.HttpClient>
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

const planOf = (platform: Platform, path: string): Effect.Effect<Plan, CommandFailed> =>
  Effect.flatMap(
    attempt(() => platform.load(path), (thrown) => sayUnloadable(path, thrown)),
    (exports): Effect.Effect<Plan, CommandFailed> => {
      const plan = collect(exports)
      return "problem" in plan ? failed(`${path} ${plan.problem}`) : Effect.succeed(plan)
    }
  )

const verify = (platform: Platform, plan: Plan, values: Values): Done =>
  onPostHog(platform, values, (options) =>
    Effect.map(Remote.verify(plan, options), (findings) => {
      for (const finding of findings) platform.print(`${sayFinding(finding)}\n`)
      platform.say(
        findings.length === 0
          ? `${plan.events.length} events are in PostHog as they are declared`
          : `${findings.length} findings`
      )
      return findings.length === 0 ? 0 : 1
    }))

const push = (platform: Platform, plan: Plan, values: Values): Done =>
  onPostHog(platform, values, (options) => {
    const dryRun = values["dry-run"] === true
    const onAction = (action: Parameters<typeof sayAction>[0]) => platform.print(`${sayAction(action, true)}\n`)
    return Effect.map(Remote.push(plan, { ...options, dryRun, onAction }), (actions) => {
      if (dryRun) { for (const action of actions) platform.print(`${sayAction(action, false)}\n`) }
      platform.say(
        actions.length === 0 ? "there is nothing to do" : dryRun ? "nothing was done: this was a dry run" : "done"
      )
      return 0
    })
  })

/** Runs a command, and gives its exit code. */
export const run = ({ module, name }: Told, values: Values, platform: Platform): Done => {
  switch (name) {
    case "catalogue write":
      return Effect.flatMap(
        planOf(platform, module),
        (plan) => write(platform, values.out ?? "catalogue.json", `${JSON.stringify(plan, undefined, 2)}\n`)
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
          Effect.flatMap(Remote.pull({ ...options, events: values.event }), (text) => write(platform, values.out, text))
      )
    case "flags pull":
      return onPostHog(
        platform,
        values,
        (options) => Effect.flatMap(Remote.pullFlags(options), (text) => write(platform, values.out, text))
      )
    default:
      return failed(`there is no command ${name}`)
  }
}
