/**
 * Secrets that stand behind their name: in queries, headers, JSON, what Node prints of an object, connection strings,
 * arguments of commands, prose.
 *
 * @since 0.1.0
 */
import { isAmount, isSecretName, isSecretParameter } from "./names.js"
import { type Mark, redacted } from "./spans.js"

const separator = /=>|:=|[:=,]/g

const isNameCharacter = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) ||
  // $ % + - . [ ] _ ~
  code === 36 || code === 37 || code === 43 || code === 45 || code === 46 || code === 91 || code === 93 ||
  code === 95 ||
  code === 126 || code > 127

/** Longest name that is looked at. */
const maxName = 80

interface Name {
  readonly text: string
  /** Where it begins, with its quote. */
  readonly start: number
  readonly quote: string | undefined
  /** Whether it is a parameter of an address. */
  readonly isParameter: boolean
}

const quotes = "\"'`"

/** The name before a separator. */
const nameBefore = (text: string, at: number): Name | undefined => {
  let end = at
  while (end > 0 && at - end < 4 && (text[end - 1] === " " || text[end - 1] === "\t")) end--
  const last = text[end - 1]
  const quote = last !== undefined && quotes.includes(last) ? last : undefined
  if (quote !== undefined) end--
  let start = end
  while (start > 0 && end - start < maxName && isNameCharacter(text.charCodeAt(start - 1))) start--
  if (start === end) return undefined
  const before = text[start - 1]
  if (quote !== undefined && before === quote) {
    return { text: text.slice(start, end), start: start - 1, quote, isParameter: false }
  }
  return {
    text: text.slice(start, end),
    start,
    quote: undefined,
    isParameter: before !== undefined && "?&#;".includes(before)
  }
}

/** The word before a name in prose: "API key: …", "one-time code: …". */
const wordBefore = (text: string, start: number): string =>
  /([\w-]{1,30})[ _-]$/.exec(text.slice(Math.max(start - 32, 0), start))?.[1] ?? ""

/**
 * Where a text in quotes ends, which begins at `at`; it may be written in several parts, as Node does with long ones.
 */
const quotedEnd = (text: string, at: number, quote: string): number => {
  let end = at
  for (;;) {
    while (end < text.length && text[end] !== quote) end += text[end] === "\\" ? 2 : 1
    if (end >= text.length) return text.length
    if (text[end + 1] !== " " || text[end + 2] !== "+") return end
    const next = /\s*(["'`])/y
    next.lastIndex = end + 3
    if (next.exec(text)?.[1] !== quote) return end
    end = next.lastIndex
  }
}

/** Where a list or an object ends, which begins at `at`; `undefined`: it does not end. */
const balancedEnd = (text: string, at: number, budget: { left: number }): number | undefined => {
  let depth = 0
  for (let end = at; end < text.length; end++) {
    if (--budget.left < 0) return undefined
    const character = text[end]!
    if (character === "{" || character === "[") depth++
    else if (character === "}" || character === "]") {
      if (--depth === 0) return end + 1
    } else if (
      character === "\"" || ((character === "'" || character === "`") && /[\s{[,:(+]/.test(text[end - 1] ?? ""))
    ) {
      const next = quotedEnd(text, end + 1, character)
      budget.left -= next - end
      end = next
    }
  }
  return undefined
}

/** Values that say nothing, and words that go on with a sentence. */
const nothing =
  /^(?:null|undefined|true|false|none|nil|empty|\[object|<?redacted>?|\*+|\[?filtered\]?|…|\.{3}|\W{1,3})$/i
const prose =
  /^(?:must|should|is|was|are|were|be|been|has|have|had|does|do|did|not|no|cannot|can|could|may|might|will|would|the|an?|this|that|it|its|to|of|in|on|at|by|for|from|with|and|or|but|if|when|too|expected|expired|invalid|required|missing|wrong|incorrect|mismatch|unexpected|failed|failure|error|unable|unknown|unsupported|got|found|received|please|only|already|at least|must|jwt|string|number|value|length|minimum|maximum|malformed|denied|rejected|revoked|refused|no such|nothing|use|check|try|see|illegal|bad|ok|okay|success|loading|refreshing|rotating|verifying|checking|updated|created|deleted)[.,:;!]?$/i

/** Where a word ends, which begins at `at`. A quote within it is part of it. */
const plainEnd = (text: string, at: number): number => {
  let end = at
  while (end < text.length) {
    const character = text[end]!
    if (/[\s&<>]/.test(character)) break
    if (quotes.includes(character) && !/\w/.test(text[end + 1] ?? "")) break
    end++
  }
  if (text.startsWith(redacted, at)) return at + redacted.length
  while (end > at && "),.:!};".includes(text[end - 1]!)) end--
  return end
}

const lineEnd = (text: string, at: number, quote: string | undefined): number => {
  let end = at
  while (end < text.length && text[end] !== "\n" && text[end] !== "\r" && text[end] !== quote) end++
  return end
}

const oneWord = /^(?:bearer|basic|token|apikey|api-key|negotiate|ntlm|jwt|sso-key|discogs|key)$/i
const parameters =
  /^(?:digest|aws4-[\w-]+|hawk|hmac[\w-]*|oauth|signature|sharedkey\w*|sharedaccesssignature|mac|ucan|gnap|privatetoken|dpop)$/i

/** The value of a header that says who somebody is: the scheme stays, what comes after it goes. */
const markHeader = (text: string, start: number, quote: string | undefined, mark: Mark): number => {
  const first = plainEnd(text, start)
  const word = text.slice(start, first)
  if (text[first] !== " " || !(oneWord.test(word) || parameters.test(word))) {
    if (!prose.test(word) || text[first] !== " ") mark(start, first)
    return first
  }
  const end = oneWord.test(word) ? plainEnd(text, first + 1) : lineEnd(text, first + 1, quote)
  if (!prose.test(text.slice(first + 1, end))) mark(first + 1, end)
  return end
}

const headersName = /headers$/i
const bodyName = /^(?:(?:request|req|raw|post|form)[-_]?)?(?:body|data)$|^payload$|^json$/i
const isWhole = /\bheaders["'`]?\s{0,4}[:=]\s{0,4}[{[]|effect\/platform\/Http/i
const hasMethod = /\bmethod["'`]?\s{0,4}[:=]/i
const hasAddress = /\bur[il]["'`]?\s{0,4}[:=]/i

/** Whether a text quotes a request. */
const quotesRequest = (text: string): boolean => isWhole.test(text) || (hasMethod.test(text) && hasAddress.test(text))

/** What is known about the text that is looked at. */
interface Look {
  readonly text: string
  readonly isSecret: (name: string) => boolean
  readonly mark: Mark
  /** Whether it quotes a request, once somebody wants to know. */
  isRequest: boolean | undefined
  /** Characters that may be looked at for the ends of lists and objects. */
  left: number
}

/** What is in all names that matter: nearly all texts have none of it, and are done with faster. */
const stem =
  /pass|pwd|secret|token|jwt|bearer|credential|cookie|key|auth|sess|sid|[cx]srf|psk|salt|mnemonic|seed|connection|otp|mfa|pin|cvv|cvc|ssn|card|sig|code|headers|body|data|payload|json|state|saml|assertion|ticket|verifier|hmac|nonce|invit|licen[cs]e/i

/** Marks the values of names that say that they are secrets, and headers and bodies where a text quotes a request. */
export const markPairs = (text: string, isSecret: (name: string) => boolean, mark: Mark): void => {
  if (isSecret === isSecretParameter && !stem.test(text)) return
  const look: Look = { text, isSecret, mark, isRequest: undefined, left: 4 * text.length }
  separator.lastIndex = 0
  for (let match = separator.exec(text); match !== null; match = separator.exec(text)) {
    const end = markPair(look, match.index, match[0])
    separator.lastIndex = Math.max(end, match.index + match[0].length)
  }
}

/** The name before a separator, if what comes after it is a value. */
const nameOf = ({ text }: Look, at: number, sign: string): Name | undefined => {
  const after = at + sign.length
  const next = text[after]
  if (sign === ":" && (next === ":" || (next === "/" && text[after + 1] === "/"))) return undefined
  if (sign === "=" && next === "=") return undefined
  if (sign !== ",") return nameBefore(text, at)
  // A pair in a list: `["token","…"]`.
  if (!quotes.includes(text[at - 1] ?? " ")) return undefined
  const name = nameBefore(text, at)
  return name?.quote !== undefined && /\[\s{0,20}$/.test(text.slice(Math.max(name.start - 21, 0), name.start))
    ? name
    : undefined
}

const isBlank = (character: string | undefined, withLines: boolean): boolean =>
  character === " " || character === "\t" || (withLines && (character === "\n" || character === "\r"))

/** Marks one value, if it is to be; gives where it ends, or 0. */
const markPair = (look: Look, at: number, sign: string): number => {
  const { isSecret, mark, text } = look
  const name = nameOf(look, at, sign)
  if (name === undefined) return 0
  const isHidden = name.isParameter || sign === ","
    ? isSecret(decoded(name.text))
    : isSecretName(name.text) ||
      (name.quote === undefined && isSecretName(`${wordBefore(text, name.start)} ${name.text}`))
  const isHeaders = headersName.test(name.text) && sign !== ","
  const isBody = bodyName.test(name.text) && sign !== "," && (look.isRequest ??= quotesRequest(text))
  if (!isHidden && (name.isParameter || !(isHeaders || isBody))) return 0
  // A type, as errors of schemas print them: `{ readonly password: NonEmptyString }`.
  if (text.slice(Math.max(name.start - 9, 0), name.start) === "readonly ") return 0
  const after = at + sign.length
  let start = after
  if (!name.isParameter) { while (start - after < 40 && isBlank(text[start], name.quote !== undefined)) start++ }
  const opening = text[start]
  if (opening === undefined) return 0
  const isStructure = (opening === "{" || opening === "[") && (sign !== "=" || !isHidden)
  const structure = isStructure ? balancedEnd(text, start, look) : undefined
  if (structure !== undefined) {
    if (!text.startsWith("[object ", start)) mark(start, structure)
    return structure
  }
  if (isHeaders && !isHidden) return 0
  if (quotes.includes(opening)) {
    const end = quotedEnd(text, start + 1, opening)
    if (!nothing.test(text.slice(start + 1, end))) mark(start + 1, end)
    return end + 1
  }
  return markPlain(text, start, name, start > after, mark)
}

/** The same, of a value that is neither in quotes nor a list nor an object. */
const markPlain = (text: string, start: number, name: Name, isSpaced: boolean, mark: Mark): number => {
  const before = text[name.start - 1]
  const outer = before !== undefined && quotes.includes(before) ? before : undefined
  if (/(?:^|-)authori[sz]ation$/i.test(name.text)) return markHeader(text, start, outer, mark)
  if (/^(?:set-)?cookie2?$/i.test(name.text) && /^[^\r\n]*=/.test(text.slice(start, start + 200))) {
    const end = lineEnd(text, start, outer)
    mark(start, end)
    return end
  }
  return markWord(text, start, name, isSpaced, mark)
}

const markWord = (text: string, start: number, name: Name, isSpaced: boolean, mark: Mark): number => {
  // A semicolon may separate parameters, or be part of a secret.
  const end = plainEnd(text, start)
  const fragment = name.isParameter ? text.indexOf("#", start) : -1
  const stop = fragment === -1 || fragment > end ? end : fragment
  const word = text.slice(start, stop)
  if (word === "" || nothing.test(word) || (isSpaced && prose.test(word))) return 0
  if (isAmount(name.text) && /^[\d.,]+$/.test(word)) return 0
  mark(start, stop)
  return stop
}

const decoded = (name: string): string => {
  if (!name.includes("%") && !name.includes("+")) return name
  try {
    return decodeURIComponent(name.replaceAll("+", " "))
  } catch {
    return name
  }
}

const argument =
  /(?<![\w-])--([A-Za-z][\w-]{2,40})[ \t]{1,4}((?:\[redacted\]|"[^"]{0,1000}"|'[^']{0,1000}'|[^\s"'-]\S{0,1000}))/g
const curl =
  /\s(?:-u|--user|-d|--data(?:-\w+)?|-F|--form|--json|-H|--header|-b|--cookie)(?:\s+|=)('[^']*'|"(?:[^"\\]|\\.)*"|\S+)/g
const quotedPassword = /\bpass(?:word|phrase|code)?[ \t]{1,2}(["'`])((?:(?!\1)[^\s]){1,200})\1/gi

/** Marks arguments of commands, which errors of child processes quote. */
export const markArguments = (text: string, mark: Mark): void => {
  const markLast = (match: RegExpExecArray, value: string) => {
    const end = match.index + match[0].length
    mark(end - value.length, end)
  }
  if (text.includes("--")) {
    for (const match of text.matchAll(argument)) {
      if (isSecretName(match[1]!) && !prose.test(match[2]!)) markLast(match, match[2]!)
    }
  }
  if (text.includes("curl ")) { for (const match of text.matchAll(curl)) markLast(match, match[1]!) }
  for (const match of text.matchAll(quotedPassword)) {
    const end = match.index + match[0].length - 1
    mark(end - match[2]!.length, end)
  }
}
