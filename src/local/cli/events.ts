/**
 * `effect-posthog events`: what a local PostHog that runs has received, or waits for.
 */
import { printable } from "../words.js"
import type { Console } from "./main.js"
import { running } from "./running.js"
import type { Ask } from "./usage.js"

/** Prints the events, and gives the exit code. */
export const events = async (ask: Ask, { env, print, say }: Console): Promise<number> => {
  const { controlPort, count, event, person, port, since, wait } = ask
  const found = await running(port, controlPort, env)
  if (found === undefined) {
    say(
      `no local PostHog runs on port ${port}; start one with: npx effect-posthog${
        port === 8790 ? "" : ` --port ${port}`
      }`
    )
    return 2
  }
  const token = ask.token ?? env.POSTHOG_LOCAL_TOKEN ?? found.token
  if (token === undefined) {
    say(`the local PostHog at ${found.url} belongs to somebody else; give its token with --token`)
    return 2
  }
  const query = new URLSearchParams()
  if (event !== undefined) query.set("event", event)
  if (person !== undefined) query.set("person", person)
  if (since !== undefined) query.set("since", String(since))
  query.set("verdict", "accepted")
  if (wait === undefined) query.set("format", "ndjson")
  else {
    query.set("count", String(count))
    query.set("within", `${wait}ms`)
  }
  const response = await fetch(`${found.controlUrl}/${wait === undefined ? "events" : "wait"}?${query}`, {
    headers: { authorization: `Bearer ${token}` },
    redirect: "error"
  })
  const text = await response.text()
  if (response.status !== 200 && response.status !== 408) {
    say((JSON.parse(text) as { readonly error: string }).error)
    return 2
  }
  const lines = wait === undefined
    ? text.split("\n").filter((line) => line !== "")
    : (JSON.parse(text) as { readonly events: ReadonlyArray<unknown> }).events.map((one) => JSON.stringify(one))
  for (const line of lines) print(`${printable(line)}\n`)
  if (response.status === 408) say((JSON.parse(text) as { readonly error: string }).error)
  else if (lines.length === 0) say("no such event has come; wait for it with --wait 5s")
  return response.status === 200 && lines.length >= count ? 0 : 1
}
