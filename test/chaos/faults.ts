/**
 * Every class of fault between the library and PostHog, and what has to become of the events of the request that meets it.
 */
import { bytesOf, type Fault } from "../support/faultProxy.js"

/**
 * `again`: nobody knows whether PostHog has them, so they are sent again. `taken`: the status acknowledges them. `refused`: they are
 * dropped as rejected. Capture v1 needs the body of the answer, so more is `again` there.
 */
export type Fate = "again" | "taken" | "refused"

export interface Case {
  readonly fault: Fault
  readonly v0: Fate
  readonly v1: Fate
  /** Whether only the time limit of the request ends the exchange. */
  readonly hangs?: boolean
}

const again = (fault: Fault): Case => ({ fault, v0: "again", v1: "again" })

const text = "GET"

/** Places in a request. */
const requestPlaces: Readonly<Record<string, NonNullable<Fault["cut"]>>> = {
  "before the request line": () => 0,
  "in the request line": () => text.length,
  "in the headers": (head) => head >> 1,
  "between headers and body": (head) => head,
  "in the body": (head, total) => (head + total) >> 1,
  "before the last byte": (_, total) => total - 1
}

/** Places in an answer, with what they mean where the status is the acknowledgement. */
const answerPlaces: Readonly<Record<string, readonly [at: (head: number, total: number) => number, v0: Fate]>> = {
  "before the status line": [() => 0, "again"],
  "in the status line": [() => 10, "again"],
  "in the headers": [(head) => head - 10, "again"],
  "between headers and body": [(head) => head, "taken"],
  "in the body": [(head, total) => (head + total) >> 1, "taken"]
}

const headOf = (bytes: Buffer): number => bytes.indexOf("\r\n\r\n") + 4

export const cases: Record<string, Case> = {}

for (const end of ["reset", "close"] as const) {
  for (const [place, cut] of Object.entries(requestPlaces)) {
    cases[`${end} of the request ${place}`] = again({ cut, end })
  }
  for (const [place, [at, v0]] of Object.entries(answerPlaces)) {
    cases[`${end} of the answer ${place}`] = {
      fault: {
        end,
        answer: (answered) => {
          const bytes = bytesOf(answered)
          return [bytes.subarray(0, at(headOf(bytes), bytes.length))]
        }
      },
      v0,
      v1: "again"
    }
  }
}

const hanging = (fault: Fault, v0: Fate = "again"): Case => ({ fault, v0, v1: "again", hangs: true })

const status = (line: string, ...headers: ReadonlyArray<string>): Fault => ({
  answer: (
    answered
  ) => [bytesOf(answered, { status: line, headers: [...headers, `content-length: ${answered.body.length}`] })],
  passesOn: false
})

/** The answer, with other words around its body. */
const around = (headers: (length: number) => ReadonlyArray<string>, fault: Omit<Fault, "answer"> = {}): Fault => ({
  ...fault,
  answer: (answered) => [bytesOf(answered, { headers: headers(answered.body.length) })]
})

/** The answer with its body in pieces that are written so. */
const chunked = (write: (body: Buffer) => string, fault: Omit<Fault, "answer"> = {}): Fault => ({
  ...fault,
  answer: (answered) => [
    bytesOf({ ...answered, body: Buffer.alloc(0) }, { headers: ["transfer-encoding: chunked"] }),
    write(answered.body)
  ]
})

Object.assign(
  cases,
  {
    // Time
    "latency": { fault: { latency: 150 }, v0: "taken", v1: "taken" },
    "a request that is read slowly": { fault: { pace: 40 }, v0: "taken", v1: "taken" },
    "an answer byte by byte": {
      fault: { answer: (answered) => Array.from(bytesOf(answered), (byte) => Buffer.of(byte)) },
      v0: "taken",
      v1: "taken"
    },
    "half-open: nothing is read": hanging({ cut: () => Number.POSITIVE_INFINITY, pace: 1, passesOn: false }),
    "half-open: read and never answered": hanging({ passesOn: false, answer: () => [] }),
    "half-open: taken and never answered": hanging({ answer: () => [] }),
    "an answer that stops in its headers": hanging({ answer: (answered) => [bytesOf(answered).subarray(0, 30)] }),
    "headers byte by byte without an end": hanging({
      answer: () => ["HTTP/1.1 200 OK\r\n", ...Array.from({ length: 3_000 }, () => "a")]
    }),
    "an answer that stops in its body": hanging({
      answer: (
        answered
      ) => [bytesOf(answered, { headers: [`content-length: ${answered.body.length}`] }).subarray(0, -3)]
    }, "taken"),
    "informational answers without an end": hanging({
      answer: () => Array.from({ length: 2_000 }, () => "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n")
    }),
    // Lengths
    "a length that is too long, then the end": {
      fault: around((length) => [`content-length: ${length + 50}`], { end: "close" }),
      v0: "taken",
      v1: "again"
    },
    "a length that is too long": hanging(around((length) => [`content-length: ${length + 50}`]), "taken"),
    "a length that is too short": {
      fault: around((length) => [`content-length: ${length - 5}`], { end: "close" }),
      v0: "taken",
      v1: "refused"
    },
    "a length that is no number": again(around(() => ["content-length: many"], { end: "close" })),
    "two lengths": again(
      around((length) => [`content-length: ${length}`, `content-length: ${length + 1}`], { end: "close" })
    ),
    "a length beside chunks": again(around((length) => [`content-length: ${length}`, "transfer-encoding: chunked"], {
      end: "close"
    })),
    "two answers to one request": {
      fault: { answer: (answered) => [Buffer.concat([bytesOf(answered), bytesOf(answered)])], end: "close" },
      v0: "taken",
      v1: "taken"
    },
    // Forms
    "HTTP/1.0 that ends with the connection": {
      fault: {
        answer: (answered) => [bytesOf(answered, { version: "HTTP/1.0", headers: ["connection: close"] })],
        end: "close"
      },
      v0: "taken",
      v1: "taken"
    },
    "100 Continue before the answer": {
      fault: { answer: (answered) => ["HTTP/1.1 100 Continue\r\n\r\n", bytesOf(answered)] },
      v0: "taken",
      v1: "taken"
    },
    "103 Early Hints before the answer": {
      fault: { answer: (answered) => ["HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", bytesOf(answered)] },
      v0: "taken",
      v1: "taken"
    },
    "101 Switching Protocols": again({
      answer: () => ["HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"],
      end: "close"
    }),
    "chunks": {
      fault: chunked((body) => `${body.length.toString(16)}\r\n${body.toString()}\r\n0\r\n\r\n`),
      v0: "taken",
      v1: "taken"
    },
    "chunks that are garbage": {
      fault: chunked(() => "zzz\r\nnonsense\r\n", { end: "close" }),
      v0: "taken",
      v1: "again"
    },
    "chunks that break off": {
      fault: chunked((body) => `${body.length.toString(16)}\r\n${body.toString().slice(0, 4)}`, { end: "close" }),
      v0: "taken",
      v1: "again"
    },
    "an answer that is none": again({ answer: () => ["\x15\x03\x01\x00\x02\x02\x0a"], end: "close" }),
    "a status line that is corrupt": again({
      answer: () => ["HTTP/1.1 2OO OK\r\ncontent-length: 0\r\n\r\n"],
      end: "close"
    }),
    "headers that are too large": again({
      answer: () => [`HTTP/1.1 200 OK\r\nx-large: ${"x".repeat(300_000)}\r\ncontent-length: 0\r\n\r\n`],
      end: "close"
    }),
    "a body that is not packed as it says": {
      fault: around((length) => [`content-length: ${length}`, "content-encoding: gzip"]),
      v0: "taken",
      v1: "again"
    },
    "a body of another kind": {
      fault: { answer: (answered) => [bytesOf({ ...answered, body: Buffer.from("<html>welcome</html>") })] },
      v0: "taken",
      v1: "refused"
    },
    // Statuses
    "307 to somewhere": {
      fault: status("307 Temporary Redirect", "location: http://127.0.0.1:1/"),
      v0: "refused",
      v1: "refused"
    },
    "503": again(status("503 Service Unavailable")),
    "429 with Retry-After": again(status("429 Too Many Requests", "retry-after: 0")),
    "408, as a server closes a connection that is idle": again({
      ...status("408 Request Timeout", "connection: close"),
      end: "close"
    })
  } satisfies Record<string, Case>
)
