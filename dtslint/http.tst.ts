import { type HttpApp, HttpClient, HttpLayerRouter } from "@effect/platform"
import { Effect } from "effect"
import { PostHog, type PostHogBridge, PostHogHttp } from "effect-posthog"
import { describe, expect, it } from "tstyche"

interface Sessions {
  readonly sessions: "sessions"
}
declare const app: HttpApp.Default<"failed", "service">
declare const user: Effect.Effect<string | undefined, "unknown user", Sessions>

describe("PostHogHttp.middleware", () => {
  it("keeps errors and services, and asks for PostHog", () => {
    type Wrapped = HttpApp.Default<"failed", "service" | PostHog.PostHog>
    expect(PostHogHttp.middleware(app)).type.toBe<Wrapped>()
    expect(app.pipe(PostHogHttp.middleware())).type.toBe<Wrapped>()
    expect(app.pipe(PostHogHttp.middleware({ requestEvent: "$pageview" }))).type.toBe<Wrapped>()
  })

  it("asks for what finding the user asks for; that it fails is no error of the app", () => {
    type Wrapped = HttpApp.Default<"failed", "service" | Sessions | PostHog.PostHog>
    expect(PostHogHttp.middleware(app, { distinctId: () => user })).type.toBe<Wrapped>()
    expect(app.pipe(PostHogHttp.middleware({ distinctId: () => user }))).type.toBe<Wrapped>()
    expect(PostHogHttp.middleware).type.not.toBeCallableWith({ distinctId: () => "ada" })
  })

  it("is a middleware of HttpLayerRouter", () => {
    expect(HttpLayerRouter.middleware).type.toBeCallableWith(PostHogHttp.middleware(), { global: true })
  })
})

describe("PostHogHttp.withRequest", () => {
  it("keeps errors and services, and hands out a request of the Fetch API", () => {
    const answer = Effect.fail("failed" as const) as Effect.Effect<Response, "failed", "service">
    const request = new Request("http://shop/")
    expect(answer.pipe(PostHogHttp.withRequest(request))).type.toBe<
      Effect.Effect<Response, "failed", "service" | PostHog.PostHog>
    >()
    expect(PostHogHttp.withRequest(answer, request, { distinctId: (_: Request) => user })).type.toBe<
      Effect.Effect<Response, "failed", "service" | Sessions | PostHog.PostHog>
    >()
  })
})

describe("propagation", () => {
  it("a client keeps its type, and hosts are needed", () => {
    expect(Effect.map(HttpClient.HttpClient, PostHogHttp.withTracingHeaders({ hosts: ["api.example.com"] }))).type
      .toBe<Effect.Effect<HttpClient.HttpClient, never, HttpClient.HttpClient>>()
    expect(PostHogHttp.withTracingHeaders).type.not.toBeCallableWith({})
  })

  it("a carrier may be anything, and gives a context", () => {
    expect(PostHog.toCarrier).type.toBe<Effect.Effect<PostHog.Carrier>>()
    expect(PostHog.withCarrier).type.toBeCallableWith(undefined as unknown)
    expect(app.pipe(PostHog.withCarrier({}))).type.toBe<typeof app>()
  })

  it("Node's AsyncLocalStorage fits", () => {
    interface AsyncLocalStorage<T> {
      getStore(): T | undefined
      run<R>(store: T, callback: () => R): R
      run<R, TArgs extends Array<any>>(store: T, callback: (...args: TArgs) => R, ...args: TArgs): R
    }
    expect<PostHogBridge.AsyncStorage<PostHog.Carrier>>().type.toBeAssignableFrom<
      AsyncLocalStorage<PostHog.Carrier>
    >()
  })
})
