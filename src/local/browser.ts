/**
 * What browsers ask for beside what every client does: remote configuration, scripts, and the lists of surveys and the
 * like, which are empty here.
 *
 * @since 0.1.0
 */
import type { Handler, Local } from "./local.js"
import { type Answer, type Exchange, json, redirect } from "./model.js"
import { answerScript, arrayScript, withConfig } from "./scripts.js"
import type { Settings } from "./settings.js"
import { shortened } from "./verdict.js"

/**
 * What posthog-js is told to do. With less than this it is silent but does less: it asks for no flags unless there are
 * some, and sends everything unpacked unless it hears that it may not.
 */
export const remoteConfig = (
  token: string,
  settings: Pick<Settings, "replay">
): { readonly [name: string]: unknown } => ({
  token,
  supportedCompression: ["gzip", "gzip-js"],
  // Also when there are none: a flag that is made later would not be seen by pages that are open.
  hasFeatureFlags: true,
  analytics: { endpoint: "/i/v0/e/" },
  elementsChainAsString: true,
  defaultIdentifiedOnly: true,
  autocapture_opt_out: false,
  autocaptureExceptions: true,
  errorTracking: { autocaptureExceptions: true, suppressionRules: [] },
  capturePerformance: false,
  captureDeadClicks: false,
  heatmaps: false,
  sessionRecording: settings.replay
    ? { endpoint: "/s/", recorderVersion: "v2", consoleLogRecordingEnabled: true }
    : false,
  surveys: false,
  productTours: false,
  logs: { captureConsoleLogs: false },
  siteApps: [],
  isAuthenticated: false,
  toolbarParams: {}
})

/** JSON that may stand in a script, whatever the texts in it are. */
const inScript = (value: unknown): string =>
  JSON.stringify(value).replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029")

const configScript = (token: string, settings: Settings): Answer => ({
  status: 200,
  headers: { "content-type": "text/javascript; charset=utf-8", "cache-control": "no-store" },
  body: "(function(){var w=window;w._POSTHOG_REMOTE_CONFIG=w._POSTHOG_REMOTE_CONFIG||{};" +
    `w._POSTHOG_REMOTE_CONFIG[${inScript(token)}]={config:${inScript(remoteConfig(token, settings))},siteApps:[]}})()`
})

/** Part of a path; `undefined`: it cannot be read. */
const decoded = (part: string): string | undefined => {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

const notFound = (detail: string): Answer => json(404, { detail })

const answerArray = async (
  token: string | undefined,
  name: string,
  { received }: Exchange,
  { settings }: Local
): Promise<Answer> => {
  if (token === undefined) return json(400, { detail: "The path has a percent sign that begins no character" })
  received.project = shortened(token)
  if (name === "config") return json(200, remoteConfig(token, settings), { "cache-control": "no-store" })
  const config = configScript(token, settings)
  if (name === "config.js") return config
  const array = await answerScript(settings, arrayScript, received.query)
  return array === undefined || array.status !== 200 ? array ?? notFound("No such script") : withConfig(config, array)
}

const answerStatic = async (path: string, { received }: Exchange, { settings }: Local): Promise<Answer> =>
  await answerScript(settings, path, received.query) ?? notFound("No such script")

/** Answers whatever browsers ask for that is none of events, flags and replay. */
export const browser: Handler = (exchange, local) => {
  const path = exchange.received.path.replace(/(.)\/$/, "$1")
  const [, token, name] = /^\/array\/([^/]+)\/(config|config\.js|array\.js)$/.exec(path) ?? []
  if (token !== undefined && name !== undefined) return answerArray(decoded(token), name, exchange, local)
  if (path.startsWith("/static/")) return answerStatic(path.slice("/static/".length), exchange, local)
  switch (path) {
    case "/api/surveys":
      return json(200, { surveys: [], survey_config: null })
    case "/api/early_access_features":
      return json(200, { earlyAccessFeatures: [] })
    case "/api/web_experiments":
      return json(200, { experiments: [] })
    case "/api/product_tours":
      return json(200, { product_tours: [] })
    default:
      return notFound(`${path} is no route of PostHog`)
  }
}

/** The fragment of the page's address where it shows what a link to PostHog would show. */
const fragmentOf = (path: string): string => {
  const [, kind, id] = /^\/project\/[^/]+\/(replay|persons?)\/([^/]+)\/?$/.exec(path) ?? []
  if (kind === undefined || id === undefined) return path.includes("/issues") ? "#errors" : ""
  return kind === "replay" ? `#events?filter=session:${id}` : `#people?filter=person:${id}`
}

/** Answers to links that SDKs print, and to whoever opens this server in a browser. */
export const link: Handler = ({ received }, local) => {
  const page = local.pageUrl()
  return page === undefined
    ? notFound("This is a local PostHog, for SDKs to send to. It was started without a page")
    : redirect(`${page}/${fragmentOf(received.path)}`)
}
