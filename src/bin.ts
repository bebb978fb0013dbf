#!/usr/bin/env node
/**
 * The command `effect-posthog`: a local PostHog, and tracking plans and flags of programs. Together with the local
 * PostHog it is what knows Node: nothing else of the library imports it. Effect is loaded only for the commands that
 * need it.
 */
import { access, readFile, writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { redactText } from "./core/secrets.js"
import { guarded } from "./internal/cli/loading.js"
import type { Values } from "./internal/cli/run.js"
import { findCommand, options, usage } from "./internal/cli/usage.js"
import { describeThrown } from "./internal/http/explain.js"
import { libraryVersion } from "./internal/version.js"
import { local, usage as usageOfLocal } from "./local/cli/main.js"
import { paintFor } from "./local/cli/terminal.js"

/** Writes a text, and waits until it is gone: a process that ends does not wait for a pipe. */
const put = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((done) => {
    stream.write(text, () => done())
  })

/** What was written last: what was before it is gone when that is. */
const output: { [stream: string]: Promise<void> } = {}
const print = (text: string): void => {
  output.stdout = put(process.stdout, text)
}
const say = (text: string): void => {
  output.stderr = put(process.stderr, `${text}\n`)
}

// Whoever reads may have enough, such as `head`.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const misused = (problem: string): number => {
  say(`${redactText(problem, 500)}\nSee effect-posthog --help.`)
  return 2
}

const args = process.argv.slice(2)

/** Options in front of `--`; what comes after it is another program's. */
const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args

/** Commands about tracking plans and flags; whatever else there is, is about a local PostHog. */
const isOfPlans = own.find((argument) => !argument.startsWith("-")) === own[0] &&
  /^(?:catalogue|flags)$/.test(own[0] ?? "")

const ofPlans = async (): Promise<number> => {
  let given: ReturnType<typeof parse>
  try {
    given = parse()
  } catch (thrown) {
    return misused(
      /--(?:personal-?)?(?:api-?)?key\b|phx_/i.test(args.join(" "))
        ? "a key is no argument, because other programs see arguments; set POSTHOG_PERSONAL_API_KEY"
        : describeThrown(thrown)
    )
  }
  const { positionals, values } = given
  const told = findCommand(positionals, Object.keys(values))
  if ("problem" in told) return misused(told.problem)
  const { runPlans } = await import("./internal/cli/plans.js")
  return runPlans(told, values as Values, {
    env: process.env,
    print,
    say,
    args,
    load: (path) => guarded(process, () => import(pathToFileURL(resolve(path)).href) as Promise<unknown>),
    exists: (path) => access(path).then(() => true, () => false),
    read: (path) => readFile(path, "utf8"),
    write: (path, text) => writeFile(path, text)
  })
}

const ofLocal = async (): Promise<number> => {
  const done = await local(args, {
    env: process.env,
    print,
    say,
    paint: paintFor(process.stdout, process.env),
    paintBeside: paintFor(process.stderr, process.env),
    isTerminal: process.stdin.isTTY
  })
  return typeof done === "number" ? done : misused(done.problem)
}

const main = async (): Promise<number> => {
  if (own.includes("--help") || own.includes("-h")) {
    print(isOfPlans ? usage : `${usageOfLocal}\n${usage}`)
    return 0
  }
  if (own.includes("--version")) {
    print(`${libraryVersion}\n`)
    return 0
  }
  return isOfPlans ? ofPlans() : ofLocal()
}

const parse = () => parseArgs({ args, options, allowPositionals: true, strict: true })

const code = await main().catch((thrown: unknown) => {
  say(describeThrown(thrown))
  return 2
})
await Promise.all(Object.values(output))
// The program's module may have begun something that does not end.
process.exit(code)
