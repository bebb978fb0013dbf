/**
 * The adapter by which PostHog's compliance harness drives this library: a small HTTP service that does with the public API
 * what it is told to.
 *
 *   npm run compliance:adapter        listens on 127.0.0.1:$PORT, 8080 if unset; CAPTURE_MODE=v0 (default) or v1,
 *                                     AI_CAPTURE_MODE=v1 (default) or v0, COMPRESSION=gzip (default), deflate, br or
 *                                     zstd, HOOKS=1
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Effect, Either, Layer, Logger, LogLevel, ManagedRuntime, Option, Stream } from "effect"
import {
  FeatureFlags,
  LlmAnalytics,
  LocalEvaluation,
  PostHog,
  type PostHogConfig,
  type PostHogError
} from "effect-posthog"
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as zlib from "node:zlib"

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }

/** A word of the environment, of which there are only some. */
const wordOf = <Word extends string>(variable: string, words: readonly [Word, ...ReadonlyArray<Word>]): Word => {
  const given = process.env[variable] ?? words[0]
  const word = words.find((word) => word === given)
  if (word !== undefined) return word
  console.error(`${variable}=${given} is none of ${words.join(", ")}`)
  return process.exit(2)
}

const mode = wordOf("CAPTURE_MODE", ["v0", "v1"])
const aiMode = wordOf("AI_CAPTURE_MODE", ["v1", "v0"])
const compression = wordOf("COMPRESSION", ["gzip", "deflate", "br", "zstd"])

/** Capture v0 knows gzip; over capture v1 goes what the runtime has. */
const encodings = mode === "v0" && aiMode === "v0"
  ? ["gzip"]
  : ["gzip", "deflate", "br", ..."zstdCompress" in zlib ? ["zstd"] : []]

/** Whether events go through a hook, which takes another way through the writing. */
const hooks = process.env.HOOKS === "1"

interface Init {
  readonly api_key: string
  readonly host: string
  readonly flush_at?: number
  readonly flush_interval_ms?: number
  readonly max_retries?: number
  readonly enable_compression?: boolean
  readonly disable_geoip?: boolean
  readonly historical_migration?: boolean
}

interface Capture {
  readonly distinct_id?: string
  readonly event: string
  readonly properties: Record<string, unknown> | null
  readonly timestamp: string | null
  readonly options?: Readonly<Record<string, unknown>>
}

interface CaptureAi extends Capture {
  /** Kept as the uuid of the event. */
  readonly uuid?: string | null
}

/** What is said about an event besides its properties. */
const optionsOf = (body: Capture): PostHog.CaptureOptions => ({
  distinctId: body.distinct_id,
  timestamp: body.timestamp ?? undefined,
  options: body.options
})

/** What acceptance asks beyond the public harness; absent members may be null. */
interface EvaluateFlags {
  readonly definitions: unknown
  readonly now?: string
  readonly distinct_id: string
  readonly groups?: PostHog.Groups | null
  readonly person_properties?: PostHog.Properties | null
  readonly group_properties?: PostHog.GroupProperties | null
  readonly device_id?: string | null
  readonly flag_keys?: ReadonlyArray<string> | null
  readonly evaluation_contexts?: ReadonlyArray<string> | null
}

interface MatchProperty {
  readonly filter: unknown
  readonly properties: PostHog.Properties | null
  readonly now?: string
  readonly property_matching_version?: number | null
}

interface GetFeatureFlag {
  readonly key: string
  readonly distinct_id: string
  readonly person_properties?: Record<string, unknown>
  readonly groups?: Record<string, string>
  readonly group_properties?: Record<string, Record<string, unknown>>
  readonly disable_geoip?: boolean
  /** Every evaluation asks the server: this library evaluates nothing locally yet, and caches only when told to. */
  readonly force_remote?: boolean
}

/** One client of the library, and what the harness may ask about it. */
class Client {
  readonly runtime: ManagedRuntime.ManagedRuntime<PostHog.PostHog, PostHogError.ConfigurationError>
  readonly requests: Array<PostHogError.RequestCompleted> = []
  lastError: string | undefined
  lastUuid: string | undefined

  constructor(init: Init, testId: string | undefined) {
    const options: PostHogConfig.Options = {
      apiKey: init.api_key,
      host: init.host,
      flushAt: init.flush_at,
      // Absent, the timer must not split a batch.
      flushInterval: init.flush_interval_ms ?? "1 hour",
      maxRetries: init.max_retries,
      disableGeoip: init.disable_geoip ?? false,
      historicalMigration: init.historical_migration,
      captureMode: mode,
      aiCaptureMode: aiMode,
      compression: init.enable_compression === true ? compression : init.enable_compression,
      // Told to compress, also the single small event of a test.
      compressionThreshold: init.enable_compression === true ? 0 : undefined,
      shutdownTimeout: 0,
      // The hook sees the uuid under which the event is sent.
      beforeSend: hooks
        ? (event) => {
          this.lastUuid = event.uuid
          return event
        }
        : undefined,
      transformClient: testId === undefined
        ? undefined
        : (client) => HttpClient.mapRequest(client, HttpClientRequest.setHeader("x-test-id", testId))
    }
    this.runtime = ManagedRuntime.make(
      PostHog.layer(options).pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.provide(Logger.minimumLogLevel(LogLevel.None))
      )
    )
  }

  /** Begins to listen to diagnostics; to be awaited before the first event. */
  async start(): Promise<void> {
    this.runtime.runFork(PostHog.diagnostics.pipe(Stream.runForEach((diagnostic) =>
      Effect.sync(() => {
        if (diagnostic._tag === "RequestCompleted") {
          this.requests.push(diagnostic)
          if (diagnostic.failure !== undefined) {
            this.lastError = `${diagnostic.failure} ${diagnostic.status ?? ""}`.trim()
          }
        }
        if (diagnostic._tag === "EventsDropped") {
          this.lastError = `${diagnostic.reason} ${diagnostic.detail ?? ""}`.trim()
        }
      })
    )))
    await this.runtime.runPromise(Effect.repeat(Effect.yieldNow(), { times: 100 }))
  }

  capture(body: Capture): Promise<string | null> {
    return this.runtime.runPromise(Effect.gen(this, function*() {
      // Without a hook nobody says which uuid the library made, so the event is given one.
      this.lastUuid = hooks ? undefined : randomUUID()
      yield* PostHog.capture(body.event, body.properties ?? {}, { ...optionsOf(body), uuid: this.lastUuid })
      return this.lastUuid ?? null
    }))
  }

  captureAi(body: CaptureAi): Promise<string | null> {
    return this.runtime.runPromise(
      LlmAnalytics.capture(body.event, body.properties ?? {}, { ...optionsOf(body), uuid: body.uuid ?? undefined })
    )
  }

  getFeatureFlag(body: GetFeatureFlag): Promise<FeatureFlags.FlagValue | null> {
    return this.runtime.runPromise(
      FeatureFlags.evaluate({
        distinctId: body.distinct_id,
        flagKeys: [body.key],
        personProperties: body.person_properties,
        groups: body.groups,
        groupProperties: body.group_properties,
        disableGeoip: body.disable_geoip
      }).pipe(
        Effect.flatMap((flags) => flags.get(body.key)),
        Effect.map((value) => value ?? null)
      )
    )
  }

  flush(): Promise<number> {
    return this.runtime.runPromise(PostHog.flush.pipe(
      Effect.catchTag("DeliveryError", (error) => {
        this.lastError = error.message
        return Effect.succeed(error)
      }),
      Effect.map((outcome) => outcome.delivered)
    ))
  }

  async state() {
    const stats = await this.runtime.runPromise(PostHog.stats)
    return {
      pending_events: stats.queued + stats.inFlight,
      total_events_captured: stats.accepted,
      total_events_sent: stats.delivered,
      total_retries: this.requests.filter((request) => request.attempt > 0).length,
      last_error: this.lastError ?? null,
      requests_made: this.requests.map((request) => ({
        timestamp_ms: request.startedAt,
        status_code: request.status ?? 0,
        retry_attempt: request.attempt,
        event_count: request.events.length,
        uuid_list: request.events.map((event) => event.uuid)
      }))
    }
  }

  /** Ends the client without sending anything. */
  async discard(): Promise<void> {
    await this.runtime.runPromise(PostHog.optOut)
    await this.runtime.dispose()
  }
}

const emptyState = {
  pending_events: 0,
  total_events_captured: 0,
  total_events_sent: 0,
  total_retries: 0,
  last_error: null,
  requests_made: []
}

/** By test id; the empty one is the global client. */
const clients = new Map<string, Client>()

const discard = async (id: string): Promise<void> => {
  const client = clients.get(id)
  clients.delete(id)
  await client?.discard()
}

const existing = (id: string): Client => {
  const client = clients.get(id)
  if (client === undefined) throw new Error("no client: call /init first")
  return client
}

/** Milliseconds of a clock that stands still, or of the machine's. */
const timeOf = (now: string | undefined): number => now === undefined ? Date.now() : Date.parse(now)

const evaluateFlags = (body: EvaluateFlags) => {
  const definitions = LocalEvaluation.compile(body.definitions, {
    evaluationContexts: body.evaluation_contexts ?? undefined
  })
  if (Option.isNone(definitions)) return { flags: {}, payloads: {}, unresolved: {} }
  const { flags, unresolved } = LocalEvaluation.evaluate(
    definitions.value,
    {
      distinctId: body.distinct_id,
      groups: body.groups ?? undefined,
      personProperties: body.person_properties ?? undefined,
      groupProperties: body.group_properties ?? undefined,
      deviceId: body.device_id ?? undefined
    },
    { now: timeOf(body.now), flagKeys: body.flag_keys ?? undefined }
  )
  const all = Array.from(flags.values())
  return {
    flags: Object.fromEntries(all.map(({ key, value }) => [key, value])),
    payloads: Object.fromEntries(
      all.filter(({ payload }) => payload !== undefined).map(({ key, payload }) => [key, payload])
    ),
    unresolved: Object.fromEntries(Array.from(unresolved.values(), ({ key, reason }) => [key, reason]))
  }
}

const matchProperty = (body: MatchProperty) => {
  const matched = LocalEvaluation.matchProperty(body.filter, body.properties ?? {}, {
    now: timeOf(body.now),
    propertyMatchingVersion: body.property_matching_version ?? undefined
  })
  return { result: Either.getOrElse(matched, () => "inconclusive") }
}

const route = async (
  method: string,
  path: string,
  id: string,
  body: unknown
): Promise<{ readonly status: number; readonly body: unknown }> => {
  const ok = (body: unknown) => ({ status: 200, body })
  switch (`${method} ${path}`) {
    case "GET /health":
      return ok({
        sdk_name: "posthog-effect",
        sdk_version: version,
        adapter_version: version,
        capabilities: [
          `capture_${mode}`,
          `capture_ai_${aiMode}`,
          "event_options",
          ...encodings.map((name) => `encoding_${name}`)
        ],
        supports_parallel: true
      })
    case "POST /init": {
      await discard(id)
      const client = new Client(body as Init, id === "" ? undefined : id)
      await client.start()
      clients.set(id, client)
      return ok({ success: true })
    }
    case "POST /capture":
      return ok({ success: true, uuid: await existing(id).capture(body as Capture) })
    case "POST /flush":
      return ok({ success: true, events_flushed: await existing(id).flush() })
    case "POST /reset":
      await discard(id)
      return ok({ success: true })
    case "GET /state":
      return ok(await clients.get(id)?.state() ?? emptyState)
    case "POST /get_feature_flag":
      return ok({ success: true, value: await existing(id).getFeatureFlag(body as GetFeatureFlag) })
    case "POST /evaluate_flags":
      return ok(evaluateFlags(body as EvaluateFlags))
    case "POST /match_property":
      return ok(matchProperty(body as MatchProperty))
    case "POST /capture_ai":
      return ok({ success: true, uuid: await existing(id).captureAi(body as CaptureAi) })
    default:
      return { status: 404, body: { success: false, error: `unknown endpoint ${method} ${path}` } }
  }
}

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString("utf8")
  return text === "" ? undefined : JSON.parse(text)
}

const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const url = new URL(request.url ?? "/", "http://adapter")
  const answer = await readBody(request)
    .then((body) => route(request.method ?? "GET", url.pathname, url.searchParams.get("test_id") ?? "", body))
    .catch((error: unknown) => ({ status: 500, body: { success: false, error: String(error) } }))
  response.writeHead(answer.status, { "content-type": "application/json" })
  response.end(JSON.stringify(answer.body))
}

const server = createServer((request, response) => void handle(request, response))
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`)
})
