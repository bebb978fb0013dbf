/**
 * Finds a local PostHog that runs. Its token is in a file that only this user can read, so that nobody has to copy it.
 */
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { isLoopback } from "../settings.js"

export interface Where {
  readonly url: string
  readonly controlUrl: string
  readonly token: string
}

const user = (): string => String(process.getuid?.() ?? userInfo().username.replace(/\W/g, "_"))

const folderOf = (env: NodeJS.ProcessEnv): string => join(env.XDG_RUNTIME_DIR || tmpdir(), `effect-posthog-${user()}`)

/** Whether a folder is this user's and nobody else's: in one for all users, somebody else may have been there first. */
const isOwn = (folder: string): boolean => {
  const stat = lstatSync(folder, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isDirectory()) return false
  return process.getuid === undefined || stat.uid === process.getuid() && (stat.mode & 0o077) === 0
}

const portOf = (url: string): string => new URL(url).port

/** Says where a server is, until the function is called. What cannot be written is left: then `--token` is needed. */
export const announce = (where: Where, env: NodeJS.ProcessEnv): () => void => {
  const folder = folderOf(env)
  const file = join(folder, `${portOf(where.url)}.json`)
  try {
    mkdirSync(folder, { mode: 0o700, recursive: true })
    if (!isOwn(folder)) return () => {}
    rmSync(file, { force: true })
    writeFileSync(file, JSON.stringify({ ...where, pid: process.pid }), { mode: 0o600, flag: "wx" })
  } catch {
    return () => {}
  }
  return () => {
    try {
      rmSync(file, { force: true })
    } catch {
      // It is as good as gone: nothing answers where it points to.
    }
  }
}

/** Where the server of this port says that it is. */
export const announced = (port: number, env: NodeJS.ProcessEnv): Where | undefined => {
  const folder = folderOf(env)
  try {
    if (!isOwn(folder)) return undefined
    const { controlUrl, token, url } = JSON.parse(readFileSync(join(folder, `${port}.json`), "utf8")) as Where
    return typeof url === "string" && typeof controlUrl === "string" && typeof token === "string"
      ? { url, controlUrl, token }
      : undefined
  } catch {
    return undefined
  }
}

/** The server at a control port, if it is one of ours. */
export const healthOf = async (
  controlUrl: string
): Promise<{ readonly url: string; readonly version: string } | undefined> => {
  try {
    const response = await fetch(`${controlUrl}/health`, { signal: AbortSignal.timeout(2_000), redirect: "error" })
    const { name, url, version } = await response.json() as { readonly [name: string]: unknown }
    return name === "effect-posthog" && typeof url === "string" && typeof version === "string"
      ? { url, version }
      : undefined
  } catch {
    return undefined
  }
}

/** The address of a server on this machine; `undefined`: it is of another, or none. */
export const localUrl = (text: string): string | undefined => {
  try {
    const { hostname, origin, protocol } = new URL(text)
    const isHere = isLoopback(hostname) || hostname === "0.0.0.0" || hostname === "[::]"
    return protocol === "http:" && isHere ? origin : undefined
  } catch {
    return undefined
  }
}

/** A server of ours that has this port. */
export const running = async (
  port: number,
  controlPort: number | undefined,
  env: NodeJS.ProcessEnv
): Promise<{ readonly url: string; readonly controlUrl: string; readonly token: string | undefined } | undefined> => {
  const found = announced(port, env)
  const candidates = [
    ...controlPort === undefined ? [] : [`http://127.0.0.1:${controlPort}`],
    ...found === undefined ? [] : [found.controlUrl],
    `http://127.0.0.1:${port + 1}`
  ]
  for (const controlUrl of candidates) {
    // oxlint-disable-next-line no-await-in-loop
    const health = await healthOf(controlUrl)
    // Whoever has the next port may say anything. Nobody sends to another machine because of that.
    const url = controlUrl === found?.controlUrl ? found.url : health && localUrl(health.url)
    if (health !== undefined && url !== undefined && portOf(health.url) === String(port)) {
      return { url, controlUrl, token: found?.controlUrl === controlUrl ? found.token : undefined }
    }
  }
  return undefined
}
