import { PostHog, PostHogHttp } from "effect-posthog"
import { after } from "next/server"
import { posthog } from "../../posthog"

export const POST = async (request: Request): Promise<Response> => {
  const bridge = await posthog
  return bridge.withContext(PostHogHttp.contextOf(request), () =>
    // A program would ask its session for the user.
    bridge.withContext({ distinctId: request.headers.get("x-user") ?? undefined }, async () => {
      const order = await request.json().catch(() => undefined) as { readonly total: number } | undefined
      if (order === undefined) return new Response(null, { status: 400 })
      await bridge.run(PostHog.capture("order completed", { total: order.total }))
      // Behind the answer: a platform that stops the process then waits for it.
      after(() => bridge.run(PostHog.flush).catch(() => undefined))
      return new Response(null, { status: 201 })
    }))
}
