/**
 * Nothing that the program did not give leaves it: a program with a secret in every place from which the library gathers something.
 */
import { FetchHttpClient, HttpClientRequest, HttpServerRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Layer, Redacted, Schema } from "effect"
import { ErrorTracking, PostHog, PostHogHttp } from "../../src/index.js"
import { layerLogger, parallel, transportError } from "../support/effect.js"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"
import { webHandler } from "../support/web.js"

class Failed extends Data.TaggedError("Failed")<{ readonly [name: string]: unknown }> {}

/** Secrets that tell where they were planted, and what was planted. */
const makeSecrets = () => {
  const planted: Array<string> = []
  return {
    planted,
    plant: (where: string): string => {
      const secret = `PLANTED${planted.length}x${where}`
      planted.push(secret)
      return secret
    }
  }
}

const makeProgram = (plant: (where: string) => string) => {
  /** As `@effect/ai` 0.37 makes it of a stream that breaks: the message quotes the request, and the fields have it. */
  const ofProvider = () => {
    const request = {
      method: "POST",
      url: `https://api.example.com/v1?key=${plant("aiQuery")}`,
      urlParams: [["key", plant("aiParameter")]],
      hash: { _id: "Option", _tag: "None" },
      headers: { "x-api-key": plant("aiHeader"), authorization: `Bearer ${plant("aiBearer")}`, "x-other": "1" },
      body: {
        _id: "@effect/platform/HttpBody",
        _tag: "Uint8Array",
        body: JSON.stringify({ prompt: plant("aiPrompt") })
      }
    }
    const quoted = { ...request, headers: { ...request.headers, "x-own": plant("aiOwnHeader") } }
    return new Failed({
      message: `Decode: bad (200 POST /v1)\n\nResponse Body: ${
        JSON.stringify({ request: quoted, reason: "Decode" }, null, 2)
      }`,
      module: "AnthropicClient",
      request,
      description: `stream of ${JSON.stringify(quoted)}`
    })
  }
  const ofClient = () => {
    const request = HttpClientRequest.post(
      `http://ada:${plant("clientUser")}@127.0.0.1/pay?token=${plant("clientQuery")}`
    ).pipe(
      HttpClientRequest.bearerToken(plant("clientBearer")),
      HttpClientRequest.setHeader("x-goog-api-key", plant("clientHeader")),
      HttpClientRequest.bodyUnsafeJson({ card: plant("clientBody") })
    )
    return transportError(request, new Error(plant("x").replace(/.*/, "c")))
  }
  const failures: ReadonlyArray<() => unknown> = [
    ofProvider,
    ofClient,
    () => new Error(`connect postgres://app:p@ss/${plant("database")}@db:5432/app failed`),
    () => new Error("outer", { cause: new Error(`Cookie: sid=${plant("cookie")}; theme=dark`) }),
    () => new AggregateError([new Error(`password=${plant("member")}`)], `{"token":"${plant("aggregate")}"}`),
    () =>
      new Failed({ password: plant("field"), nested: { apiKey: plant("deep"), list: [["secret", plant("pair")]] } }),
    () =>
      new Failed({ message: "m", text: JSON.stringify({ detail: JSON.stringify({ token: plant("jsonInJson") }) }) }),
    () =>
      new Failed({
        message: "m",
        map: new Map([["authorization", plant("map")]]),
        key: Redacted.make(plant("redacted"))
      }),
    () => Object.assign(new Error("x"), { name: `Odd https://u:${plant("name")}@h/` }),
    () => `thrown text with Bearer ${plant("thrown")}`,
    () => ({ message: `api_key: ${plant("object")}` }),
    () => new Error(`sk-ant-api03-${plant("shape")} and GET /cb#access_token=${plant("fragment")}`)
  ]
  const schema = Schema.Struct({ user: Schema.String, password: Schema.Number })
  return Effect.gen(function*() {
    for (const make of failures) yield* ErrorTracking.capture(make())
    yield* ErrorTracking.capture(
      parallel(
        Cause.fail(new Failed({ token: plant("parallel") })),
        Cause.die(new Failed({ secret: plant("defect") }))
      )
    )
    const password = plant("schema")
    yield* Schema.decodeUnknown(schema)({ user: "ada", password }).pipe(
      Effect.catchAll((error) => Effect.zipRight(ErrorTracking.capture(error), Effect.logError("refused", error)))
    )
    yield* Effect.logError("login failed", { password: plant("logged"), user: "ada" })
    yield* Effect.logError(new Error("first"), new Error(`second ?token=${plant("secondError")}`))
    yield* Effect.logError(`GET /reset?token=${plant("relative")} 500`)
    yield* Effect.logError(`GET /?next=%2Fcb%3Ftoken%3D${plant("nested")}`)
    yield* Effect.logError("annotated").pipe(
      Effect.annotateLogs({
        token: plant("annotation"),
        "http.url": `/reset?token=${plant("annotatedAddress")}`,
        request: {
          method: "GET",
          url: "/x",
          headers: { cookie: plant("annotatedHeader") },
          body: plant("annotatedBody")
        }
      }),
      Effect.withLogSpan(`GET /x?code=${plant("logSpan")}`)
    )
    yield* Effect.fail("spanned").pipe(
      Effect.withSpan(`GET /x?token=${plant("span")}`),
      ErrorTracking.captureErrors(),
      Effect.ignore
    )
    const handler = yield* webHandler(
      Effect.gen(function*() {
        yield* PostHog.capture("served")
        const { url } = yield* HttpServerRequest.HttpServerRequest
        return yield* Effect.die(new Error(`cannot serve ${url}`))
      }).pipe(PostHogHttp.middleware({ requestEvent: "$pageview" }))
    )
    const address =
      `http://shop.example.com/a;token=${plant("matrix")}/eyJhbGciOiJIUzI1NiJ9.${plant("path")}.c?token=${
        plant("query")
      }` +
      `&next=%2Fcb%3Fcode%3D${plant("nestedQuery")}&back=%252F%253Ftoken%253D${plant("doubly")}#access_token=${
        plant("hash")
      }`
    yield* Effect.promise(() =>
      handler(
        new Request(address, {
          headers: {
            authorization: `Bearer ${plant("requestBearer")}`,
            cookie: `sid=${plant("requestCookie")}`,
            referer: `http://a/?token=${plant("referrer")}`,
            "user-agent": `bot (token=${plant("agent")})`
          }
        })
      )
    )
  })
}

describe("what leaves a program", () => {
  it.scopedLive(
    "has none of its secrets, and neither has what the library logs and tells",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const { plant, planted } = makeSecrets()
        const logged: Array<string> = []
        const logger = layerLogger(({ annotations, parts }) => {
          if (JSON.stringify(annotations).includes("effect-posthog")) logged.push(JSON.stringify(parts))
        })
        const hookSecret = plant("hook")
        const live = ErrorTracking.layerLogger({ metadata: "all" }).pipe(
          Layer.provideMerge(PostHog.layer({
            apiKey: "phc_test",
            host: sink.url,
            debug: true,
            beforeSend: (event) => {
              if (event.event === "hooked") throw new Error(`redis://:${hookSecret}@cache is down`)
              return event
            }
          })),
          Layer.provide(FetchHttpClient.layer),
          Layer.provideMerge(logger)
        )
        yield* Effect.zipRight(makeProgram(plant), PostHog.capture("hooked")).pipe(
          PostHog.withDistinctId("ada"),
          Effect.provide(live)
        )
        const told = JSON.stringify(sink.requests) + logged.join("\n")
        const events = sink.accepted.map(({ event }) => event)
        assert.isAtLeast(events.filter((event) => event === "$exception").length, 15)
        assert.includeMembers(events, ["served", "$pageview"])
        assert.isAbove(planted.length, 40)
        assert.isAbove(logged.length, 0)
        assert.deepStrictEqual(planted.filter((secret) => told.includes(secret)), [])
        // What is no secret is still said.
        for (const word of ["second", "spanned", "login failed", "AnthropicClient", "@db:5432/app"]) {
          assert.include(told, word)
        }
      }),
    limitMillis
  )

  it.scopedLive("has what the program gives, as it gives it", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* PostHog.capture("signed up", { token: "given", url: "/x?token=given" }, { distinctId: "ada" }).pipe(
        Effect.provide(PostHog.layer({ apiKey: "phc_test", host: sink.url }).pipe(Layer.provide(FetchHttpClient.layer)))
      )
      assert.deepInclude(sink.accepted[0]!.properties, { token: "given", url: "/x?token=given" })
    }), limitMillis)
})
