/**
 * User and password in addresses, with a scheme (`postgres://…`) and without (`ada:secret@tcp(db)/shop`).
 *
 * @since 0.1.0
 */
import type { Mark } from "./spans.js"

/** Schemes whose addresses are those of servers with a password, and whose paths have no `@`. */
const ofServers =
  /sql|postgres|redis|valkey|mongo|amqp|rabbit|maria|oracle|cockroach|clickhouse|neo4j|bolt|ldap|smtp|imap|pop3|ftp|nats|kafka|mqtt|couch|influx|memcache|cassandra|elastic|sentry|socks|\+srv/i

const isSchemeCharacter = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 43 ||
  code === 45 ||
  code === 46

/** Where the scheme begins that ends at `at`. */
const schemeStart = (text: string, at: number): number => {
  let start = at
  while (start > 0 && at - start < 24 && isSchemeCharacter(text.charCodeAt(start - 1))) start--
  return start
}

/**
 * Where an address ends: at a blank, an angle bracket, or the quote that stands before it. A quote within a word is
 * part of a password.
 */
const wordEnd = (text: string, from: number, to: number, quote: string | undefined): number => {
  for (let at = from; at < to; at++) {
    const character = text[at]!
    if (/[\s<>`"]/.test(character) || character === quote) return at
    if (character === "'" && !/\w/.test(text[at + 1] ?? "")) return at
  }
  return to
}

/** Where the query begins, or a fragment with parameters; a question mark may as well be part of a password. */
const realQuery = /[?#][\w.~%[\]-]{1,100}=/

/**
 * How long user and password are, with the `@` behind them not counted; 0: there are none. `rest` is what comes after
 * `://`.
 */
const userInfo = (scheme: string, rest: string): number => {
  const authority = /^[^/?#]*/.exec(rest)![0]
  const colon = authority.indexOf(":")
  // An address of IPv6 stands in brackets, and a port is a number.
  const hasPassword = colon !== -1 && !authority.startsWith("[") && !/^[^:]+:\d{0,5}(?:$|[^\w!$%*+~-])/.test(authority)
  const query = realQuery.exec(rest)?.index ?? rest.length
  const isServer = ofServers.test(scheme)
  if (
    authority.includes("@") || (hasPassword && rest.includes("@")) || (isServer && rest.lastIndexOf("@", query) > 0)
  ) {
    const last = rest.slice(0, query).lastIndexOf("@")
    return last === -1 ? rest.lastIndexOf("@") : last
  }
  // Nobody says where the password ends.
  return hasPassword && isServer ? rest.length : 0
}

const withScheme = (text: string, mark: Mark): void => {
  let at = text.indexOf("://")
  while (at !== -1) {
    const next = text.indexOf("://", at + 3)
    const start = schemeStart(text, at)
    const quote = text[start - 1]
    const limit = next === -1 ? text.length : Math.max(schemeStart(text, next), at + 3)
    const end = wordEnd(text, at + 3, limit, quote !== undefined && /["'`]/.test(quote) ? quote : undefined)
    const length = end > at + 3 ? userInfo(text.slice(start, at), text.slice(at + 3, end)) : 0
    if (length > 0) mark(at + 3, at + 3 + length)
    at = next
  }
}

/**
 * What stands behind user and password where there is no scheme: a host with its port or its path, or a network of Go's
 * drivers.
 */
const hostAfter = /(?:(?:tcp|udp|unix)[46]?\(|\(|\[[\da-f:.]+\]:\d|[\w.-]{1,253}:\d{1,5}(?!\w)|[\w.-]{1,253}\/|\/\/)/iy

/** What begins alike and is none of it. */
const others = /^(?:mailto|npm|jsr|acct|sips?|xmpp|file|workspace|node|git|tel|urn|data|pkg|https?):|^[A-Za-z]:[\\/]/i

const withoutScheme = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(/[^\s"'`<>,]+/g)) {
    const word = match[0]
    const last = word.lastIndexOf("@")
    if (last < 1) continue
    // What names it: `dsn=ada:secret@tcp(db)/shop`, `(ada:secret@db:5432)`.
    const start = Math.max(word.lastIndexOf("=", last), word.lastIndexOf("(", last)) + 1
    const colon = word.indexOf(":", start)
    if (colon === -1 || colon > last || word.includes("://")) continue
    const given = word.slice(start, last)
    hostAfter.lastIndex = last + 1
    if (others.test(given) || !hostAfter.test(word)) continue
    // A path has slashes in its first part; `scott/tiger@//host` is Oracle's.
    if (/^[^:]*\//.test(given) || (/^\d+(?::\d+)*$/.test(given))) continue
    const oracle = /^jdbc:oracle:\w+:/i.exec(given)?.[0].length ?? 0
    mark(match.index + start + oracle, match.index + last)
  }
}

/** Marks user and password of addresses. */
export const markUserInfo = (text: string, mark: Mark): void => {
  if (text.includes("://")) withScheme(text, mark)
  if (text.includes("@")) withoutScheme(text, mark)
}
