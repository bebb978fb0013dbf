/**
 * What the command prints: a line for each event. What strangers have written is made harmless, so that it cannot move
 * the cursor or look like another line.
 */
import type { Happening, ReceivedEvent, ReceivedRequest } from "../model.js"
import { plain, shown } from "../words.js"

const codes = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, dim: 2 } as const

export type Color = keyof typeof codes

/** Colours a text, or leaves it as it is. */
export type Paint = (color: Color, text: string) => string

export const painted: Paint = (color, text) => `\u001b[${codes[color]}m${text}\u001b[0m`
export const unpainted: Paint = (_, text) => text

/** Whether a stream gets colours, as https://no-color.org says. */
export const paintFor = (stream: { readonly isTTY?: boolean | undefined }, env: NodeJS.ProcessEnv): Paint =>
  stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb" ? painted : unpainted

const colorOf = ({ kind }: ReceivedEvent): Color => {
  switch (kind) {
    case "exception":
      return "red"
    case "person":
    case "group":
      return "green"
    case "flag":
      return "yellow"
    case "llm":
      return "magenta"
    case "page":
      return "blue"
    default:
      return "cyan"
  }
}

const mostShown = 4
const longestLine = 300

const record = (value: unknown): { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null ? value as { readonly [name: string]: unknown } : {}

/** The first properties that the program itself has given. */
const ownOf = (properties: { readonly [name: string]: unknown }): string => {
  const own = Object.entries(properties).filter(([name]) => !/^\$|^(?:token|distinct_id)$/.test(name))
  const some = own.slice(0, mostShown).map(([name, value]) => `${plain(name, 40)} = ${shown(value)}`)
  return [...some, ...own.length > mostShown ? ["…"] : []].join(", ")
}

/** What says the most about an event of its kind. */
export const summaryOf = (event: ReceivedEvent): string => {
  const { $set, kind, properties } = event
  switch (kind) {
    case "page":
      return shown(properties.$pathname ?? properties.$current_url ?? properties.$screen_name ?? "")
    case "person":
      return ownOf(record($set ?? properties.$set)) || ownOf(properties)
    case "group":
      return `${shown(properties.$group_type)} ${shown(properties.$group_key)}`
    case "flag":
      return `${shown(properties.$feature_flag)} = ${shown(properties.$feature_flag_response)}`
    case "exception": {
      const { $exception_list: list } = properties
      const [first, ...others] = Array.isArray(list) ? list : []
      const { type, value } = record(first)
      return `${shown(type)}: ${shown(value)}${others.length === 0 ? "" : ` +${others.length}`}`
    }
    case "llm":
      return [
        properties.$ai_model,
        properties.$ai_input_tokens === undefined
          ? undefined
          : `${shown(properties.$ai_input_tokens)} → ${shown(properties.$ai_output_tokens)} tokens`,
        typeof properties.$ai_latency === "number" ? `${properties.$ai_latency.toFixed(1)} s` : undefined
      ].filter((part) => part !== undefined).map(shown).join(", ")
    default:
      return ownOf(properties)
  }
}

const two = (n: number): string => String(n).padStart(2, "0")

const timeOf = (millis: number): string => {
  const date = new Date(millis)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

const sdkOf = ({ name, version }: { readonly name: string; readonly version: string }): string =>
  plain(version === "" ? name : `${name} ${version}`, 40)

export const lineOfEvent = (event: ReceivedEvent, paint: Paint): string => {
  const head = `${paint("dim", timeOf(event.at))} ${paint("dim", sdkOf(event.sdk))}`
  const who = plain(event.distinct_id, 40)
  const name = plain(event.event, 60)
  if (event.verdict !== "accepted") {
    return `${head}  ${paint("red", `${name}  ${who}  ${event.verdict}: ${plain(event.reason ?? "", longestLine)}`)}`
  }
  const warning = event.warnings.length === 0
    ? ""
    : `  ${paint("yellow", `! ${plain(event.warnings[0]!, longestLine)}`)}`
  return `${head}  ${paint(colorOf(event), name)}  ${who}  ${plain(summaryOf(event), longestLine)}${warning}`
}

/** Whether a request is told of by itself: what went wrong with it is not told with its events. */
const isWrong = ({ events, status }: ReceivedRequest): boolean => status !== undefined && status >= 400 && events === 0

/** A line for what happened; `undefined`: it is not told. */
export const lineOf = (happening: Happening, paint: Paint): string | undefined => {
  switch (happening.type) {
    case "event":
      return lineOfEvent(happening.event, paint)
    case "again": {
      const { at: _, event, times } = happening.event
      return paint("dim", `         ${plain(event, 60)} has come again (${times} times so far)`)
    }
    case "hint":
      return paint("yellow", `hint: ${plain(happening.hint.text, 500)}`)
    case "request": {
      const { at, fault, method, path, reason, sdk, status } = happening.request
      if (!isWrong(happening.request)) return undefined
      const why = fault === undefined ? reason ?? "" : `the fault that was asked for: ${fault}`
      return `${paint("dim", `${timeOf(at)} ${sdkOf(sdk)}`)}  ${
        paint("red", `${method} ${plain(path, 100)}: ${status} ${plain(why, longestLine)}`)
      }`
    }
    default:
      return undefined
  }
}
