/** What Effect and its client over `fetch` cost by themselves: text per event, one request, a look-up in a map per flag. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { flagKeys, properties, run, scenario } from "../scenario.js"

await run(async () => {
  const runtime = ManagedRuntime.make(FetchHttpClient.layer)
  let queue: Array<string> = []
  const capture = (index: number) =>
    Effect.sync(() => {
      queue.push(JSON.stringify({
        uuid: crypto.randomUUID(),
        event: "order completed",
        distinct_id: `user_${index}`,
        properties: properties(index)
      }))
    })
  const flush = Effect.suspend(() => {
    const body = HttpBody.text(`{"api_key":"phc_bench","batch":[${queue.join(",")}]}`, "application/json")
    queue = []
    return Effect.scoped(Effect.flatMap(HttpClient.post(`${scenario.host}/batch/`, { body }), (_) => _.text))
  })
  return {
    captureAll: (count) =>
      runtime.runPromise(
        Effect.forEach(Array.from({ length: count }, (_, index) => index), capture, { discard: true })
      ),
    captureTimed: () => 0,
    flush: () => queue.length === 0 ? Promise.resolve() : runtime.runPromise(Effect.asVoid(flush)),
    close: () => runtime.dispose(),
    readFlags: async () => {
      const flags = new Map(flagKeys.map((key) => [key, true]))
      return (count) => {
        let index = 0
        return runtime.runPromise(Effect.whileLoop({
          while: () => index < count,
          body: () => Effect.sync(() => flags.get(flagKeys[index % flagKeys.length]!)),
          step: () => {
            index++
          }
        }))
      }
    }
  }
})
