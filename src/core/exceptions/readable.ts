/**
 * Which files may be read so that their lines are shown beside a frame. A stack is text, and text may come from
 * anywhere: an answer of an API, a message, an error of another machine. So a path in a stack is a wish, and this is
 * the rule about wishes.
 *
 * @since 0.1.0
 */

/** Languages that end up as JavaScript. Not among them: what holds settings or data, such as `.json` and `.env`. */
const sourceName =
  /[^/\\]\.(?:[cm]?[jt]sx?|es6?|vue|svelte|astro|marko|riot|coffee|litcoffee|civet|imba|elm|purs|resi?|rei?|mli?|clj[sc]?|kt|scala|dart|gleam|fsx?)$/i

const mapName = /[^/\\]\.map$/i

/** Files of the kernel. Reading some of them blocks, ends the process, or gives away its environment. */
const kernel = new Set(["proc", "sys", "dev"])

/** `C:\…`, or a share, `\\server\share\…`. A share is written with backslashes, so that `//x` is a path of Unix. */
const windows = /^(?:[A-Za-z]:[\\/]|\\\\)/

/** Names that are devices on Windows, whatever their extension and wherever they lie. */
const device = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)/i

/**
 * An absolute path in parts without `.`, `..` and empty ones; `undefined` for what is none, or what leads out of its
 * root.
 */
const partsOf = (path: string): ReadonlyArray<string> | undefined => {
  const isWindows = windows.test(path)
  if (path.includes("\0") || !(isWindows || (path.startsWith("/") && !path.startsWith("//")))) return undefined
  const unix = isWindows ? path.replaceAll("\\", "/") : path
  // Devices (`\\.\`) and paths that are not looked at any further (`\\?\`).
  if (isWindows && /^\/\/[.?](?:\/|$)/.test(unix)) return undefined
  // The root: a drive, a server, or nothing.
  const parts: Array<string> = [isWindows && unix.startsWith("//") ? "//" : ""]
  for (const part of unix.split("/")) {
    if (part === "" || part === ".") continue
    if (part === "..") {
      if (parts.length < 2) return undefined
      parts.pop()
    } else parts.push(isWindows ? part.toLowerCase() : part)
  }
  // A colon after the drive's names a stream of a file.
  const isStrange = (part: string, index: number) => device.test(part) || (part.includes(":") && index !== 1)
  return isWindows && parts.some(isStrange) ? undefined : parts
}

/** Whether a path is a directory from which everything can be reached: a root says nothing about a program. */
export const isEverything = (path: string): boolean => {
  const parts = partsOf(path)
  return parts === undefined || parts.length === 1 || (parts.length === 2 && /^[a-z]:$/.test(parts[1]!))
}

/** Whether a path is below one of the roots, by its text alone. */
const isBelow = (path: string, roots: ReadonlyArray<string>): boolean => {
  const parts = partsOf(path)
  return parts !== undefined && !kernel.has(parts[1]!) && roots.some((root) => {
    const above = partsOf(root)
    return above !== undefined && above.length < parts.length && above.every((part, index) => part === parts[index])
  })
}

/**
 * Whether a file may be read, by its path: a source, or a source map (`kind`), below one of `roots`. Nothing of the
 * file system is looked at, so the path has to be asked about again after its links were followed.
 */
export const mayRead = (path: string, kind: "source" | "map", roots: ReadonlyArray<string>): boolean =>
  (kind === "source" ? sourceName : mapName).test(path) && isBelow(path, roots)
