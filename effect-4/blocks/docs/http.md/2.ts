import { Context, Effect, Layer, type Redacted } from "effect"
import { PostHog, PostHogHttp } from "effect-posthog"
import { HttpRouter } from "effect/http"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"

class User extends Context.Service<User, { readonly id: string }>()("User") {}

class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: User }>()("Authorization", {
  security: { bearer: HttpApiSecurity.bearer }
}) {}

declare const lookUp: (token: Redacted.Redacted) => Effect.Effect<{ readonly id: string }>

const AuthorizationLive = Layer.succeed(Authorization, {
  bearer: (handler, { credential }) =>
    Effect.gen(function*() {
      const user = yield* lookUp(credential)
      yield* PostHog.setContext({ distinctId: user.id })
      return yield* Effect.provideService(handler, User, user)
    })
})

const Middleware = HttpRouter.middleware(PostHogHttp.middleware(), { global: true })
