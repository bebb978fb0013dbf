import type { Instrumentation } from "next"

/** What route handlers, pages and actions fail with. */
export const onRequestError: Instrumentation.onRequestError = async (error, request) => {
  if (process.env.NEXT_RUNTIME !== "nodejs") return
  const { ErrorTracking, PostHog } = await import("effect-posthog")
  const { posthog } = await import("./posthog")
  const bridge = await posthog
  const user = request.headers["x-user"]
  await bridge.withContext(
    { distinctId: typeof user === "string" ? user : undefined, properties: { $pathname: request.path } },
    () => bridge.run(ErrorTracking.capture(error, { handled: false }))
  )
  // On a platform that stops the process with the answer, nothing is sent later.
  await bridge.run(PostHog.flush).catch(() => undefined)
}
