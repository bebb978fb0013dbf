/**
 * A function as Lambda runs it: one process for many invocations, which stands still between them. Reads an invocation from each
 * line of its input and says when it is done. Run by freeze.test.ts.
 */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer, ManagedRuntime } from "effect"
import { PostHog, PostHogServerless } from "effect-posthog"
import { createInterface } from "node:readline"

interface Invocation {
  readonly id: number
  /** How far the clock has moved while the process stood still. */
  readonly jumpMillis: number
  /** `none`: the handler forgets it. `abandoned`: it begins to flush and does not wait. */
  readonly flush: "awaited" | "none" | "abandoned"
}

const [, , host, background] = process.argv

const runtime = ManagedRuntime.make(
  PostHog.layer({ apiKey: "phc_lambda", host, background: background === "background" }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
)

let jumped = 0
const { now } = Date
Date.now = () => now() + jumped

const handle = ({ flush, id }: Invocation): Effect.Effect<unknown, never, PostHog.PostHog> => {
  const handler = Effect.forEach([0, 1, 2], (i) => PostHog.capture(`event ${id}.${i}`, {}, { distinctId: "u" }))
  return flush === "awaited"
    ? PostHogServerless.withFlush(handler, { timeout: "1 minute" })
    : flush === "none"
    ? handler
    : Effect.zipRight(handler, Effect.forkDaemon(PostHog.flush))
}

for await (const line of createInterface({ input: process.stdin })) {
  const invocation = JSON.parse(line) as Invocation
  jumped += invocation.jumpMillis
  await runtime.runPromise(handle(invocation))
  process.stdout.write(`${JSON.stringify(await runtime.runPromise(PostHog.stats))}\n`)
}
// Lambda kills the process without a word.
process.exit(0)
