/**
 * A real browser, where there is one: `CHROMIUM` names it, or it is where systems have it.
 */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { type Browser, chromium } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]

const installed = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe"
]

/** Where a browser is; `undefined`: nowhere. */
export const findChromium = (): string | undefined => {
  const given = process.env.CHROMIUM
  if (given !== undefined && given !== "") return given
  const folders = (process.env.PATH ?? "").split(delimiter)
  const candidates = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), ...installed]
  return candidates.find((path) => existsSync(path))
}

/** Why there is no browser here, for the name of what is skipped. */
export const noChromium = "SKIPPED, since there is no Chromium here: install one, or name it in CHROMIUM"

/** Starts a browser. Names that are nobody's lead to this machine. */
export const startChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--host-resolver-rules=MAP *.example 127.0.0.1, MAP *.test 127.0.0.1"
    ]
  })
