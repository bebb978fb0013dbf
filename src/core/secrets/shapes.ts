/**
 * Keys that are known by the way they look, wherever they stand.
 *
 * @since 0.1.0
 */
import type { Mark } from "./spans.js"

/**
 * Each with a least length, so that words which begin alike stay, and with a greatest one, so that no text takes long.
 */
const shapes = [
  // OpenAI, Anthropic, OpenRouter, Stripe and those that followed them
  "sk-(?:ant|proj|or|svcacct|admin|live|test)-[\\w-]{8,1000}",
  "sk-(?=[\\w-]{0,40}[\\dA-Z])[\\w-]{16,1000}",
  "(?:sk|rk|pk)_(?:live|test)_\\w{8,1000}",
  "whsec_[\\w+/=]{12,1000}",
  // PostHog
  "ph[a-z]_[A-Za-z\\d]{10,1000}",
  // Google
  "AIza[\\w-]{16,1000}",
  "ya29\\.[\\w-]{16,1000}",
  "GOCSPX-[\\w-]{16,1000}",
  // GitHub, GitLab, npm, PyPI
  "gh[oprsu]_[A-Za-z\\d]{12,1000}",
  "github_pat_\\w{12,1000}",
  "glpat-[\\w-]{12,1000}",
  "npm_[A-Za-z\\d]{20,1000}",
  "pypi-[\\w-]{20,1000}",
  // Slack
  "xox[a-z]-[\\w-]{8,1000}",
  "xapp-[\\w-]{10,1000}",
  "(?<=hooks\\.slack\\.com/(?:services|workflows)/)[\\w/]{8,1000}",
  "(?<=discord(?:app)?\\.com/api/webhooks/)[\\w/-]{8,1000}",
  "(?<=api\\.telegram\\.org/bot)\\d{6,12}:[\\w-]{20,100}",
  // AWS
  "(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z\\d]{12,200}",
  // JSON Web Tokens, signed and encrypted
  "eyJ[\\w-]{5,800}\\.[\\w-]{4,4000}(?:\\.[\\w-]{0,4000}){0,3}",
  // Others
  "SG\\.[\\w-]{12,200}\\.[\\w-]{12,200}",
  "hf_[A-Za-z\\d]{16,1000}",
  "(?:gsk|xai|r8|pplx|sbp|re|ntn|shp(?:at|ca|pa|ss)|dop_v1|doo_v1|lin_api|glsa|figd|sntrys|dckr_pat|PMAK|rnd|nvapi|fw|tvly)[-_](?=\\w{0,40}\\d)[\\w-]{16,1000}",
  "hv[bsr]\\.[\\w-]{16,1000}",
  "dapi[\\da-f]{32}",
  "AGE-SECRET-KEY-1[A-Z\\d]{16,200}"
].join("|")

/** How they begin: nearly all texts have none of it, and are done with faster. */
const beginning =
  /(?:sk|rk|pk|re|r8|fw)[-_]|_v1[-_]|whsec_|ph[a-z]_|AIza|ya29\.|GOCSPX|gh[oprsu]_|_pat_|glpat|npm_|pypi-|xox|xapp|hooks\.slack|webhooks\/|org\/bot|A[KSRIBC][IOC][A-Z]|eyJ|SG\.|hf_|xai|pplx|sbp|ntn|shp|lin_api|glsa|figd|sntrys|dckr|PMAK|rnd|nvapi|tvly|hv[bsr]\.|dapi|AGE-/

const shape = new RegExp(`(?<![A-Za-z\\d])(?:${shapes})`, "g")

const begin = /-----BEGIN [A-Z\d ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----/g
const end = /-----END [A-Z\d ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----/g

/** Whether there may be a key of a known shape in a text. */
export const mayBeShape = (text: string): boolean => beginning.test(text)

/** Marks keys of known shapes, and private keys in PEM; one that is cut off goes to the end. */
export const markShapes = (text: string, mark: Mark): void => {
  if (mayBeShape(text)) {
    for (const match of text.matchAll(shape)) mark(match.index, match.index + match[0].length)
  }
  if (!text.includes("-----BEGIN")) return
  begin.lastIndex = 0
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    end.lastIndex = begin.lastIndex
    const last = end.exec(text) === null ? text.length : end.lastIndex
    mark(match.index, last)
    begin.lastIndex = last
  }
}

const scheme = /\b(bearer|basic)[ \t]{1,4}(?:\[redacted\]|[\w.~+/=:-]{4,4096})/gi

/** What follows in prose: "a bearer token is required", "basic authentication". */
const prose =
  /^(?:tokens?|auth\w*|access|headers?|schemes?|realm\S*|error\S*|scope\S*|credentials?|formats?|prefix|must|required?|missing|not|with|from|that|this|which|were|will|have|of|is|was|and|for|plans?|support|usage|types?|user|info\w*|request|response|features?|settings?|concepts?|rules?|idea|html|json|test|tests|tier)(?:[^\w]|$)/i

/** Whether a text is `user:password` in base64, or may be. */
const isBasic = (text: string): boolean => /[\d=+/]/.test(text) || /[a-z][A-Z]/.test(text)

/** Marks what is given with the schemes `Bearer` and `Basic`, also outside of headers. */
export const markSchemes = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(scheme)) {
    const [all, name] = match
    const given = all.slice(name!.length).trim().replace(/[.:,]+$/, "")
    const start = match.index + all.indexOf(given, name!.length)
    const isGiven = name!.toLowerCase() === "basic"
      ? isBasic(given)
      : name![0] === "B" || /[^a-z]/.test(given) || given.length > 11
    if (given.startsWith("[") || (isGiven && !prose.test(given))) mark(start, start + given.length)
  }
}
