/**
 * `effect-posthog`: a local PostHog in a process of its own.
 */
import { spawn } from "node:child_process"
import { readFileSync, unwatchFile, watchFile } from "node:fs"
import { changeFlags } from "../asked.js"
import { control } from "../control.js"
import { isTooDeep } from "../decode.js"
import type { Happening } from "../model.js"
import { type LocalServer, makeServer } from "../server.js"
import { jsonOf, viewOf } from "../view.js"
import { count, plain, printable } from "../words.js"
import { runCommand } from "./child.js"
import { loadFile, openFile } from "./file.js"
import type { Console } from "./main.js"
import { announce, running } from "./running.js"
import { lineOf } from "./terminal.js"
import type { Serve } from "./usage.js"

const messageOf = (thrown: unknown): string => thrown instanceof Error ? thrown.message : String(thrown)

/** The server speaks to programs, whose options have other names than those of the command. */
const asOptions = (message: string): string =>
  message.replace(
    /\b(?:allow|max|control)[A-Z]\w+/g,
    (name) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`
  )

const reasonOf = (thrown: unknown): unknown => (thrown as { readonly reason?: unknown } | null)?.reason

/** How often the file of flags is looked at. Looking finds also what editors do that put a new file in its place. */
const flagsInterval = 300

const readFlags = (path: string, { local }: LocalServer): string | undefined => {
  try {
    const text = readFileSync(path, "utf8")
    if (isTooDeep(text)) return `${path}: what is in it is nested too deeply`
    const problem = changeFlags(local.flags, JSON.parse(text))
    return problem === undefined ? undefined : `${path}: ${plain(problem)}`
  } catch (thrown) {
    return `${path} cannot be read: ${plain(messageOf(thrown))}`
  }
}

const pageOf = ({ controlUrl, token }: LocalServer): string => `${controlUrl}/#token=${token}`

const openBrowser = (address: string): void => {
  const [file, ...args] = process.platform === "darwin"
    ? ["open"]
    : process.platform === "win32"
    ? ["cmd", "/c", "start", "\"\""]
    : ["xdg-open"]
  const child = spawn(file!, [...args, address], { stdio: "ignore", detached: true })
  child.on("error", () => {})
  child.unref()
}

const isLoopback = (host: string | undefined): boolean =>
  host === undefined || /^(?:localhost|127\.[\d.]+|::1)$/.test(host)

/** What a program is told of one happening; `undefined`: nothing. */
const messageFor = (happening: Happening): unknown => {
  switch (happening.type) {
    case "event":
      return { type: "event", ...viewOf(happening.event) }
    case "hint":
      return { type: "hint", ...happening.hint }
    case "request": {
      const { at: _, headers: __, ...request } = happening.request
      return request.status !== undefined && request.status >= 400 ? { type: "request", ...request } : undefined
    }
    default:
      return undefined
  }
}

/** Waits until somebody wants the server to end. */
const untilStopped = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve())
  })

/** Starts a server, and gives the exit code when it has ended. */
export const serve = async (told: Serve, given: Console): Promise<number> => {
  const { command, file, flags, json, load, quiet, server: options } = told
  const { env, say } = given
  // What the program prints stays as it is: beside it, this command is a guest.
  const { paint, print } = command.length === 0
    ? given
    : { paint: given.paintBeside, print: (text: string) => say(text.replace(/\n$/, "")) }
  let server: LocalServer
  try {
    server = await makeServer(options, { control })
  } catch (thrown) {
    if (reasonOf(thrown) !== "port in use") {
      say(asOptions(messageOf(thrown)))
      return 2
    }
    const other = await running(options.port, options.controlPort === false ? undefined : options.controlPort, env)
    if (other === undefined) {
      say(`${messageOf(thrown)} Choose another one with --port.`)
      return 2
    }
    if (command.length === 0) {
      say(`a local PostHog runs already at ${other.url} (control: ${other.controlUrl}); for another one, give --port`)
      return 2
    }
    say(`uses the local PostHog that runs already at ${other.url}`)
    return runCommand(command, other.url, { env, isTerminal: given.isTerminal, say })
  }
  const { local, token, url } = server
  const closing: Array<() => unknown> = [() => server.close()]
  const close = async (): Promise<void> => {
    for (const one of closing) {
      // oxlint-disable-next-line no-await-in-loop
      await one()
    }
  }
  try {
    if (flags !== undefined) {
      const problem = readFlags(flags, server)
      if (problem !== undefined) throw new Error(problem)
      watchFile(flags, { interval: flagsInterval, persistent: false }, () => {
        say(readFlags(flags, server) ?? `read ${flags} again`)
      })
      closing.unshift(() => unwatchFile(flags))
    }
    if (load !== undefined) {
      const loaded = await loadFile(load, local).catch((thrown: unknown) => {
        throw new Error(`${load} cannot be read: ${messageOf(thrown)}`)
      })
      const others = loaded.others === 0 ? "" : `, and skipped ${count(loaded.others, "line")} that are none`
      say(`took ${count(loaded.events, "event")} from ${load}${others}`)
    }
    if (file !== undefined) {
      const writer = openFile(file, (error) => say(`${file} cannot be written any more: ${messageOf(error)}`))
      closing.unshift(
        local.store.subscribe((happening) => {
          if (happening.type === "event") writer.write(happening.event)
        }),
        () => writer.close()
      )
    }
  } catch (thrown) {
    say(messageOf(thrown))
    await close()
    return 2
  }
  // Before anybody is told that it is there, and may tell it to end.
  const stopped = command.length === 0 ? untilStopped() : undefined
  closing.unshift(local.store.subscribe((happening) => {
    if (json) {
      const message = messageFor(happening)
      if (message !== undefined) print(`${printable(jsonOf(() => message))}\n`)
      return
    }
    const line = quiet ? undefined : lineOf(happening, paint)
    if (line !== undefined) print(`${line}\n`)
  }))
  const { controlUrl } = server
  if (controlUrl !== undefined) closing.unshift(announce({ url, controlUrl, token }, env))
  if (json) print(`${JSON.stringify({ type: "listening", url, controlUrl, pageUrl: pageOf(server), token })}\n`)
  else {
    print(`PostHog, here: ${paint("green", url)}\n`)
    if (controlUrl !== undefined) print(`Look at it:    ${paint("blue", pageOf(server))}\n`)
  }
  if (!isLoopback(options.host)) {
    say(`warning: whoever reaches ${plain(options.host!)} can send events to it, and read flags`)
  }
  if (told.open) openBrowser(pageOf(server))
  await stopped
  const code = stopped === undefined ? await runCommand(command, url, { env, isTerminal: given.isTerminal, say }) : 0
  await close()
  return code
}
