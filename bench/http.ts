/**
 * What the middleware costs a server: CPU of the server's process per request, with the client in this one.
 */
import { spawn } from "node:child_process"
import { Agent, get } from "node:http"
import { createInterface } from "node:readline"

const kinds = ["without", "with", "with an event"] as const

const concurrency = 20

const request = (agent: Agent, port: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { "x-posthog-distinct-id": "user_1", "x-posthog-session-id": "session_1", "user-agent": "bench" }
    get({ agent, port, path, headers }, (response) => {
      let text = ""
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8")
      })
      response.on("end", () => resolve(text))
    }).on("error", reject)
  })

const measure = async (file: string, kind: string, sink: string, count: number): Promise<number> => {
  const child = spawn(process.execPath, [file, kind, sink], { stdio: ["ignore", "pipe", "inherit"] })
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  try {
    const lines = createInterface({ input: child.stdout })
    const port = await new Promise<string>((resolve) => lines.once("line", resolve))
    const many = async (count: number) => {
      let left = count
      const one = async () => {
        while (left-- > 0) await request(agent, port, "/users/7?page=2&token=t")
      }
      await Promise.all(Array.from({ length: concurrency }, one))
    }
    await many(count >> 1)
    const before = Number(await request(agent, port, "/cpu"))
    await many(count)
    return (Number(await request(agent, port, "/cpu")) - before) / count
  } finally {
    agent.destroy()
    child.kill()
  }
}

/** The middleware's part of a request as `1 + part`, by kind: the median over rounds in which the kinds take turns. */
export const middlewareCost = async (
  file: string,
  sink: string,
  count: number,
  rounds: number,
  progress: (text: string) => void
): Promise<Readonly<Record<string, { readonly cpuMicros: number }>>> => {
  const collected: Record<string, Array<number>> = {}
  for (let round = 0; round < rounds; round++) {
    for (const kind of kinds) {
      progress(`middleware, round ${round + 1} of ${rounds}: ${kind}`)
      ;(collected[kind] ??= []).push(await measure(file, kind, sink, count))
    }
  }
  return Object.fromEntries(
    kinds.map((kind) => {
      const sorted = collected[kind]!.sort((a, b) => a - b)
      return [kind, { cpuMicros: sorted[sorted.length >> 1]! }]
    })
  )
}
