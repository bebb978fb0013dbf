/**
 * The scripts that posthog-js loads on demand, from the `posthog-js` that the program has installed.
 *
 * @since 0.1.0
 */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { type Answer, redirect } from "./model.js"
import type { Settings } from "./settings.js"

/**
 * No name that leads out of the folder has this form. Maps are asked for when somebody opens the tools of a browser.
 */
const names = /^[a-z0-9.-]{1,100}\.js(?:\.map)?$/

/** What pages load that have the snippet: without it nothing works. */
export const arrayScript = "array.js"

const assetsHost = "https://us-assets.i.posthog.com"

/** JavaScript that may be cached as little as everything here: the next start may have another version. */
const script = (body: string | Buffer): Answer => ({
  status: 200,
  headers: { "content-type": "text/javascript; charset=utf-8", "cache-control": "no-store" },
  body
})

/** The folder of the scripts; `undefined`: posthog-js is not installed. */
const folder = (from: string): string | undefined => {
  try {
    return join(dirname(createRequire(join(from, "package.json")).resolve("posthog-js/package.json")), "dist")
  } catch {
    return undefined
  }
}

/** The script as it is installed. */
export const readScript = async (from: string, name: string): Promise<Buffer | undefined> => {
  const installed = names.test(name) ? folder(from) : undefined
  if (installed === undefined) return undefined
  try {
    return await readFile(join(installed, name))
  } catch {
    return undefined
  }
}

/**
 * A script that says what is missing. Not 404: posthog-js would ask for it a second time, and print an error for each.
 */
const absence = (name: string): string => {
  const text = name === arrayScript
    ? "posthog-js is not installed where the local PostHog looks for it, so nothing of this page arrives. Install it " +
      "with `npm i -D posthog-js`, or start the local PostHog with `--assets cdn`."
    : `${name} is not here, so this part of posthog-js does nothing. Install posthog-js with ` +
      "`npm i -D posthog-js`, or start the local PostHog with `--assets cdn`."
  const print = name === arrayScript ? "console.error" : "console.info"
  return `(function(w){var s=w.__effectPostHog=w.__effectPostHog||{};var n=${JSON.stringify(name)};` +
    `if(!s[n]){s[n]=1;${print}("[local PostHog] "+${JSON.stringify(text)})}})(window)`
}

/** The answer to a request for a script, whose path is below `/static/`. `query` begins with its question mark. */
export const answerScript = async (
  settings: Pick<Settings, "assets" | "assetsFrom">,
  path: string,
  query: string
): Promise<Answer | undefined> => {
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (!names.test(name)) return undefined
  if (settings.assets === "cdn") {
    return redirect(`${assetsHost}/static/${path}${query}`)
  }
  const found = settings.assets === "local" ? await readScript(settings.assetsFrom, name) : undefined
  if (found !== undefined) {
    return name.endsWith(".map")
      ? { status: 200, headers: { "content-type": "application/json" }, body: found }
      : script(found)
  }
  if (name.endsWith(".map")) return undefined
  // Who wants no scripts need not be told that they are missing; but a page without the first of them is a riddle.
  return script(settings.assets === "none" && name !== arrayScript ? "" : absence(name))
}

/** The first script of a page with what posthog-js would ask for next before it. */
export const withConfig = (config: Answer, array: Answer): Answer =>
  script(Buffer.concat([Buffer.from(config.body), Buffer.from(";\n"), Buffer.from(array.body)]))
