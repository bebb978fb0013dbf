/**
 * Express: `PORT=3000 POSTHOG_API_KEY=phc_… npx tsx examples/frameworks/express.ts`
 */
import { ErrorTracking, PostHog, PostHogBridge, PostHogHttp, PostHogLive } from "effect-posthog"
import express, { type ErrorRequestHandler } from "express"

const posthog = await PostHogBridge.make(PostHogLive)
const app = express()

// First of all: what is captured while a request is handled knows the request.
app.use((request, _, next) => posthog.withContext(PostHogHttp.contextOf(request), next))
// As soon as the user is known; a program would ask its session here.
app.use((request, _, next) => posthog.withContext({ distinctId: request.get("x-user") }, next))

app.post("/orders", express.json(), async (request, response) => {
  await posthog.run(PostHog.capture("order completed", { total: request.body.total }))
  response.status(201).end()
})

app.get("/broken", () => {
  throw new Error("out of hedgehogs")
})

// Last of all. Errors below 500, such as a body that is no JSON, are the client's.
const captureErrors: ErrorRequestHandler = (error, _, __, next) => {
  if ((error?.status ?? 500) >= 500) void posthog.run(ErrorTracking.capture(error, { handled: false }))
  next(error)
}
app.use(captureErrors)

const server = app.listen(Number(process.env.PORT ?? 3000), () => console.log("ready", server.address()))

// No new requests, those under way to their end, then the events.
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => server.close(() => void posthog.close()))
}
