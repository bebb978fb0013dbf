/**
 * Hono on Node: `PORT=3000 POSTHOG_API_KEY=phc_… npx tsx examples/frameworks/hono.ts`
 */
import { serve } from "@hono/node-server"
import { ErrorTracking, PostHog, PostHogBridge, PostHogHttp, PostHogLive } from "effect-posthog"
import { Hono } from "hono"
import { HTTPException } from "hono/http-exception"

const posthog = await PostHogBridge.make(PostHogLive)
const app = new Hono()

app.use((c, next) => posthog.withContext(PostHogHttp.contextOf(c.req.raw), next))
// As soon as the user is known; a program would ask its session here.
app.use((c, next) => posthog.withContext({ distinctId: c.req.header("x-user") }, next))

app.post("/orders", async (c) => {
  const { total } = await c.req.json<{ total: number }>().catch((cause: unknown) => {
    throw new HTTPException(400, { cause })
  })
  await posthog.run(PostHog.capture("order completed", { total }))
  return c.body(null, 201)
})

app.get("/broken", () => {
  throw new Error("out of hedgehogs")
})

app.onError(async (error, c) => {
  if (error instanceof HTTPException && error.status < 500) return error.getResponse()
  await posthog.run(ErrorTracking.capture(error, { handled: false }))
  return c.text("Internal Server Error", 500)
})

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, (address) => {
  console.log("ready", address)
})

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => server.close(() => void posthog.close()))
}
