import { type HttpApp, HttpRouter, type HttpServerError } from "@effect/platform"
import { type PostHog, PostHogHttp } from "effect-posthog"
import { describe, expect, it } from "tstyche"

describe("PostHogHttp.middleware", () => {
  it("takes a router, which is an app", () => {
    expect(HttpRouter.empty.pipe(PostHogHttp.middleware())).type.toBe<
      HttpApp.Default<HttpServerError.RouteNotFound, PostHog.PostHog>
    >()
  })
})
