/**
 * The table of options in the documentation: what each means is its doc comment, variables and defaults come from the table of the library.
 */
import { Duration } from "effect"
import { readFile } from "node:fs/promises"
import { descriptions } from "../src/internal/options.js"

const mebi = 1024 * 1024

/** A default as one writes it. */
const shown = (option: string, fallback: unknown): string => {
  if (fallback === undefined || fallback === Number.POSITIVE_INFINITY) return ""
  if (Duration.isDuration(fallback)) return `${Duration.toMillis(fallback) / 1000} seconds`
  if (typeof fallback === "number") {
    return fallback >= mebi && fallback % mebi === 0 ? `${fallback / mebi} MiB` : fallback.toLocaleString("en")
  }
  if (typeof fallback === "object") return ""
  return option === "host" ? `\`${String(fallback)}\`` : `\`${JSON.stringify(fallback)}\``
}

/** Comments of the members of the interface, by name, as one line each and without what the column of defaults says. */
const commentsOf = (source: string): ReadonlyMap<string, string> => {
  const body = source.slice(source.indexOf("export interface Options {"))
  const members = body.matchAll(/^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}readonly (\w+)\?:/gm)
  return new Map(Array.from(members, ([, comment, name]) => [
    name!,
    comment!.split("\n").map((line) => line.replace(/^\s*\* ?/, "").trim()).join(" ").trim()
      .replace(/ Default (?:`[^`]*`|[\d,.]+(?: \w+)?)\.$/, "").replaceAll("|", "\\|")
  ]))
}

/** The lines of the table. */
export const optionTable = async (): Promise<string> => {
  const comments = commentsOf(await readFile("src/internal/options.ts", "utf8"))
  const rows = descriptions().map(({ fallback, option, variable }) => {
    const meaning = comments.get(option)
    if (meaning === undefined) throw new Error(`the option ${option} has no doc comment`)
    return `| \`${option}\` | ${variable === undefined ? "" : `\`${variable}\``} | ${
      shown(option, fallback)
    } | ${meaning} |`
  })
  return ["| Option | Environment | Default | Meaning |", "|---|---|---|---|", ...rows].join("\n")
}
