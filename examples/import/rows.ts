/**
 * Reads a file of events row by row, from any position on.
 */
import { parse } from "csv-parse"
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

/** The first line of a CSV file, and where the one after it begins. */
const readHeader = async (file: string): Promise<{ readonly columns: ReadonlyArray<string>; readonly end: number }> => {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 0)
    const newline = buffer.indexOf(10)
    const end = newline === -1 || newline >= bytesRead ? bytesRead : newline + 1
    const columns = buffer.toString("utf8", 0, end).trim().split(",")
    return { columns: columns.map((column) => column.replace(/^"|"$/g, "")), end }
  } finally {
    await handle.close()
  }
}

/** Comma-separated values with a header; columns that are no member of an event are properties. */
async function* readCsv(file: string, from: number): AsyncGenerator<Row> {
  const header = await readHeader(file)
  const start = Math.max(from, header.end)
  /** Rows that cannot be parsed. The parser meets them ahead of the rows that it has handed out. */
  const skipped: Array<Row> = []
  const parser = createReadStream(file, { start }).pipe(parse({
    columns: [...header.columns],
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      skipped.push({ end: start + (error as unknown as { readonly bytes: number }).bytes, value: error!.code })
      return undefined
    },
    info: true
  }))
  for await (const { info, record } of parser) {
    const end = start + (info as { readonly bytes: number }).bytes
    while (skipped.length > 0 && skipped[0]!.end < end) yield skipped.shift()!
    const { distinct_id, event, timestamp, uuid, ...properties } = record as Record<string, string>
    yield { end, value: { distinct_id, event, timestamp, ...(uuid ? { uuid } : undefined), properties } }
  }
  yield* skipped
}

export class FileError extends Data.TaggedError("FileError")<{ readonly message: string }> {}

/** The rows of a file, by its ending. */
export const read = (file: string, from: number): Stream.Stream<Row, FileError> =>
  Stream.fromAsyncIterable(
    file.endsWith(".csv") ? readCsv(file, from) : readNdjson(file, from),
    (cause) => new FileError({ message: `${file} cannot be read: ${String(cause)}` })
  )
