/**
 * What the command `effect-posthog` can be told, and what it says about that.
 */

export const usage = `effect-posthog: tracking plans and feature flags of programs, and PostHog

  effect-posthog catalogue check MODULE [--against FILE]
      compares the events with an earlier plan: what has changed, and what that breaks
  effect-posthog catalogue markdown MODULE [--out FILE]
      writes a page about the events for people
  effect-posthog catalogue json-schema MODULE [--out FILE]
      writes the events as JSON Schema
  effect-posthog catalogue write MODULE [--out FILE]
      writes the plan, for a later check
  effect-posthog catalogue verify MODULE
      compares the events with PostHog: what is missing, mistyped or would be dropped
  effect-posthog catalogue push MODULE [--dry-run]
      creates in PostHog what is missing there, and deletes nothing
  effect-posthog catalogue pull [--event NAME …] [--out FILE]
      writes declarations of the events that PostHog has
  effect-posthog flags pull [--out FILE]
      writes declarations of the feature flags that PostHog has

MODULE is a module of your program that exports its events, or a catalogue of them (Catalogue.make), or a plan that
"catalogue write" has written.

  --against FILE   the earlier plan (default catalogue.json)
  --out FILE       where to write (default: the output; of "catalogue write" catalogue.json)
  --event NAME     only this event; may be given several times
  --dry-run        says what would be done, and does nothing
  --project ID     the id of the project, instead of POSTHOG_PROJECT_ID
  --host URL       the address of PostHog, instead of POSTHOG_HOST (default https://us.posthog.com)
  --quiet          says nothing about what it is doing
  --help, --version

Environment: POSTHOG_PERSONAL_API_KEY, a personal API key (phx_…) with the scopes event_definition:read (verify, pull),
event_definition:write (push) or feature_flag:read (flags pull); POSTHOG_PROJECT_ID; POSTHOG_HOST.

Exit code: 0, or 1 when something was found (check: something that breaks; verify: anything), or 2 when the command
could not do it: wrong arguments, a module that does not load, a PostHog that refuses.
`

/** The options, as `node:util` reads them. */
export const options = {
  against: { type: "string" },
  "dry-run": { type: "boolean" },
  event: { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
  host: { type: "string" },
  out: { type: "string" },
  project: { type: "string" },
  quiet: { type: "boolean" },
  version: { type: "boolean" }
} as const

type Option = keyof typeof options

const remote: ReadonlyArray<Option> = ["host", "project"]

/** What every command takes, also where there is nothing to do for it. */
const general: ReadonlyArray<Option> = ["quiet"]

/** The commands, whether each is about a module, and the options that it has besides the general ones. */
const commands: Readonly<Record<string, { readonly takesModule: boolean; readonly options: ReadonlyArray<Option> }>> = {
  "catalogue check": { takesModule: true, options: ["against"] },
  "catalogue markdown": { takesModule: true, options: ["out"] },
  "catalogue json-schema": { takesModule: true, options: ["out"] },
  "catalogue write": { takesModule: true, options: ["out"] },
  "catalogue verify": { takesModule: true, options: remote },
  "catalogue push": { takesModule: true, options: [...remote, "dry-run"] },
  "catalogue pull": { takesModule: false, options: [...remote, "event", "out"] },
  "flags pull": { takesModule: false, options: [...remote, "out"] }
}

/** What the command was told. */
export interface Told {
  readonly name: string
  /** The path of the module; blank where there is none. */
  readonly module: string
}

/** Finds the command in the arguments that are no options; or what is wrong with them. */
export const findCommand = (
  positionals: ReadonlyArray<string>,
  given: ReadonlyArray<string>
): Told | { readonly problem: string } => {
  const [area = "", verb = "", module = "", ...more] = positionals
  const name = `${area} ${verb}`
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    const verbs = Object.keys(commands).filter((known) => known.startsWith(`${area} `))
    return {
      problem: area === ""
        ? "say what to do"
        : verbs.length === 0
        ? `there is no command ${area}`
        : `say which: ${verbs.join(", ")}`
    }
  }
  if (command.takesModule && module === "") return { problem: `${name} needs the path of a module` }
  if (more.length > 0 || !command.takesModule && module !== "") return { problem: `${name} takes no further arguments` }
  const known: ReadonlyArray<string> = [...general, ...command.options]
  const foreign = given.find((option) => !known.includes(option))
  return foreign === undefined ? { name, module } : { problem: `${name} has no option --${foreign}` }
}
