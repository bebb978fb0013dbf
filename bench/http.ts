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

/** A server of one kind. */
const start = async (file: string, kind: string, sink: string) => {
  const child = spawn(process.execPath, [file, kind, sink], { stdio: ["ignore", "pipe", "inherit"] })
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const lines = createInterface({ input: child.stdout })
  const port = await new Promise<string>((resolve) => lines.once("line", resolve))
  const many = async (count: number) => {
    let left = count
    const one = async () => {
      while (left-- > 0) await request(agent, port, "/users/7?page=2&token=t")
    }
    await Promise.all(Array.from({ length: concurrency }, one))
  }
  const cpu = async () => Number(await request(agent, port, "/cpu"))
  return {
    many,
    /** Microseconds of CPU per request. */
    measure: async (count: number): Promise<number> => {
      const before = await cpu()
      await many(count)
      return (await cpu() - before) / count
    },
    stop: () => {
      agent.destroy()
      child.kill()
    }
  }
}

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Small rounds, and many: a machine changes its speed by more than what is measured here, but not from one second to the next. */
const requestsPerRound = 3_000

/**
 * CPU per request by kind. All servers run, and take turns; `ratio` is the median of what each round gives against the first kind in the
 * same round.
 */
export const middlewareCost = async (
  file: string,
  sink: string,
  rounds: number,
  progress: (text: string) => void
): Promise<Readonly<Record<string, { readonly cpuMicros: number; readonly ratio: number }>>> => {
  const servers = await Promise.all(kinds.map((kind) => start(file, kind, sink)))
  try {
    progress("middleware, warming up")
    for (const server of servers) await server.many(requestsPerRound * 5)
    const collected = kinds.map((): Array<number> => [])
    for (let round = 0; round < rounds; round++) {
      progress(`middleware, round ${round + 1} of ${rounds}`)
      for (const [index, server] of servers.entries()) collected[index]!.push(await server.measure(requestsPerRound))
    }
    return Object.fromEntries(kinds.map((kind, index) => {
      const ratios = collected[index]!.map((value, round) => value / collected[0]![round]!)
      return [kind, { cpuMicros: median(collected[index]!), ratio: median(ratios) }]
    }))
  } finally {
    for (const server of servers) server.stop()
  }
}
