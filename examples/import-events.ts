/**
 * Imports a file of past events, NDJSON or CSV, into PostHog.
 *
 *   npx tsx examples/import/generate.ts events.ndjson 100000
 *   npx tsx examples/import-events.ts events.ndjson
 *
 * A row has `event`, `distinct_id` and `timestamp`, may have `uuid`, and its properties in `properties` (NDJSON) or in the
 * other columns (CSV). With POSTHOG_API_KEY set the events go to that project, otherwise to a PostHog inside this program.
 *
 * The import can be stopped and started again: after every part its position is written to `<file>.position`, and events get
 * the same uuid each time, so that those which are sent twice are one event to PostHog. Rows that are no events are written to
 * `<file>.rejected`. At the end each row is accounted for.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Console, Data, Effect, Layer, Logger, LogLevel, ParseResult, Schema, Stream } from "effect"
import { PostHog, PostHogClient, PostHogConfig } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { createHash } from "node:crypto"
import { appendFile, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { basename } from "node:path"
import { read, type Row } from "./import/rows.js"

/** Rows between two positions. All of a part is acknowledged before its position is written. */
const partSize = 5_000

class ImportError extends Data.TaggedError("ImportError")<{ readonly message: string }> {}

/** A date with or without time, as ISO 8601 writes it; other forms mean different days to different people. */
const timestampPattern = /^(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?$/i

const isTimestamp = (text: string): boolean => {
  const day = timestampPattern.exec(text)?.[1]
  // The second look is for days that no month has.
  return day !== undefined && !Number.isNaN(Date.parse(text)) &&
    new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

const HistoricalEvent = Schema.Struct({
  event: Schema.NonEmptyString,
  distinct_id: Schema.NonEmptyString,
  timestamp: Schema.String.pipe(Schema.filter((text) => isTimestamp(text) || `${text} is no timestamp of ISO 8601`)),
  uuid: Schema.optional(Schema.UUID),
  properties: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.Unknown }), { default: () => ({}) })
})

/** What has become of the rows so far. The three add up to `rows`. */
const Position = Schema.Struct({
  /** Size of the file when the import began: another file must not be continued. */
  size: Schema.Number,
  /** Where to go on, in bytes. */
  offset: Schema.Number,
  rows: Schema.Number,
  delivered: Schema.Number,
  /** Rows that are no events. */
  rejected: Schema.Number,
  /** Events that PostHog refused or that were too large. */
  dropped: Schema.Number
})
type Position = typeof Position.Type

const [, , file, flag] = process.argv

const io = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new ImportError({ message: String(cause) }) })

const loadPosition = (size: number) =>
  io(() => readFile(`${file}.position`, "utf8")).pipe(
    Effect.flatMap(Schema.decode(Schema.parseJson(Position))),
    Effect.filterOrFail((position) => position.size === size && flag !== "--from-start", () => "another file"),
    Effect.orElseSucceed((): Position => ({ size, offset: 0, rows: 0, delivered: 0, rejected: 0, dropped: 0 }))
  )

/** Written whole and then renamed, so that a crash leaves the old position or the new one. */
const savePosition = (position: Position) =>
  io(async () => {
    await writeFile(`${file}.position.new`, JSON.stringify(position))
    await rename(`${file}.position.new`, `${file}.position`)
  })

/** A uuid (version 8: made from a hash) that is the same whenever the row is read. */
const uuidOf = (end: number): string => {
  const hash = createHash("sha256").update(`${basename(file!)}:${end}`).digest("hex")
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

/** Captures the row; gives what is wrong with it when it is no event. */
const captureRow = (row: Row) => {
  if (typeof row.value === "string") return Effect.succeed(`byte ${row.end}: ${row.value}`)
  return Schema.decodeUnknown(HistoricalEvent)(row.value).pipe(
    Effect.flatMap(({ distinct_id, event, properties, timestamp, uuid }) =>
      PostHog.capture(event, properties, { distinctId: distinct_id, timestamp, uuid: uuid ?? uuidOf(row.end) })
    ),
    Effect.as(undefined),
    Effect.catchIf(
      ParseResult.isParseError,
      // Effect 4 says where in a line of its own, Effect 3 in the lines before.
      (error) => Effect.succeed(`byte ${row.end}: ${error.message.replace(/\n\s*at /g, " at ").split("\n").at(-1)}`)
    )
  )
}

const droppedOf = (stats: PostHog.Stats): number => Object.values(stats.dropped).reduce((sum, count) => sum + count, 0)

/** Captures a part, waits until each of its events is settled, and gives the position after it. */
const importPart = (rows: ReadonlyArray<Row>, position: Position) =>
  Effect.gen(function*() {
    const before = yield* PostHog.stats
    const problems = (yield* Effect.forEach(rows, captureRow)).filter((problem) => problem !== undefined)
    yield* PostHog.flush.pipe(
      Effect.catchTag("DeliveryError", (error) =>
        // An event that PostHog refuses is counted; when it takes none, or not now, the import stops.
        error.queued === 0 && (error.status === 400 || error.status === 413)
          ? Effect.void
          : new ImportError({ message: `${error.message}. Start again to go on.` }))
    )
    if (problems.length > 0) yield* io(() => appendFile(`${file}.rejected`, `${problems.join("\n")}\n`))
    const after = yield* PostHog.stats
    const delivered = after.delivered - before.delivered
    const dropped = droppedOf(after) - droppedOf(before)
    if (delivered + dropped + problems.length !== rows.length) {
      return yield* new ImportError({ message: `${rows.length} rows were read, but not all of them are accounted for` })
    }
    return {
      size: position.size,
      offset: rows.at(-1)!.end,
      rows: position.rows + rows.length,
      delivered: position.delivered + delivered,
      rejected: position.rejected + problems.length,
      dropped: position.dropped + dropped
    }
  })

/** A bar on a terminal, a line now and then elsewhere. */
const showProgress = (position: Position, since: Position, begin: number) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const share = position.size === 0 ? 1 : position.offset / position.size
    const seconds = Math.max(now - begin, 1) / 1000
    const rate = (position.rows - since.rows) / seconds
    const left = (position.size - position.offset) / Math.max((position.offset - since.offset) / seconds, 1)
    const bar = "█".repeat(Math.round(share * 30)).padEnd(30, "░")
    const text = `${bar} ${(share * 100).toFixed(0).padStart(3)} %  ${position.rows} rows  ${rate.toFixed(0)}/s  ${
      left.toFixed(0)
    } s left`
    process.stderr.write(process.stderr.isTTY ? `\r${text}  ` : `${text}\n`)
  })

const program = Effect.gen(function*() {
  if (file === undefined) {
    return yield* new ImportError({ message: "usage: import-events FILE [--from-start]" })
  }
  if (yield* PostHog.isOptedOut) return yield* new ImportError({ message: "PostHog is switched off (POSTHOG_ENABLED)" })
  const { size } = yield* io(() => stat(file))
  const start = yield* loadPosition(size)
  if (start.offset === 0) yield* io(() => rm(`${file}.rejected`, { force: true }))
  else yield* Console.log(`Going on at row ${start.rows + 1}.`)
  const begin = yield* Clock.currentTimeMillis
  const end = yield* read(file, start.offset).pipe(
    Stream.grouped(partSize),
    Stream.runFoldEffect(start, (position, rows) =>
      importPart(Array.from(rows), position).pipe(
        Effect.tap(savePosition),
        Effect.tap((next) => showProgress(next, start, begin))
      ))
  )
  if (process.stderr.isTTY) process.stderr.write("\n")
  yield* Console.log(
    `${end.rows} rows = ${end.delivered} delivered + ${end.rejected} rejected + ${end.dropped} dropped`
  )
  if (end.rejected > 0) yield* Console.log(`See ${file}.rejected.`)
})

const PostHogHere = Layer.unwrapScoped(Effect.gen(function*() {
  const options = yield* PostHogConfig.config
  const target = options.apiKey === undefined
    ? { apiKey: "phc_import", host: (yield* PostHogServer.make({ maxEvents: 1_000 })).url }
    : options
  return PostHog.layer({
    ...target,
    historicalMigration: true,
    maxBatchSize: 1_000,
    maxQueueBytes: 8 * 1024 * 1024,
    // Reading waits for PostHog, so that memory stays small however large the file is.
    overflow: { waitUpTo: "10 minutes" }
  })
})).pipe(Layer.provide(PostHogClient.layer))

NodeRuntime.runMain(Effect.provide(program, Layer.merge(PostHogHere, Logger.minimumLogLevel(LogLevel.Warning))))
