/**
 * A program of promises that captures an event and waits. Run by PostHogBridge.test.ts in a process of its own.
 */
import { PostHog, PostHogBridge, PostHogLive } from "effect-posthog"

const [, , way] = process.argv

const posthog = await PostHogBridge.make(PostHogLive, { signals: ["SIGTERM", "SIGINT"] })
// A second one, which must not take the first for a shutdown of the program's.
await PostHogBridge.make(PostHogLive, { signals: ["SIGTERM", "SIGINT"] })
void posthog.run(PostHog.capture("started", {}, { distinctId: "machine" }))
if (way === "listener") {
  process.once("SIGTERM", () => {
    // A shutdown of the program's own, which decides when and how the process ends.
    void posthog.close().then(() => process.exit(7))
  })
}
setInterval(() => undefined, 60_000)
console.log("ready")
