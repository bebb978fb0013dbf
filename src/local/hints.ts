/**
 * What somebody should know who uses a client, found by looking at more than one request or event.
 */
import { Lru } from "../core/lru.js"
import type { Exchange, ReceivedEvent, ReceivedRequest } from "./model.js"
import type { Store } from "./store.js"

export interface Hints {
  /** Looks at the body of a request with events. */
  readonly body: (exchange: Exchange) => void
  /** Looks at an accepted event. What is given back is a warning that it gets. */
  readonly name: (project: string, event: string) => string | undefined
}

/** Names of events that are alike but for a number or an id. */
const maxVariants = 50
const maxPatterns = 1_000

const ids = /[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|\b(?=[a-z]*\d)[0-9a-f]{8,}\b|\d+/gi

/** An ordinary event. Those of LLM analytics, exceptions and recordings are larger by nature. */
const maxEventBytes = 20 * 1024

const isBot = /headless|bot\b|crawl|spider|lighthouse|phantomjs|puppeteer|playwright|prerender/i

/** Starts of a page without any event, after which a browser is taken for one that sends none. */
const maxSilentStarts = 3
const maxBrowsers = 200

/** Requests for definitions within so many milliseconds are too many. */
const pollCount = 5
const pollMillis = 10_000

const personal = /phx_[A-Za-z0-9]{8}/
const ofProject = /phs_[A-Za-z0-9]{8}/

const labelOf = ({ sdk }: Pick<ReceivedRequest, "sdk">): string => `${sdk.name} ${sdk.version}`.trim()

const aboutBots = "posthog-js drops everything when the browser is headless, driven by a test or a bot. " +
  "For tests pass opt_out_useragent_filter: true to posthog.init"

/** Looks at everything that the store is told, as long as the store lives. */
export const makeHints = (store: Store): Hints => {
  const fresh = () => ({
    patterns: new Lru<string, Set<string>>(maxPatterns),
    /** How often each browser has started without having sent an event. */
    starts: new Lru<string, number>(maxBrowsers),
    polls: new Lru<string, ReadonlyArray<number>>(maxBrowsers)
  })
  let { patterns, polls, starts } = fresh()
  let last = 0

  const aboutBrowser = ({ at, headers, target }: ReceivedRequest): void => {
    const agent = headers["user-agent"]
    if (agent === undefined || !agent.startsWith("Mozilla/")) return
    if (target === "events") {
      // For good: who has sent once can send.
      starts.set(agent, -Infinity)
      return
    }
    const started = starts.get(agent) ?? 0
    if (target === "config") starts.set(agent, started + 1)
    // The first event leaves before the config has arrived, and flags are asked for after it.
    const isSilent = target === "flags" && started > 0 && isBot.test(agent) || started + 1 > maxSilentStarts
    if (!isSilent) return
    const kind = isBot.test(agent) ? "A browser that says that it is headless or a bot" : "A browser"
    store.hint(at, "posthog-js", `${kind} asked for its config and has sent no event. ${aboutBots}`)
  }

  const aboutPolls = (request: ReceivedRequest): void => {
    const label = labelOf(request)
    const times = [...polls.get(label) ?? [], request.at].slice(-pollCount)
    polls.set(label, times)
    const millis = request.at - times[0]!
    if (times.length < pollCount || millis > pollMillis) return
    store.hint(
      request.at,
      label,
      "Definitions of flags are asked for about every second. The SDKs do it every 30 seconds: is a client made for " +
        "each request, or the interval given in milliseconds where seconds are meant?"
    )
  }

  const aboutEvent = (event: ReceivedEvent): void => {
    const { at, bytes, kind } = event
    if (bytes <= maxEventBytes || ["exception", "llm", "replay", "log", "span"].includes(kind)) return
    const size = `${Math.round(bytes / 1024)} KB`
    store.hint(
      at,
      labelOf(event),
      `Events are large: the first, \`${event.event}\`, has ${size}. Properties are for values by which people are ` +
        "counted and found, not for documents"
    )
  }

  store.subscribe((happening) => {
    if (happening.type === "event") return aboutEvent(happening.event)
    if (happening.type === "cleared") ({ patterns, polls, starts } = fresh())
    // A request is told of when it comes, and again when it is answered.
    if (happening.type !== "request" || happening.request.seq <= last) return
    last = happening.request.seq
    aboutBrowser(happening.request)
    if (happening.request.target === "definitions") aboutPolls(happening.request)
  })

  return {
    body: ({ body: { text }, received }) => {
      for (const [start, kind] of [["phx_", "personal API key"], ["phs_", "secret key of a project"]] as const) {
        // Most bodies have none, which is found out faster.
        if (!text.includes(start) || !(start === "phx_" ? personal : ofProject).test(text)) continue
        store.hint(
          received.at,
          labelOf(received),
          `A ${kind} (${start}…) is in the body of a request. It is a secret: take it out, and make a new one, because ` +
            "whoever can see events can see it"
        )
      }
    },
    name: (project, event) => {
      if (!/\d/.test(event)) return undefined
      const pattern = event.replace(ids, "#")
      const key = `${project}\n${pattern}`
      const variants = patterns.get(key) ?? new Set()
      if (variants.size <= maxVariants) variants.add(event)
      patterns.set(key, variants)
      if (variants.size <= maxVariants) return undefined
      return `There are more than ${maxVariants} names like "${pattern}". PostHog keeps each as an event of its own, ` +
        "for good: put what differs into a property"
    }
  }
}
