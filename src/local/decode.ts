/**
 * Bodies as clients pack them. What a request says about its packing is not reliable, so the bytes decide.
 */
import * as zlib from "node:zlib"
import type { Body } from "./model.js"

/** Of a body, on the wire and unpacked. */
export const maxBody = 20 * 1024 * 1024

/** What the parsers of PostHog's services take. `JSON.stringify` ends the process a few thousand levels further. */
const maxDepth = 128

/** A body that cannot be read. */
export interface Undecodable {
  readonly status: number
  /** As capture v1 calls it. */
  readonly code:
    | "request_decoding_error"
    | "request_parsing_error"
    | "payload_too_large"
    | "unsupported_encoding"
    | "service_unavailable"
  readonly reason: string
}

export interface Decoded {
  readonly body: Body
  /** In words, see `ReceivedRequest`. */
  readonly packed: string
  /** Unpacked. */
  readonly bytes: number
  readonly problem: Undecodable | undefined
}

export const tooLarge = (what: string): Undecodable => ({
  status: 413,
  code: "payload_too_large",
  reason: `the body is larger than ${maxBody} bytes ${what}`
})

const options = { maxOutputLength: maxBody }

/** In Node from 22.15 on; types are of an older one. */
const { zstdDecompressSync } = zlib as {
  readonly zstdDecompressSync?: (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer
}

const unpackers: { readonly [encoding: string]: ((bytes: Buffer) => Buffer) | undefined } = {
  __proto__: null as never,
  gzip: (bytes) => zlib.gunzipSync(bytes, options),
  "x-gzip": (bytes) => zlib.gunzipSync(bytes, options),
  deflate: (bytes) => zlib.inflateSync(bytes, options),
  br: (bytes) => zlib.brotliDecompressSync(bytes, options),
  zstd: zstdDecompressSync === undefined ? undefined : (bytes) => zstdDecompressSync(bytes, options),
  identity: (bytes) => bytes
}

const unpack = (encoding: string, bytes: Buffer): Buffer | Undecodable => {
  const unpacker = unpackers[encoding]
  if (unpacker === undefined) {
    return { status: 415, code: "unsupported_encoding", reason: `nothing here unpacks "${encoding.slice(0, 50)}"` }
  }
  try {
    return unpacker(bytes)
  } catch (error) {
    return (error as { readonly code?: unknown }).code === "ERR_BUFFER_TOO_LARGE"
      ? tooLarge("when it is unpacked")
      : { status: 400, code: "request_decoding_error", reason: `the body is no ${encoding}` }
  }
}

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** Whether brackets are nested more deeply than a parser shall go. Those in texts do not count. */
export const isTooDeep = (text: string): boolean => {
  let depth = 0
  let inText = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inText) {
      if (code === 0x5c /* \ */) i++
      else if (code === 0x22) inText = false
    } else if (code === 0x22 /* " */) inText = true
    else if (code === 0x5b /* [ */ || code === 0x7b /* { */) {
      if (++depth > maxDepth) return true
    } else if (code === 0x5d || code === 0x7d) depth--
  }
  return false
}

/** The value of `data` in a form. `undefined`: what is escaped is no text. */
const formData = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.slice("data=".length).split("&", 1)[0]!.replaceAll("+", " "))
  } catch {
    return undefined
  }
}

/** What base64 has none of. A pattern for the whole text would take a hostile one back and forth. */
const notBase64 = /[^A-Za-z0-9+/=_\s-]/

/** Reads a body. `isBinary`: it is none of ours, and is not looked into. */
export const decode = (wire: Buffer, contentEncoding: string | undefined, isBinary = false): Decoded => {
  const words: Array<string> = []
  const fail = (problem: Undecodable, bytes = wire): Decoded => ({
    body: { text: "", json: undefined },
    packed: words.join(" in ") || "plain",
    bytes: bytes.length,
    problem
  })
  let bytes = wire
  const encoding = contentEncoding?.trim().toLowerCase() ?? ""
  if (encoding !== "") {
    words.push(encoding.slice(0, 50))
    const unpacked = unpack(encoding, bytes)
    if (!Buffer.isBuffer(unpacked)) return fail(unpacked)
    bytes = unpacked
  } else if (isGzip(bytes)) {
    words.push("gzip without header")
    const unpacked = unpack("gzip", bytes)
    if (!Buffer.isBuffer(unpacked)) return fail(unpacked)
    bytes = unpacked
  }
  let text = bytes.toString("utf8")
  if (!isBinary && text.startsWith("data=")) {
    words.unshift("form")
    const data = formData(text)
    if (data === undefined) {
      return fail({ status: 400, code: "request_decoding_error", reason: "the form is badly escaped" }, bytes)
    }
    text = data
  }
  if (
    !isBinary && !/^\s*(?:["[{]|$)/.test(text) && !notBase64.test(text) &&
    !/^(?:[\d.eE+-]+|true|false|null)$/.test(text.trim())
  ) {
    words.unshift("base64")
    // A plus sign that was not escaped has become a space in a form.
    bytes = Buffer.from(text.replaceAll(" ", "+"), "base64")
    if (isGzip(bytes)) {
      words.unshift("gzip")
      const unpacked = unpack("gzip", bytes)
      if (!Buffer.isBuffer(unpacked)) return fail(unpacked)
      bytes = unpacked
    }
    text = bytes.toString("utf8")
  }
  const packed = words.join(" in ") || "plain"
  if (isBinary || text.trim() === "") {
    return { body: { text, json: undefined }, packed, bytes: bytes.length, problem: undefined }
  }
  if (isTooDeep(text)) {
    return fail({
      status: 400,
      code: "request_parsing_error",
      reason: `the body is nested more than ${maxDepth} levels deep`
    }, bytes)
  }
  try {
    const json: unknown = JSON.parse(text)
    return { body: { text, json }, packed, bytes: bytes.length, problem: undefined }
  } catch {
    return { body: { text, json: undefined }, packed, bytes: bytes.length, problem: undefined }
  }
}
