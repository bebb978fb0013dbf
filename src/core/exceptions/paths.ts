/**
 * Paths and addresses of files, of Unix and of Windows, wherever this runs.
 *
 * @since 0.1.0
 */

/** `C:\…`, `C:/…`, and shares, `\\server\share\…`. */
export const isWindows = (path: string): boolean => /^(?:[A-Za-z]:[\\/]|\\\\)/.test(path)

export const isAbsolute = (path: string): boolean => path.startsWith("/") || isWindows(path)

/** A name of at least two letters before a colon; one letter is a drive. */
export const hasScheme = (path: string): boolean => /^[A-Za-z][\w+.-]+:/.test(path)

export const slashes = (path: string): string => path.replaceAll("\\", "/")

/** What is before the last slash, the slash included; empty when there is none. */
export const folderOf = (path: string): string =>
  path.slice(0, Math.max(path.lastIndexOf("/"), isWindows(path) ? path.lastIndexOf("\\") : -1) + 1)

/** Decodes escapes, if all of them are some, and none is of a slash: that would be another path. */
export const decoded = (text: string): string => {
  if (!text.includes("%") || /%2f|%00/i.test(text)) return text
  try {
    return decodeURIComponent(text)
  } catch {
    // A name with a percent sign that begins no escape is what it is.
    return text
  }
}

/**
 * The path of a `file:` address, as Node's `fileURLToPath` has it. What follows the path is no part of a file's name.
 */
export const pathOfFileUrl = (url: string): string => {
  const [, host, encoded] = /^file:\/\/([^/\\]*)(.*)$/is.exec(url.replace(/[?#].*$/s, "")) ?? []
  if (encoded === undefined) return url
  const path = decoded(encoded)
  if (host !== "" && host!.toLowerCase() !== "localhost") return `\\\\${host}${path.replaceAll("/", "\\")}`
  return /^[\\/][A-Za-z]:/.test(path) ? path.slice(1) : path
}

/** An absolute path without `.` and `..`, with the slashes that it has. */
const normal = (path: string): string => {
  const isDos = isWindows(path)
  const [, root, rest] = (isDos ? /^([A-Za-z]:[\\/]|\\\\)(.*)$/s : /^(\/)(.*)$/s).exec(path) ?? []
  if (root === undefined) return path
  const slash = isDos && path.includes("\\") ? "\\" : "/"
  const parts: Array<string> = []
  for (const part of rest!.split(isDos ? /[\\/]/ : "/")) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") parts.push(part)
  }
  return `${root === "\\\\" ? root : root.replace(/[\\/]$/, slash)}${parts.join(slash)}`
}

/** A path that is written relative to a folder. */
export const joined = (folder: string, path: string): string =>
  normal(isAbsolute(path) ? path : `${folder}${/[\\/]$/.test(folder) ? "" : "/"}${path}`)

/** On Windows a drive, a server and all names are the same in either case. */
const sameAs = (isDos: boolean) => (a: string | undefined, b: string | undefined): boolean =>
  a === b || (isDos && a?.toLowerCase() === b?.toLowerCase())

/** The path from one directory to a file, as `path.relative` gives it on the system that the paths are of. */
export const relativeTo = (directory: string, path: string): string => {
  const isDos = isWindows(path)
  const from = (isDos ? slashes(directory) : directory).split("/").filter(Boolean)
  const to = (isDos ? slashes(path) : path).split("/").filter(Boolean)
  const same = sameAs(isDos)
  // Another drive cannot be reached, nor another share.
  const isShare = path.startsWith("\\\\")
  const roots = isShare ? 2 : isDos ? 1 : 0
  if (isDos !== isWindows(directory) || isShare !== directory.startsWith("\\\\")) return path
  for (let i = 0; i < roots; i++) if (!same(from[i], to[i])) return path
  let common = 0
  while (common < from.length && common < to.length - 1 && same(from[common], to[common])) common++
  return [...from.slice(common).map(() => ".."), ...to.slice(common)].join("/")
}

/** What is left of a folder's path below another, with slashes; `undefined` when it is not below. */
export const below = (directory: string, folder: string): string | undefined => {
  const isDos = isWindows(folder)
  const root = (isDos ? slashes(directory) : directory).replace(/\/$/, "")
  const path = isDos ? slashes(folder) : folder
  return sameAs(isDos)(path.slice(0, root.length + 1), `${root}/`) ? path.slice(root.length + 1) : undefined
}
