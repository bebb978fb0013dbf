/**
 * What the command for a local PostHog can be told, and what it says about that.
 */
import { parseArgs } from "node:util"
import type { Options } from "../settings.js"
import { millisOf } from "../words.js"

export const usage = `effect-posthog: a PostHog on this machine, for development and tests

  effect-posthog [options]
      starts it, and prints what arrives; any PostHog SDK can send to the address that it prints
  effect-posthog [options] -- COMMAND …
      starts COMMAND with it, such as: effect-posthog -- npm run dev. POSTHOG_HOST and POSTHOG_API_KEY are set for it,
      also in the spellings NEXT_PUBLIC_…, VITE_… and PUBLIC_…. Ends with COMMAND, and with its exit code
  effect-posthog events [--event NAME] [--person ID] [--since SEQ] [--wait TIME] [--count N]
      prints the events of one that runs, a line of JSON for each; with --wait, such as 5s, once they are there

  --port N            where SDKs send to (default 8790; 0: any that is free)
  --control-port N    where it is looked at and controlled (default: the next)
  --host ADDRESS      listens on this address; other than loopback needs --token
  --token TEXT        what the control port wants to be told, 16 characters or more (default: made at the start)
  --open              opens its page in a browser
  --quiet             prints no line for each event
  --json              prints lines of JSON, for programs: where it listens, events, hints
  --file FILE         also writes every event to this file, a line of JSON for each
  --load FILE         begins with the events of such a file
  --flags FILE        feature flags: {"checkout": "fast", "new-nav": true}, or definitions as PostHog gives them; read
                      again when it changes
  --max-events N      how many events are kept (default 10000)
  --max-bytes SIZE    and how much of them, such as 64mb (default 64mb)
  --allow-host NAME   is also reached by this name; may be given several times
  --allow-origin URL  pages of this origin may send as well; may be given several times
  --assets WHICH      scripts for browsers: local (of the posthog-js that is installed here, default), none, or cdn
                      (of PostHog; its servers see the request, and no event)
  --replay            asks browsers for recordings of sessions, which are counted and not kept
  --allow-production  runs although NODE_ENV is production
  --help, --version

Exit code: 0; that of COMMAND; 1 when there are no such events; or 2 when it could not do what it was told.
`

const options = {
  "allow-host": { type: "string", multiple: true },
  "allow-origin": { type: "string", multiple: true },
  "allow-production": { type: "boolean" },
  assets: { type: "string" },
  "control-port": { type: "string" },
  count: { type: "string" },
  event: { type: "string" },
  file: { type: "string" },
  flags: { type: "string" },
  host: { type: "string" },
  json: { type: "boolean" },
  load: { type: "string" },
  "max-bytes": { type: "string" },
  "max-events": { type: "string" },
  open: { type: "boolean" },
  person: { type: "string" },
  port: { type: "string" },
  quiet: { type: "boolean" },
  replay: { type: "boolean" },
  since: { type: "string" },
  token: { type: "string" },
  wait: { type: "string" }
} as const

/** Those of `effect-posthog events`. */
const ofEvents: ReadonlyArray<string> = ["control-port", "count", "event", "person", "port", "since", "token", "wait"]
/** Those of it alone. */
const onlyOfEvents: ReadonlyArray<string> = ["count", "event", "person", "since", "wait"]

/** What starts a server. */
export interface Serve {
  readonly name: "serve"
  readonly server: Options & { readonly port: number }
  readonly open: boolean
  readonly quiet: boolean
  readonly json: boolean
  readonly file: string | undefined
  readonly load: string | undefined
  readonly flags: string | undefined
  /** What is started with it. */
  readonly command: ReadonlyArray<string>
}

/** What asks a server that runs. */
export interface Ask {
  readonly name: "events"
  readonly port: number
  readonly controlPort: number | undefined
  readonly token: string | undefined
  readonly event: string | undefined
  readonly person: string | undefined
  readonly since: number | undefined
  readonly count: number
  /** Milliseconds; `undefined`: what is there. */
  readonly wait: number | undefined
}

export interface Problem {
  readonly name: "problem"
  readonly problem: string
}

export const defaultPort = 8790

const whole = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN

const units: Readonly<Record<string, number>> = { "": 1, b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 }

/** Bytes of `64mb`; NaN: it is no size. */
const bytesOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const [, digits, unit = ""] = /^(\d{1,12})\s*([kmg]?b)?$/i.exec(text.trim()) ?? []
  return Number(digits) * units[unit.toLowerCase()]!
}

const problem = (text: string): Problem => ({ name: "problem", problem: text })

/** Reads what the command was told, without the name of the program. */
export const read = (args: ReadonlyArray<string>): Serve | Ask | Problem => {
  const mark = args.indexOf("--")
  const command = mark < 0 ? [] : args.slice(mark + 1)
  let parsed
  try {
    parsed = parseArgs({
      args: mark < 0 ? [...args] : args.slice(0, mark),
      options,
      allowPositionals: true,
      strict: true
    })
  } catch (thrown) {
    return problem(thrown instanceof Error ? thrown.message : String(thrown))
  }
  const { positionals: [name, ...more], values } = parsed
  if (mark >= 0 && command.length === 0) return problem("there is no command behind --")
  if (name !== undefined && name !== "events" || more.length > 0) {
    return problem(
      name === "events"
        ? "events takes no further arguments; name an event with --event"
        : `there is no command ${name}; to start a program with it: effect-posthog -- ${[name, ...more].join(" ")}`
    )
  }
  const foreign = Object.keys(values).find((option) =>
    name === "events" ? !ofEvents.includes(option) : onlyOfEvents.includes(option)
  )
  if (foreign !== undefined) {
    return problem(
      name === "events" ? `events has no option --${foreign}` : `--${foreign} is an option of effect-posthog events`
    )
  }
  const port = whole(values.port) ?? defaultPort
  const controlPort = whole(values["control-port"])
  for (const [option, given] of [["port", port], ["control-port", controlPort]] as const) {
    if (Number.isNaN(given) || (given ?? 0) > 65_535) return problem(`--${option} is a number from 0 to 65535`)
  }
  if (name === "events") {
    if (command.length > 0) return problem("events starts no command")
    const count = whole(values.count) ?? 1
    const since = whole(values.since)
    const wait = values.wait === undefined ? undefined : millisOf(values.wait)
    if (!(count > 0)) return problem("--count is a number, 1 or more")
    if (Number.isNaN(since)) return problem("--since is the number of an event (seq)")
    if (values.wait !== undefined && wait === undefined) return problem("--wait is a time such as 5s, 500ms or 2m")
    const { event, person, token } = values
    return { name: "events", port, controlPort, token, event, person, since, count, wait }
  }
  const maxEvents = whole(values["max-events"])
  const maxBytes = bytesOf(values["max-bytes"])
  if (Number.isNaN(maxEvents)) return problem("--max-events is a number")
  if (Number.isNaN(maxBytes)) return problem("--max-bytes is a size such as 64mb")
  const { assets, file, flags, host, json = false, load, open = false, quiet = false, replay, token } = values
  if (assets !== undefined && assets !== "local" && assets !== "none" && assets !== "cdn") {
    return problem("--assets is local, none or cdn")
  }
  if (json && quiet) return problem("--json and --quiet exclude each other")
  return {
    name: "serve",
    server: {
      port,
      controlPort,
      host,
      token,
      allowHosts: values["allow-host"],
      allowOrigins: values["allow-origin"],
      maxEvents,
      maxBytes,
      assets,
      replay,
      allowProduction: values["allow-production"]
    },
    open,
    quiet,
    json,
    file,
    load,
    flags,
    command
  }
}
