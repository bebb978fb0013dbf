/**
 * Reads a file of events row by row, from any position on.
 */
import { parse } from "csv-parse"
import { parse as parseSync } from "csv-parse/sync"
import { Data, Stream } from "effect"
import { createReadStream } from "node:fs"
import { open } from "node:fs/promises"

export interface Row {
  /** Where the next row begins, in bytes from the start of the file. */
  readonly end: number
  /** The parsed row; a text says why it could not be parsed. */
  readonly value: Readonly<Record<string, unknown>> | string
}

/** One JSON object a line. */
async function* readNdjson(file: string, from: number): AsyncGenerator<Row> {
  let rest = Buffer.alloc(0)
  let end = from
  const row = (line: Buffer): Row | undefined => {
    const text = line.toString("utf8").trim()
    if (text === "") return undefined
    try {
      const value: unknown = JSON.parse(text)
      return {
        end,
        value: typeof value === "object" && value !== null && !Array.isArray(value)
          ? value as Record<string, unknown>
          : "not an object"
      }
    } catch {
      return { end, value: "not JSON" }
    }
  }
  for await (const chunk of createReadStream(file, { start: from })) {
    rest = Buffer.concat([rest, chunk as Buffer])
    let start = 0
    for (let newline = rest.indexOf(10); newline !== -1; newline = rest.indexOf(10, start)) {
      end += newline + 1 - start
      const found = row(rest.subarray(start, newline))
      start = newline + 1
      if (found !== undefined) yield found
    }
    rest = rest.subarray(start)
  }
  end += rest.length
  const last = row(rest)
  if (last !== undefined) yield last
}

/** The longest header that is looked at. */
const maxHeader = 64 * 1024

/** The columns of a CSV file, and where the row after them begins. */
const readHeader = async (file: string): Promise<{ readonly columns: Array<string>; readonly end: number }> => {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxHeader), 0, maxHeader, 0)
    const [first] = parseSync(buffer.subarray(0, bytesRead), {
      to: 1,
      info: true,
      bom: true
    }) as unknown as ReadonlyArray<
      { readonly record: Array<string>; readonly info: { readonly bytes: number } }
    >
    return { columns: first?.record ?? [], end: first?.info.bytes ?? bytesRead }
  } finally {
    await handle.close()
  }
}

/** Errors after which the parser takes what follows for the inside of a quote: rows would be passed over unseen. */
const fatal = new Set(["CSV_QUOTE_NOT_CLOSED", "CSV_INVALID_CLOSING_QUOTE"])

/** Where the line ends in which a byte is. */
const endOfLine = async (file: string, at: number): Promise<number> => {
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(64 * 1024)
    for (let position = at;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
      const newline = buffer.subarray(0, bytesRead).indexOf(10)
      if (newline !== -1) return position + newline + 1
      position += bytesRead
      if (bytesRead === 0) return position
    }
  } finally {
    await handle.close()
  }
}

/** Comma-separated values with a header; columns that are no member of an event are properties. */
async function* readCsv(file: string, from: number): AsyncGenerator<Row> {
  const header = await readHeader(file)
  const start = Math.max(from, header.end)
  /** Rows that cannot be parsed, by line. The parser meets them ahead of the rows that it has handed out. */
  const skipped = new Map<number, { readonly at: number; readonly why: string }>()
  const parser = createReadStream(file, { start }).pipe(parse({
    columns: header.columns,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      const { bytes, lines } = error as unknown as { readonly bytes: number; readonly lines: number }
      const why = error!.code
      // The parser may find more than one thing wrong with a row.
      if (!skipped.has(lines)) skipped.set(lines, { at: start + bytes, why })
      if (fatal.has(why)) {
        parser.destroy(
          new Error(
            `${why} near byte ${start + bytes}: a quote does not end where it should; mend the file and start again`
          )
        )
      }
      return undefined
    },
    info: true
  }))
  async function* passed(before: number): AsyncGenerator<Row> {
    for (const [line, { at, why }] of skipped) {
      if (at >= before) continue
      skipped.delete(line)
      // Not where the parser gave up, or the rest of the row would be read as a row when the import goes on from there.
      yield { end: await endOfLine(file, Math.max(at - 1, 0)), value: why }
    }
  }
  for await (const { info, record } of parser) {
    const end = start + (info as { readonly bytes: number }).bytes
    yield* passed(end)
    const { distinct_id, event, timestamp, uuid, ...properties } = record as Record<string, string>
    yield { end, value: { distinct_id, event, timestamp, ...(uuid ? { uuid } : undefined), properties } }
  }
  yield* passed(Number.POSITIVE_INFINITY)
}

export class FileError extends Data.TaggedError("FileError")<{ readonly message: string }> {}

/** The rows of a file, by its ending. */
export const read = (file: string, from: number): Stream.Stream<Row, FileError> =>
  Stream.fromAsyncIterable(
    file.endsWith(".csv") ? readCsv(file, from) : readNdjson(file, from),
    (cause) => new FileError({ message: `${file} cannot be read: ${String(cause)}` })
  )
