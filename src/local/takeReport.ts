/**
 * Where clients of this library send their account, see `PostHogServer.layerReport`. It is no request to PostHog, so
 * that it is not among those that are kept, and no fault hits it.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { isTooDeep } from "./decode.js"
import { isAllowedHost } from "./guard.js"
import type { Local } from "./local.js"
import { json } from "./model.js"
import { readText } from "./reading.js"

const path = "/local/report"

const maxBody = 100_000

export const isReport = ({ method, url }: IncomingMessage): boolean => method === "POST" && url === path

const answerTo = async (request: IncomingMessage, local: Local): Promise<ReturnType<typeof json>> => {
  const { headers } = request
  if (!isAllowedHost(headers.host, local.settings)) return json(421, { detail: "this server has another name" })
  // Programs send it, and no page of a browser.
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) {
    return json(403, { detail: "pages may not report" })
  }
  const text = await readText(request, maxBody)
  if (text === undefined) return json(413, { detail: "a report is smaller" })
  if (isTooDeep(text)) return json(400, { detail: "a report is not so deep" })
  const problem = local.reports.add(JSON.parse(text), local.now())
  return problem === undefined ? json(200, {}) : json(400, { detail: problem })
}

export const takeReport = (request: IncomingMessage, response: ServerResponse, local: Local): void => {
  response.on("error", () => {})
  answerTo(request, local).catch(() => json(400, { detail: "this is no report" })).then(
    ({ body, headers, status }) => {
      response.writeHead(status, headers)
      response.end(body)
    }
  ).catch(() => response.destroy())
}
