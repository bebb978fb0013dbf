/**
 * What a hand-written program can reach: the text of an event into one byte buffer at once, batches as slices of it, gzip level 1, `node:http`
 * with kept connections, four requests in flight. No limits, no retries, no checks, no Effect.
 */
import { Agent, request } from "node:http"
import { gzipSync } from "node:zlib"
import { groups, properties, run, scenario } from "./scenario.js"

const head = Buffer.from("{\"api_key\":\"phc_bench\",\"batch\":[")
const tail = Buffer.from("]}")

export const limit = (batchSize: number): Promise<void> =>
  run(async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    const url = new URL(`${scenario.host}/batch/`)
    let buffer = Buffer.allocUnsafe(1 << 20)
    let length = 0
    let count = 0
    const batches: Array<Buffer> = []
    let last = -1
    let time = ""

    const cut = (): void => {
      if (count === 0) return
      batches.push(Buffer.concat([head, buffer.subarray(0, length - 1), tail]))
      length = 0
      count = 0
    }
    const capture = (index: number): void => {
      const now = Date.now()
      if (now !== last) {
        last = now
        time = new Date(now).toISOString()
      }
      const text =
        `{"uuid":"${crypto.randomUUID()}","event":"order completed","distinct_id":"user_${index}","timestamp":"${time}",` +
        `"properties":${
          JSON.stringify({
            $lib: "limit",
            $lib_version: "0",
            $is_server: true,
            $geoip_disable: true,
            $groups: groups,
            ...properties(index)
          })
        }},`
      if (length + text.length * 3 > buffer.length) {
        const larger = Buffer.allocUnsafe(buffer.length * 2)
        buffer.copy(larger, 0, 0, length)
        buffer = larger
      }
      length += buffer.write(text, length)
      if (++count === batchSize) cut()
    }
    const post = (batch: Buffer): Promise<void> =>
      new Promise((resolve, reject) => {
        const body = gzipSync(batch, { level: 1 })
        const headers = {
          "content-type": "application/json",
          "content-encoding": "gzip",
          "content-length": body.length
        }
        request(url, { method: "POST", agent, headers }, (response) => {
          response.resume()
          response.once("end", resolve)
        }).once("error", reject).end(body)
      })
    const send = async (): Promise<void> => {
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) await post(batch)
    }
    const flush = async (): Promise<void> => {
      cut()
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
        if (count >= 100) void flush()
        return nanos
      },
      flush,
      close: async () => {
        await flush()
        agent.destroy()
      }
    }
  })
