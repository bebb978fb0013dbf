#!/usr/bin/env node
/**
 * The command `effect-posthog`. The one file that imports modules of Node: nothing else of the library imports it.
 */
import * as Effect from "effect/Effect"
import { access, readFile, writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { redactText } from "./core/secrets.js"
import { guarded } from "./internal/cli/loading.js"
import { run, type Values } from "./internal/cli/run.js"
import { findCommand, options, usage } from "./internal/cli/usage.js"
import { describeThrown } from "./internal/http/explain.js"
import { libraryVersion } from "./internal/version.js"
import { layer } from "./PostHogClient.js"

/** Writes a text, and waits until it is gone: a process that ends does not wait for a pipe. */
const put = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((done) => {
    stream.write(text, () => done())
  })

const output: Array<Promise<void>> = []
const print = (text: string): void => void output.push(put(process.stdout, text))
const say = (text: string): void => void output.push(put(process.stderr, `${text}\n`))

// Whoever reads may have enough, such as `head`.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const misused = (problem: string): number => {
  say(`${redactText(problem, 500)}\nSee effect-posthog --help.`)
  return 2
}

const main = async (): Promise<number> => {
  let given: ReturnType<typeof parse>
  try {
    given = parse()
  } catch (thrown) {
    return misused(
      /--(?:personal-?)?(?:api-?)?key\b|phx_/i.test(process.argv.join(" "))
        ? "a key is no argument, because other programs see arguments; set POSTHOG_PERSONAL_API_KEY"
        : describeThrown(thrown)
    )
  }
  const { positionals, values } = given
  const { help, version, ...rest } = values
  if (help === true) {
    print(usage)
    return 0
  }
  if (version === true) {
    print(`${libraryVersion}\n`)
    return 0
  }
  const told = findCommand(positionals, Object.keys(rest))
  if ("problem" in told) return misused(told.problem)
  return Effect.runPromise(
    run(told, rest as Values, {
      env: process.env,
      print,
      say,
      args: process.argv.slice(2),
      load: (path) => guarded(process, () => import(pathToFileURL(resolve(path)).href) as Promise<unknown>),
      exists: (path) => access(path).then(() => true, () => false),
      read: (path) => readFile(path, "utf8"),
      write: (path, text) => writeFile(path, text)
    }).pipe(
      Effect.provide(layer),
      Effect.catchAll((error) =>
        Effect.sync(() => {
          say(error.message)
          return 2
        })
      )
    )
  )
}

const parse = () => parseArgs({ args: process.argv.slice(2), options, allowPositionals: true, strict: true })

const code = await main().catch((thrown: unknown) => {
  say(describeThrown(thrown))
  return 2
})
await Promise.all(output)
// The program's module may have begun something that does not end.
process.exit(code)
