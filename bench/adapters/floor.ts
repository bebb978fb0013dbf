/**
 * The least that has to be done: text per event, batches of 500, gzip level 1, `fetch`, four requests in flight. No limits,
 * no retries, no checks, no Effect.
 */
import { randomUUID } from "node:crypto"
import { gzipSync } from "node:zlib"
import { groups, properties, run, scenario } from "../scenario.js"

await run(async () => {
  let queue: Array<string> = []
  const capture = (index: number) => {
    queue.push(JSON.stringify({
      uuid: randomUUID(),
      event: "order completed",
      distinct_id: `user_${index}`,
      timestamp: new Date().toISOString(),
      properties: Object.assign(
        { $lib: "floor", $lib_version: "0", $is_server: true, $geoip_disable: true, $groups: groups },
        properties(index)
      )
    }))
  }
  const send = async () => {
    while (queue.length > 0) {
      const batch = queue.slice(0, 500)
      queue = queue.slice(500)
      const response = await fetch(`${scenario.host}/batch/`, {
        method: "POST",
        headers: { "content-type": "application/json", "content-encoding": "gzip" },
        body: gzipSync(`{"api_key":"phc_bench","batch":[${batch.join(",")}]}`, { level: 1 })
      })
      await response.text()
    }
  }
  const flush = async () => {
    await Promise.all([send(), send(), send(), send()])
  }
  return {
    captureAll: async (count) => {
      for (let index = 0; index < count; index++) capture(index)
    },
    captureTimed: (index) => {
      const begin = process.hrtime.bigint()
      capture(index)
      const nanos = Number(process.hrtime.bigint() - begin)
      if (queue.length >= 100) void send()
      return nanos
    },
    flush,
    close: flush
  }
})
