/**
 * What a decorated client sees and what it leaves alone, whoever made the client and whatever is put around it.
 */
import {
  FetchHttpClient,
  Headers,
  HttpApi,
  HttpApiClient,
  HttpApiGroup,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  HttpClientResponse,
  UrlParams
} from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, type Layer, Schedule, Scope, Stream } from "effect"
import { decorate } from "../../../src/internal/http/decorate.js"
import {
  getReference,
  locally,
  major,
  makeReference,
  textEndpoint,
  transportError,
  undiciLoads
} from "../../support/effect.js"
import { serve } from "../../support/server.js"

type Answer = (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<Response, HttpClientError.HttpClientError>

/** A client without a network, and the requests that reached it. */
const fake = (answer: Answer = () => Effect.succeed(new Response("ok"))) => {
  const sent: Array<HttpClientRequest.HttpClientRequest> = []
  const client = HttpClient.make((request) => {
    sent.push(request)
    return Effect.map(answer(request), (response) => HttpClientResponse.fromWeb(request, response))
  })
  return { client, sent, urls: () => sent.map(({ url }) => url) }
}

/** A decoration that only looks. */
const watch = <E, R>(client: HttpClient.HttpClient.With<E, R>) => {
  const seen: Array<string> = []
  const decorated = decorate(client, (request, execute) => {
    seen.push(`${request.method} ${request.url}`)
    return execute(request).pipe(
      Effect.tap((response) => Effect.sync(() => seen.push(String(response.status)))),
      Effect.tapError((error) => Effect.sync(() => seen.push(`failed ${String((error as { _tag?: string })._tag)}`)))
    )
  })
  return { client: decorated, seen }
}

const prepend = (url: string) => HttpClient.mapRequest(HttpClientRequest.prependUrl(url))

describe("the request as it will be sent", () => {
  it.effect("has what is put before the address further in and further out, in the order that it has without", () =>
    Effect.gen(function*() {
      const plain = fake()
      const around = prepend("http://host")
      yield* around(prepend("/inner")(plain.client)).execute(HttpClientRequest.get("/a"))

      const { client, urls } = fake()
      const watched = watch(prepend("/inner")(client))
      yield* around(watched.client).get("/a")
      assert.deepStrictEqual(urls(), plain.urls())
      assert.deepStrictEqual(watched.seen, [`GET ${plain.urls()[0]}`, "200"])
    }))

  it.effect("has what mapRequestInput and mapRequestEffect change, inside and outside", () =>
    Effect.gen(function*() {
      const change = <E, R>(client: HttpClient.HttpClient.With<E, R>, mark: string) =>
        client.pipe(
          HttpClient.mapRequestInput((request) => HttpClientRequest.appendUrl(request, `${mark}i`)),
          HttpClient.mapRequestEffect((request) =>
            Effect.zipRight(Effect.yieldNow(), Effect.sync(() => HttpClientRequest.appendUrl(request, `${mark}e`)))
          )
        )
      const plain = fake()
      yield* change(change(plain.client, "in"), "out").get("http://host")
      const { client, urls } = fake()
      const watched = watch(change(client, "in"))
      yield* change(watched.client, "out").get("http://host")
      assert.deepStrictEqual(urls(), plain.urls())
      assert.strictEqual(watched.seen[0], `GET ${plain.urls()[0]}`)
    }))

  it.effect("has the baseUrl of an HttpApiClient", () =>
    Effect.gen(function*() {
      const Api = HttpApi.make("api").add(
        HttpApiGroup.make("users").add(
          textEndpoint("one", "/users/1")
        )
      )
      const { client, urls } = fake(() => Effect.succeed(Response.json("ada")))
      const watched = watch(client)
      const users = yield* HttpApiClient.makeWith(Api, {
        httpClient: watched.client,
        baseUrl: "https://api.example.com"
      })
      assert.strictEqual(yield* users.users.one({}), "ada")
      assert.deepStrictEqual(urls(), ["https://api.example.com/users/1"])
      assert.deepStrictEqual(watched.seen, ["GET https://api.example.com/users/1", "200"])
    }))

  it.effect("can be another one, sent more than once, or not at all; the response can be another one", () =>
    Effect.gen(function*() {
      const { client, sent } = fake()
      const twice = decorate(client, (request, execute) =>
        Effect.zipRight(
          execute(HttpClientRequest.setHeader(request, "x-try", "1")),
          execute(HttpClientRequest.setHeader(request, "x-try", "2"))
        ))
      yield* prepend("http://host")(twice).get("/a")
      assert.deepStrictEqual(
        sent.map(({ headers, url }) => [url, headers["x-try"]]),
        [["http://host/a", "1"], ["http://host/a", "2"]]
      )

      const never = decorate(
        client,
        (request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("mine", { status: 418 })))
      )
      const response = yield* never.get("http://host/b")
      assert.deepStrictEqual([response.status, yield* response.text], [418, "mine"])
      assert.lengthOf(sent, 2)
    }))

  it.effect("keeps what a request carries: method, headers, parameters, hash and body", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.post("http://host/a").pipe(
        HttpClientRequest.setHeader("x-a", "1"),
        HttpClientRequest.setUrlParam("q", "é"),
        HttpClientRequest.setHash("part"),
        HttpClientRequest.bodyUnsafeJson({ a: 1 })
      )
      const { client, sent } = fake()
      yield* watch(client).client.execute(request)
      assert.strictEqual(sent[0]!.method, "POST")
      assert.strictEqual(sent[0]!.body, request.body)
      assert.strictEqual(UrlParams.toString(sent[0]!.urlParams), "q=%C3%A9")
      assert.strictEqual(Headers.unsafeFromRecord(sent[0]!.headers)["x-a"], "1")
      assert.deepStrictEqual(sent[0]!.hash, request.hash)
    }))
})

describe("what is put around it", () => {
  it.effect("retry: each try is seen", () =>
    Effect.gen(function*() {
      let tries = 0
      const { client } = fake((request) =>
        ++tries < 3
          ? Effect.fail(transportError(request))
          : Effect.succeed(new Response("ok"))
      )
      const watched = watch(client)
      yield* watched.client.pipe(HttpClient.retry(Schedule.recurs(5)), prepend("http://host")).get("/a")
      const failed = ["GET http://host/a", `failed ${major === 3 ? "RequestError" : "HttpClientError"}`]
      assert.deepStrictEqual(watched.seen, [...failed, ...failed, "GET http://host/a", "200"])
    }))

  it.effect("retryTransient and filterStatusOk: the response is seen before it becomes a failure", () =>
    Effect.gen(function*() {
      let tries = 0
      const { client } = fake(() => Effect.succeed(new Response("", { status: ++tries < 2 ? 503 : 404 })))
      const watched = watch(client)
      const exit = yield* watched.client.pipe(
        HttpClient.retryTransient({ times: 3 }),
        HttpClient.filterStatusOk
      ).get("http://host/a").pipe(Effect.exit)
      assert.deepStrictEqual(watched.seen, ["GET http://host/a", "503", "GET http://host/a", "404"])
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "404")
    }))

  it.effect("followRedirects: each hop is seen", () =>
    Effect.gen(function*() {
      const { client } = fake(({ url }) =>
        Effect.succeed(
          url.endsWith("/a")
            ? new Response("", { status: 302, headers: { location: "http://host/b" } })
            : new Response("ok")
        )
      )
      const watched = watch(client)
      yield* watched.client.pipe(HttpClient.followRedirects(), prepend("http://host")).get("/a")
      assert.deepStrictEqual(watched.seen, ["GET http://host/a", "302", "GET http://host/b", "200"])
    }))

  it.effect("transformResponse, tapRequest and catchAll keep working", () =>
    Effect.gen(function*() {
      const { client } = fake((request) => Effect.fail(transportError(request)))
      const watched = watch(client)
      const told: Array<string> = []
      const response = yield* watched.client.pipe(
        HttpClient.tapRequest(({ url }) => Effect.sync(() => told.push(url))),
        HttpClient.catchAll((error) =>
          Effect.succeed(HttpClientResponse.fromWeb(error.request, new Response("instead")))
        )
      ).get("http://host/a")
      assert.strictEqual(yield* response.text, "instead")
      assert.deepStrictEqual(told, ["http://host/a"])
    }))

  it.effect("two decorations see each other's request, the outer one first", () =>
    Effect.gen(function*() {
      const { client, sent } = fake()
      const add = (name: string) => (inner: HttpClient.HttpClient) =>
        decorate(inner, (request, execute) =>
          execute(HttpClientRequest.setHeader(request, "x-by", `${request.headers["x-by"] ?? ""}${name}`)))
      yield* client.pipe(add("a"), add("b")).get("http://host/")
      assert.strictEqual(sent[0]!.headers["x-by"], "ba")
    }))
})

describe("what it leaves alone", () => {
  it.effect("errors and defects come as they are; those of the decoration join the type", () =>
    Effect.gen(function*() {
      const mine = { _tag: "Mine" } as const
      const failing = HttpClient.transformResponse(fake().client, () => Effect.fail(mine))
      const error: typeof mine | "other" = yield* Effect.flip(
        decorate(failing, (request, execute) =>
          Effect.zipRight(request.url === "" ? Effect.fail("other" as const) : Effect.void, execute(request))).get(
            "http://host/"
          )
      )
      assert.strictEqual(error, mine)
      const bug = "a bug"
      const exit = yield* Effect.exit(
        watch(
          fake(() =>
            Effect.die(bug)
          ).client
        ).client.get("http://host/")
      )
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), bug)
      const early = { _tag: "Early" } as const
      const invalid = HttpClient.mapRequestEffect(fake().client, () => Effect.fail(early))
      assert.strictEqual(yield* Effect.flip(watch(invalid).client.get("http://host/")), early)
    }))

  it.effect("what the client needs is asked for as before", () =>
    Effect.gen(function*() {
      class Token extends Context.Tag("decorate/Token")<Token, string>() {}
      const { client, sent } = fake()
      const needing = HttpClient.mapRequestEffect(client, (request) =>
        Effect.map(Token, (token) => HttpClientRequest.bearerToken(request, token)))
      yield* watch(needing).client.get("http://host/").pipe(Effect.provideService(Token, "t"))
      assert.strictEqual(sent[0]!.headers.authorization, "Bearer t")
    }))

  it.effect("values of the fiber reach the client", () =>
    Effect.gen(function*() {
      const ref = makeReference("decorate/reference", "none")
      const seen: Array<string> = []
      const { client } = fake(() =>
        Effect.map(getReference(ref), (value) => {
          seen.push(value)
          return new Response("ok")
        })
      )
      yield* watch(client).client.get("http://host/").pipe(locally(ref, "some"))
      assert.deepStrictEqual(seen, ["some"])
    }))

  it.effect("an interruption reaches the request", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<AbortSignal>()
      const client = HttpClient.make((_request, _url, signal) =>
        Effect.zipRight(Deferred.succeed(started, signal), Effect.never)
      )
      for (const change of [false, true]) {
        const fiber = yield* Effect.fork(
          decorate(client, (request, execute) =>
            execute(change ? HttpClientRequest.setHeader(request, "x-a", "1") : request)).get("http://host/")
        )
        const signal = yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isInterrupted(exit))
        assert.isTrue(signal.aborted)
      }
    }))

  for (const change of [false, true]) {
    it.effect(`withScope aborts the request when its scope ends, ${change ? "another" : "the same"} request sent`, () =>
      Effect.gen(function*() {
        const signals: Array<AbortSignal> = []
        const client = HttpClient.make((request, _url, signal) => {
          signals.push(signal)
          return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("ok")))
        })
        const decorated = decorate(
          client,
          (request, execute) => execute(change ? HttpClientRequest.setHeader(request, "x-a", "1") : request)
        )
        for (
          const scoped of [HttpClient.withScope(decorated), prepend("http://host")(HttpClient.withScope(decorated))]
        ) {
          const scope = yield* Scope.make()
          yield* scoped.get("http://host/").pipe(Scope.extend(scope))
          const signal = signals.pop()!
          assert.isFalse(signal.aborted)
          yield* Scope.close(scope, Exit.void)
          assert.isTrue(signal.aborted)
        }
      }))
  }

  it.effect("a body that nobody read can still be read in any one way", () =>
    Effect.gen(function*() {
      const { client } = fake(() => Effect.succeed(Response.json({ a: 1 })))
      const decorated = watch(client).client
      const get = decorated.get("http://host/")
      assert.strictEqual(yield* Effect.flatMap(get, ({ text }) => text), "{\"a\":1}")
      assert.deepStrictEqual(yield* Effect.flatMap(get, ({ json }) => json), { a: 1 })
      assert.strictEqual((yield* Effect.flatMap(get, ({ arrayBuffer }) => arrayBuffer)).byteLength, 7)
      assert.strictEqual(
        yield* Effect.flatMap(get, ({ stream }) => Stream.mkString(Stream.decodeText(stream))),
        "{\"a\":1}"
      )
    }))
})

describe("clients", () => {
  it.effect("without what clients of the platform are made of are sent the request through execute", () =>
    Effect.gen(function*() {
      const { client, urls } = fake()
      // Somebody's own class, which keeps to the type.
      const own: HttpClient.HttpClient = Object.create(Object.getPrototypeOf(client), {
        execute: { value: (request: HttpClientRequest.HttpClientRequest) => client.execute(request) }
      })
      const watched = watch(own)
      yield* prepend("http://host")(watched.client).get("/a")
      assert.deepStrictEqual(urls(), ["http://host/a"])
      assert.deepStrictEqual(watched.seen, ["GET http://host/a", "200"])
    }))

  it("those of the platform are made of what is looked for", () => {
    assert.containsAllKeys(fake().client, ["preprocess", "postprocess"])
  })

  const layers = {
    fetch: FetchHttpClient.layer,
    "node:http": NodeHttpClient.layer,
    "undici (8 needs Node 22)": NodeHttpClient.layerUndici
  } satisfies Record<string, Layer.Layer<HttpClient.HttpClient>>
  for (const [name, layer] of Object.entries(layers)) {
    const live = it.live.skipIf(name.startsWith("undici") && !undiciLoads)
    live(`${name}: requests and responses pass, with their bodies`, () =>
      Effect.gen(function*() {
        const url = yield* serve((request, response) => {
          response.writeHead(201, { "x-a": String(request.headers["x-a"]) })
          response.write("one ")
          response.end("two")
        })
        const client = yield* HttpClient.HttpClient
        const seen: Array<string> = []
        const decorated = decorate(client, (request, execute) =>
          Effect.tap(execute(HttpClientRequest.setHeader(request, "x-a", "1")), (response) =>
            Effect.sync(() =>
              seen.push(`${request.url} ${response.status} ${response.headers["x-a"]}`)
            )))
        const response = yield* prepend(url)(decorated).get("/a")
        assert.strictEqual(yield* response.text, "one two")
        const streamed = yield* prepend(url)(decorated).get("/b")
        assert.strictEqual(yield* Stream.mkString(Stream.decodeText(streamed.stream)), "one two")
        assert.deepStrictEqual(seen, [`${url}/a 201 1`, `${url}/b 201 1`])
      }).pipe(Effect.provide(layer), Effect.scoped))

    live(`${name}: the end of a scope ends the request`, () =>
      Effect.gen(function*() {
        const closed = yield* Deferred.make<void>()
        const url = yield* serve((_request, response) => {
          response.on("close", () => Effect.runFork(Deferred.succeed(closed, undefined)))
          response.writeHead(200)
          response.write("never whole")
        })
        const client = yield* HttpClient.HttpClient
        const decorated = decorate(client, (request, execute) =>
          execute(HttpClientRequest.setHeader(request, "x-a", "1")))
        yield* Effect.scoped(HttpClient.withScope(decorated).get(url))
        yield* Deferred.await(closed)
      }).pipe(Effect.provide(layer), Effect.scoped))
  }
})
