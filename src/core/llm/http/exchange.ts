/**
 * One exchange with a provider, from the request to the end of the answer: whoever sees it tells what happens, and one
 * {@link Call} is made of it, once.
 *
 * Nothing here knows whose the bytes are: a client of Effect's, `fetch`, or a test.
 *
 * @since 0.1.0
 */
import { isList } from "../../guard.js"
import type { AnswerFacts, Call, Endpoint, Failure, RequestFacts, StreamReader } from "../model.js"
import { type Framing, framingOf, type Splitter, splitter } from "./framing.js"

/** Most characters of an answer that is no stream. A longer one is not read. */
export const maxBody = 8 * 1024 * 1024

/** The stop reason of a call that the program interrupted. */
export const interrupted = "interrupted"

export interface Settings {
  readonly endpoint: Endpoint
  /** Without what is secret in it. */
  readonly requestUrl: string | undefined
  /** What the request says. Called after the exchange has ended, so that reading it does not delay the request. */
  readonly request: () => RequestFacts
  /** Milliseconds from any moment; never goes back. */
  readonly now: () => number
  /** Most characters of text that are kept of a stream. */
  readonly limit: number
  /** Called once, with what became of the call. It must not throw. */
  readonly onEnd: (call: Call) => void
  /** Called in the place of `onEnd` where the exchange could not be read. It must not throw. */
  readonly onFault: (thrown: unknown) => void
}

/** An answer that is read piece by piece, or one that is collected and read at its end. */
type Body =
  | { readonly kind: "pieces"; readonly splitter: Splitter; readonly reader: StreamReader }
  | { readonly kind: "whole"; readonly decoder: TextDecoder; readonly texts: Array<string>; length: number }
  | { readonly kind: "value"; readonly value: unknown }

/** Answers whose text cannot be JSON although it is one: those are told apart by what they are. */
const isTextual = (contentType: string | undefined): boolean =>
  contentType === undefined || /^(?:text\/|application\/(?:[\w.-]+\+)?json\b)/i.test(contentType)

/** The first character of a field of server-sent events, or of a comment. */
const beginsEvents = (unit: number): boolean => "deir:".includes(String.fromCharCode(unit))

const isSpace = (unit: number): boolean => unit === 32 || (unit >= 9 && unit <= 13)

/** The first character that says something: not white space, and no mark of the order of bytes. */
const firstOf = (chunk: Uint8Array | string): number | undefined => {
  for (let i = 0; i < chunk.length; i++) {
    const unit = typeof chunk === "string" ? chunk.charCodeAt(i) : chunk[i]!
    if (!isSpace(unit) && unit !== 0xfeff && unit !== 0xef && unit !== 0xbb && unit !== 0xbf) return unit
  }
  return undefined
}

/** Headers by which providers find a request again. */
const requestIds = ["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"]

const openingBrace = 123
const openingBracket = 91

export class Exchange {
  private readonly start: number
  /** When something was last seen of the other side. */
  private last: number
  private firstToken: number | undefined
  private status: number | undefined
  private contentType: string | undefined
  private requestId: string | undefined
  private body: Body | undefined
  private hasEnded = false
  private fault: { readonly thrown: unknown } | undefined

  constructor(private readonly settings: Settings) {
    this.start = this.last = settings.now()
  }

  get isOver(): boolean {
    return this.hasEnded
  }

  /** Whether the provider has answered with a failure. */
  get isRefused(): boolean {
    return this.status !== undefined && this.status >= 400
  }

  /** Whether something of the answer's body was read. */
  get isRead(): boolean {
    return this.body !== undefined
  }

  /** The status and the headers are there. `header` gives the value of one, asked by its name in lower case. */
  answered(status: number, header: (name: string) => string | null | undefined): void {
    if (this.hasEnded) return
    this.last = this.settings.now()
    this.status = status
    this.contentType = header("content-type") ?? undefined
    this.requestId = requestIds.map(header).find((id) => typeof id === "string" && id !== "")?.slice(0, 200)
  }

  /** A piece of the body, or all of it. */
  push(chunk: Uint8Array | string): void {
    if (this.hasEnded || this.fault !== undefined || chunk.length === 0) return
    this.last = this.settings.now()
    try {
      const first = this.body === undefined ? firstOf(chunk) : undefined
      const body = this.body ??= first === undefined ? undefined : this.begin(first)
      if (body?.kind === "pieces") body.splitter.push(chunk)
      else if (body?.kind === "whole") collect(body, chunk)
    } catch (thrown) {
      this.fault = { thrown }
    }
  }

  /** The whole body, parsed by somebody else. */
  value(value: unknown): void {
    if (this.hasEnded) return
    this.body = { kind: "value", value }
    this.end()
  }

  /** The body has ended as it should. */
  end(): void {
    this.last = this.settings.now()
    this.finish(() => {
      if (this.body?.kind === "pieces") this.body.splitter.end()
      const answer = this.answer()
      return { answer, failure: answer.failure ?? this.refusal() }
    })
  }

  /** Neither the answer nor the rest of it will come. */
  fail(failure: Failure): void {
    this.last = this.settings.now()
    this.finish(() => ({ answer: this.partial(), failure }))
  }

  /** The body came, and is no JSON. */
  unreadable(): void {
    this.last = this.settings.now()
    this.finish(() => ({ answer: {}, failure: this.refusal() ?? { type: "unreadable_answer" } }))
  }

  /** This was no call of a model after all. */
  dismiss(): void {
    this.hasEnded = true
    this.body = undefined
  }

  /** Nobody waits for the answer, or for the rest of it, any more. */
  abort(): void {
    this.last = this.settings.now()
    this.finish(() => {
      const answer = this.partial()
      const failure = answer.failure ?? this.refusal()
      // Who hears of a failure goes away too. What a provider says last is its reason to stop: whoever has heard that
      // has heard it all.
      const stopReason = answer.stopReason ?? (failure === undefined ? interrupted : undefined)
      return { answer: { ...answer, stopReason }, failure }
    })
  }

  /** Nobody will read what was not read by now. */
  abandon(): void {
    if (this.isRead || this.status === undefined) return this.abort()
    this.finish(() => ({ answer: {}, failure: this.refusal() }))
  }

  /** Makes the call, and tells it; later events change nothing. */
  private finish(make: () => { readonly answer: Partial<AnswerFacts>; readonly failure: Failure | undefined }): void {
    if (this.hasEnded) return
    this.hasEnded = true
    const { endpoint, onEnd, onFault, request, requestUrl } = this.settings
    let call: Call
    try {
      if (this.fault !== undefined) return onFault(this.fault.thrown)
      const { answer, failure } = make()
      call = {
        kind: endpoint.format.kind,
        provider: endpoint.provider,
        baseUrl: endpoint.baseUrl,
        requestUrl,
        request: request(),
        answer: this.requestId === undefined
          ? answer
          : { ...answer, metadata: { ...answer.metadata, request_id: this.requestId } },
        httpStatus: this.status,
        latencySeconds: this.seconds(this.last),
        firstTokenSeconds: this.firstToken === undefined ? undefined : this.seconds(this.firstToken),
        failure
      }
    } catch (thrown) {
      return onFault(thrown)
    } finally {
      this.body = undefined
    }
    onEnd(call)
  }

  private seconds(at: number): number {
    return Math.max(0, at - this.start) / 1000
  }

  private begin(first: number): Body {
    const { format } = this.settings.endpoint
    const framing = framingOf(this.contentType)
    if (format.stream !== undefined && !this.isRefused) {
      if (first === openingBracket) return this.pieces("json")
      if (first === openingBrace && framing === "ndjson") return this.pieces("ndjson")
      if (first !== openingBrace && (framing === "sse" || beginsEvents(first))) return this.pieces("sse")
    }
    return { kind: "whole", decoder: new TextDecoder(), texts: [], length: 0 }
  }

  private pieces(framing: Framing): Body {
    const reader = this.settings.endpoint.format.stream!(this.settings.limit)
    return {
      kind: "pieces",
      reader,
      splitter: splitter(framing, (piece) => {
        if (reader.read(piece)) this.firstToken ??= this.last
      })
    }
  }

  /** What the body says that has ended. */
  private answer(): Partial<AnswerFacts> {
    const { body } = this
    if (body === undefined) return this.unread("empty_answer")
    if (body.kind === "pieces") return body.reader.answer()
    if (body.kind === "value") return this.read(body.value)
    const text = take(body)
    if (text === undefined) return {}
    try {
      return this.read(JSON.parse(text))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
    return this.fromPieces(text) ?? (isTextual(this.contentType) ? this.unread("unreadable_answer") : {})
  }

  /** As much as the pieces say that came. */
  private partial(): Partial<AnswerFacts> {
    return this.body?.kind === "pieces" ? this.body.reader.answer() : {}
  }

  private read(value: unknown): Partial<AnswerFacts> {
    const { format } = this.settings.endpoint
    if (!isList(value)) return format.answer(value)
    if (format.stream === undefined || this.isRefused) return format.answer(value[0])
    const reader = format.stream(this.settings.limit)
    for (const piece of value) reader.read(piece)
    return reader.answer()
  }

  /** Several values of JSON one after another, which the content type does not announce. */
  private fromPieces(text: string): Partial<AnswerFacts> | undefined {
    const reader = this.settings.endpoint.format.stream?.(this.settings.limit)
    if (reader === undefined) return undefined
    let hasSome = false
    const pieces = splitter("json", (piece) => {
      hasSome = reader.read(piece) || hasSome
    })
    pieces.push(text)
    pieces.end()
    return hasSome ? reader.answer() : undefined
  }

  /** A provider that succeeds says something. */
  private unread(type: string): Partial<AnswerFacts> {
    return this.isRefused ? {} : { failure: { type } }
  }

  /** What a status says by itself. */
  private refusal(): Failure | undefined {
    return this.isRefused ? { type: "http_error", code: String(this.status) } : undefined
  }
}

const collect = (body: Body & { readonly kind: "whole" }, chunk: Uint8Array | string): void => {
  body.length += chunk.length
  if (body.length > maxBody) body.texts.length = 0
  else body.texts.push(typeof chunk === "string" ? chunk : body.decoder.decode(chunk, { stream: true }))
}

/** The text that was collected; `undefined`: it was too long. */
const take = ({ decoder, length, texts }: Body & { readonly kind: "whole" }): string | undefined =>
  length > maxBody ? undefined : texts.join("") + decoder.decode()
