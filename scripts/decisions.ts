/**
 * The index of the decisions: a page for each area, in which each decision is a heading.
 */
import { readdir, readFile } from "node:fs/promises"

const begin = `# Decisions

Why things are as they are, with what was measured. Each area has a page, and each decision a heading that code and other pages can link
to. A new decision goes to the end of its area's page; \`npm run codegen\` writes this list.
`

/** As GitHub makes an anchor of a heading. */
const anchor = (heading: string): string =>
  heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")

const area = async (name: string): Promise<string> => {
  const text = await readFile(`docs/decisions/${name}`, "utf8")
  const title = /^# Decisions: (.+)$/m.exec(text)?.[1]
  if (title === undefined) throw new Error(`docs/decisions/${name} begins with "# Decisions: " and its area`)
  const headings = Array.from(text.matchAll(/^## (.+)$/gm), (match) => match[1]!)
  const repeated = headings.find((heading, index) => headings.indexOf(heading) !== index)
  if (repeated !== undefined) throw new Error(`docs/decisions/${name} has two headings "${repeated}"`)
  const links = headings.map((heading) => `- [${heading}](decisions/${name}#${anchor(heading)})`)
  return `## [${title}](decisions/${name})\n\n${links.join("\n")}\n`
}

export const decisionsIndex = async (): Promise<string> =>
  [begin, ...await Promise.all((await readdir("docs/decisions")).sort().map(area))].join("\n")
