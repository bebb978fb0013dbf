/** PostHog's own SDK for Node. */
import { PostHog } from "posthog-node"
import { user } from "../definitions.js"
import { flagKeys, groups, properties, run, scenario } from "../scenario.js"

await run(async () => {
  const client = new PostHog("phc_bench", {
    host: scenario.host,
    ...(scenario.kind === "local" ? { personalApiKey: "phs_bench" } : undefined),
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
    },
    evaluateLocally: async () => {
      await client.waitForLocalEvaluationReady()
      const { distinctId, ...subject } = user
      return async (count, flagKeys) => {
        const options = { ...subject, onlyEvaluateLocally: true, ...(flagKeys && { flagKeys: [...flagKeys] }) }
        let snapshot = await client.evaluateFlags(distinctId, options)
        for (let index = 1; index < count; index++) snapshot = await client.evaluateFlags(distinctId, options)
        return Object.fromEntries(snapshot.keys.map((key) => [key, snapshot.getFlag(key)]))
      }
    }
  }
})
