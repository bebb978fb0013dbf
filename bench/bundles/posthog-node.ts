/** The same with PostHog's own SDK. */
import { PostHog } from "posthog-node"

const client = new PostHog("phc_bench")
client.capture({ distinctId: "user_1", event: "order completed" })
await client.shutdown()
