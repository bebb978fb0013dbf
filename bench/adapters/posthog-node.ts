/** PostHog's own SDK for Node. */
import { PostHog } from "posthog-node"
import { flagKeys, groups, properties, run, scenario } from "../scenario.js"

await run(async () => {
  const client = new PostHog("phc_bench", {
    host: scenario.host,
    ...(scenario.raised === true ? { maxQueueSize: scenario.events + 10_000 } : undefined),
    ...(scenario.quiet === true ? { flushAt: 1e9, flushInterval: 3_600_000 } : undefined)
  })
  const capture = (index: number) =>
    client.capture({
      distinctId: `user_${index}`,
      event: "order completed",
      properties: properties(index),
      groups
    })
  return {
    captureAll: async (count) => {
      for (let index = 0; index < count; index++) capture(index)
    },
    captureTimed: (index) => {
      const begin = process.hrtime.bigint()
      capture(index)
      return Number(process.hrtime.bigint() - begin)
    },
    flush: async () => {
      await client.flush().catch(() => undefined)
    },
    close: () => client.shutdown(),
    captureError: (error) => client.captureException(error, "user"),
    readFlags: async () => {
      const snapshot = await client.evaluateFlags("user")
      return (count) => {
        for (let index = 0; index < count; index++) snapshot.isEnabled(flagKeys[index % flagKeys.length]!)
      }
    }
  }
})
