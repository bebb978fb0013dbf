/**
 * The route of a request. Hides where Effect's router says which one it has found: in the context of the fiber that
 * handles the request, also where nothing is traced.
 */
import type * as HttpRouter from "effect/http/HttpRouter"
import type * as Tracer from "effect/Tracer"
import type { Fiber } from "./fiber.js"

/** The key of the router's service, which would bring the whole router into every bundle. */
const key: typeof HttpRouter.RouteContext.key = "effect/http/HttpRouter/RouteContext"

/** The pattern of the route, while the fiber has it. */
export const routeOf = ({ context }: Fiber, _span: Tracer.AnySpan | undefined): string | undefined => {
  const found = context.mapUnsafe.get(key) as HttpRouter.RouteContext["Service"] | undefined
  return found?.route.path
}
