/**
 * Fastify: `PORT=3000 POSTHOG_API_KEY=phc_… npx tsx examples/frameworks/fastify.ts`
 */
import { ErrorTracking, PostHog, PostHogBridge, PostHogHttp, PostHogLive } from "effect-posthog"
import Fastify from "fastify"

const posthog = await PostHogBridge.make(PostHogLive)
const app = Fastify()

// After the body was read, because reading it leaves the context. A program would ask its session for the user.
app.addHook("preHandler", (request, _, done) => {
  const user = request.headers["x-user"]
  posthog.withContext(
    PostHogHttp.contextOf(request.raw),
    () => posthog.withContext(typeof user === "string" ? { distinctId: user } : {}, done)
  )
})

app.addHook("onError", async (_, __, error) => {
  if ((error.statusCode ?? 500) >= 500) await posthog.run(ErrorTracking.capture(error, { handled: false }))
})

app.post<{ Body: { total: number } }>("/orders", async (request, reply) => {
  await posthog.run(PostHog.capture("order completed", { total: request.body.total }))
  return reply.status(201).send()
})

app.get("/broken", async () => {
  throw new Error("out of hedgehogs")
})

// Fastify calls it when all requests are answered.
app.addHook("onClose", () => posthog.close())
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void app.close())

await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log("ready", app.server.address())
