/**
 * The route of a request. Hides where Effect's router says which one it has found.
 */
import type * as Tracer from "effect/Tracer"
import type { Fiber } from "./fiber.js"

/**
 * The pattern of the route, which the router tells the span of the request. Where requests are not traced the span is
 * somebody else's, and the routes of others are on it.
 */
export const routeOf = (_fiber: Fiber, span: Tracer.AnySpan | undefined): string | undefined => {
  try {
    const route = span?._tag === "Span" && span.kind === "server" ? span.attributes.get("http.route") : undefined
    return typeof route === "string" && route !== "" ? route : undefined
  } catch {
    // A span is what a tracer made it to be.
    return undefined
  }
}
