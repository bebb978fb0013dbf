/**
 * What the consumers of the packed package are run with: folders, processes, and a PostHog on the loopback interface that tells them apart.
 */
import { Effect, Exit, Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Sink from "../../test/support/sink.js"

export const root = fileURLToPath(new URL("../..", import.meta.url))
const programs = join(root, "test/consumers")

/** What all consumers share. */
export interface World {
  /** The package for Effect 3, and the one for Effect 4. */
  readonly tarball: string
  readonly tarball4: string
  /** A folder that is removed at the end. */
  readonly folder: string
  /** Longest time of one command, in milliseconds. */
  readonly limit: number
}

export interface Consumer {
  readonly name: string
  readonly run: (world: World) => Promise<void>
}

/** Nothing of the programs around: no key, no loader, no settings of the package manager that started this one. */
const clean = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      !/^(POSTHOG_|VITEST|NODE_OPTIONS|NODE_ENV$|npm_(?!config_registry$|config_cafile$))/i.test(name)
    )
  )

/** The registry that the machine is set up for; not every package manager reads npm's settings. */
const registry = (): NodeJS.ProcessEnv => {
  const address = spawnSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).stdout.trim()
  return address === "" || address === "undefined" ? {} : {
    npm_config_registry: address,
    YARN_NPM_REGISTRY_SERVER: address.replace(/\/$/, ""),
    YARN_ENABLE_TELEMETRY: "0",
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
    YARN_ENABLE_GLOBAL_CACHE: "false",
    ...process.env.NODE_EXTRA_CA_CERTS === undefined
      ? {}
      : { YARN_HTTPS_CA_FILE_PATH: process.env.NODE_EXTRA_CA_CERTS }
  }
}

let base: NodeJS.ProcessEnv | undefined

/** Runs a command to its end, and fails with what it printed unless it succeeds. Its whole process group ends at the limit. */
export const run = (
  folder: string,
  [command, ...args]: readonly [string, ...ReadonlyArray<string>],
  limit: number,
  env: Readonly<Record<string, string>> = {}
): Promise<string> =>
  new Promise((resolve, reject) => {
    base ??= { ...clean(), ...registry() }
    const child = spawn(command, args, {
      cwd: folder,
      detached: true,
      env: { ...base, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString("utf8")).slice(-20_000)))
    }
    let late = ""
    const timer = setTimeout(() => {
      late = ` (stopped after ${limit / 1000} s)`
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, limit)
    child.once("error", reject)
    child.once("close", (code) => {
      clearTimeout(timer)
      if (code === 0) resolve(output)
      else reject(new Error(`${[command, ...args].join(" ")}: exit ${code}${late}\n${output}`))
    })
  })

/** Writes files, objects as JSON. */
export const write = (folder: string, files: Readonly<Record<string, string | object>>): void => {
  for (const [name, contents] of Object.entries(files)) {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, typeof contents === "string" ? contents : `${JSON.stringify(contents, undefined, 2)}\n`)
  }
}

/** A new folder with the programs of test/consumers that are named. */
export const place = (world: World, name: string, manifest: object, ...files: ReadonlyArray<string>): string => {
  const folder = join(world.folder, name.replace(/\W+/g, "-"))
  rmSync(folder, { recursive: true, force: true })
  write(folder, { "package.json": { name: "consumer", private: true, version: "1.0.0", ...manifest } })
  for (const file of files) cpSync(join(programs, file), join(folder, file))
  return folder
}

/** Makes packages of this repository's own node_modules those of the folder. */
export const link = (folder: string, ...packages: ReadonlyArray<string>): void => {
  for (const name of packages) {
    const path = join(folder, "node_modules", name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(join(root, "node_modules", name), path, "dir")
  }
}

/** Runs a command whose program captures one event and one exception, and looks that both arrive, the exception with its place. */
export const captures = async (
  folder: string,
  command: readonly [string, ...ReadonlyArray<string>],
  limit: number,
  hasSourceLines = false
): Promise<void> => {
  const scope = Effect.runSync(Scope.make())
  try {
    const sink = await Effect.runPromise(Scope.extend(Sink.make(), scope))
    const output = await run(folder, command, limit, { POSTHOG_API_KEY: "phc_consumer", POSTHOG_HOST: sink.url })
    if (!output.includes("done")) throw new Error(`the program did not get to its end\n${output}`)
    const names = sink.accepted.map(({ event }) => event).sort()
    if (names.join() !== "$exception,consumer ran") throw new Error(`arrived: ${names.join()}\n${output}`)
    for (const { distinct_id, event, properties } of sink.accepted) {
      if (distinct_id !== "user_1") throw new Error(`${event} is of ${distinct_id}`)
      if (event !== "$exception") continue
      const frames: ReadonlyArray<any> = properties.$exception_list[0].stacktrace.frames
      const own = frames.filter(({ in_app }) => in_app)
      if (own.length === 0) throw new Error(`no frame of the program: ${JSON.stringify(frames)}`)
      if (hasSourceLines && !own.some(({ context_line }) => /planned/.test(context_line ?? ""))) {
        throw new Error(`no source line of the program: ${JSON.stringify(own)}`)
      }
    }
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
