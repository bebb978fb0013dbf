/**
 * Processes with an outbox on disk that are killed with SIGKILL at any moment, and what became of their events: for the suite, and longer by
 * `npm run chaos`.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { bundle } from "./bundle.js"
import { type Random, random } from "./random.js"
import { LoopbackServer } from "./server.js"

export interface KillOptions {
  /** How many processes are killed. */
  readonly kills: number
  /** How many of them run at a time, on one directory. */
  readonly processes: number
  /** Milliseconds, or `never`. */
  readonly sync: number | "never"
  readonly seed: number
}

export interface KillReport {
  readonly kills: number
  /** Events of which the program was told that they are stored. */
  readonly acknowledged: number
  /** Events whose turn was over when the process was killed. */
  readonly plain: number
  /** Events that were captured in the turn in which the process was killed, and are gone. */
  readonly lostInTurn: number
  readonly received: number
  readonly duplicates: number
  /** What must be none. */
  readonly lostAcknowledged: ReadonlyArray<string>
  readonly lostPlain: ReadonlyArray<string>
  /** Events that arrived with another uuid or timestamp than before. */
  readonly changed: number
  /** What is left in the directory at the end. */
  readonly left: ReadonlyArray<string>
}

/** A PostHog that refuses some requests, and reads others without ever answering. */
class Flaky extends LoopbackServer {
  readonly seen = new Map<string, number>()
  private readonly identities = new Map<string, string>()
  changed = 0
  refuses = 0
  hangsUp = 0

  constructor(private readonly dice: Random) {
    super()
  }

  protected async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (this.dice.chance(this.refuses)) return void response.writeHead(503).end()
    const bytes = Buffer.concat(chunks)
    const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes
    const { batch } = JSON.parse(text.toString("utf8")) as {
      readonly batch: ReadonlyArray<{ uuid: string; timestamp: string; properties: { id: string } }>
    }
    for (const { properties: { id }, timestamp, uuid } of batch) {
      this.seen.set(id, (this.seen.get(id) ?? 0) + 1)
      const identity = `${uuid} ${timestamp}`
      if ((this.identities.get(id) ?? identity) !== identity) this.changed++
      this.identities.set(id, identity)
    }
    if (this.dice.chance(this.hangsUp)) return void request.socket.destroy()
    response.writeHead(200, { "content-type": "application/json" }).end("{\"status\":1}")
  }
}

interface Output {
  readonly code: number | null
  readonly acknowledged: ReadonlyArray<string>
  /** Of turns that were over, and of the one that was not. */
  readonly plain: ReadonlyArray<string>
  readonly inTurn: ReadonlyArray<string>
  readonly stats: Record<string, unknown> | undefined
  /** What the program was told about its disk. */
  readonly told: ReadonlyArray<string>
  readonly stderr: string
}

const read = (text: string): Omit<Output, "code" | "stderr"> => {
  const told: Array<string> = []
  const acknowledged: Array<string> = []
  const plain: Array<string> = []
  let inTurn: Array<string> = []
  let stats: Output["stats"]
  // The last line may be cut off.
  for (const line of text.split("\n").slice(0, -1)) {
    const rest = line.slice(2)
    if (line.startsWith("A ")) acknowledged.push(rest)
    else if (line.startsWith("P ")) inTurn.push(rest)
    else if (line.startsWith("D ")) told.push(rest)
    else if (line.startsWith("S ")) stats = JSON.parse(rest) as Record<string, unknown>
    else if (line === "T") {
      plain.push(...inTurn)
      inTurn = []
    }
  }
  return { acknowledged, plain, inTurn, stats, told }
}

const hasBegun = (text: string): boolean => text.includes("R\n")

/** Whether it was told that something is stored, and a turn with captures is over. */
const hasWorked = (text: string): boolean => text.includes("\nA ") && text.includes("\nT\n")

/** The program, and a PostHog and a directory for its processes. */
export class Arena {
  private constructor(
    private readonly program: string,
    private readonly home: string,
    readonly posthog: Flaky
  ) {}

  static async open(seed: number): Promise<Arena> {
    const home = mkdtempSync(join(tmpdir(), "ph-"))
    const program = join(home, "program.mjs")
    writeFileSync(program, await bundle(new URL("../programs/durable.ts", import.meta.url).pathname, "node"))
    const posthog = new Flaky(random(seed))
    await posthog.listen()
    return new Arena(program, home, posthog)
  }

  get directory(): string {
    return join(this.home, "outbox")
  }

  /** All that is left below the directory. */
  left(): ReadonlyArray<string> {
    // A kill in the middle of a write leaves a torn line, which is set aside: of a turn that was not over.
    return readdirSync(this.directory, { recursive: true, encoding: "utf8" })
      .filter((name) => name.includes("/") && !name.endsWith("/damaged.log"))
  }

  async close(): Promise<void> {
    await this.posthog.close()
    rmSync(this.home, { recursive: true, force: true })
  }

  /** Runs the program to its end; `ready` is called when what it has printed says that it is. */
  run(
    run: string,
    way: string,
    sync: number | "never",
    ready: (child: ChildProcess) => void = () => {},
    saysReady: (text: string) => boolean = hasBegun,
    /** Of a file, in blocks of 512 bytes. */
    fileLimit?: number
  ): Promise<Output> {
    return new Promise((resolve, reject) => {
      const command = [process.execPath, this.program, this.posthog.url, this.directory, String(sync), run, way]
      const [file, ...args] = fileLimit === undefined
        ? command
        : ["sh", "-c", `ulimit -f ${fileLimit}; exec "$@"`, "sh", ...command]
      const child = spawn(file!, args, { stdio: ["ignore", "pipe", "pipe"] })
      let text = ""
      let stderr = ""
      let isReady = false
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8")
        if (isReady || !saysReady(text)) return
        isReady = true
        ready(child)
      })
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString("utf8")
      })
      child.once("error", reject)
      child.once("close", (code) => resolve({ code, stderr, ...read(text) }))
    })
  }
}

/** Kills processes in the middle of their work, and lets the last one deliver what they have left. */
export const runKills = async (
  { kills, processes, seed, sync }: KillOptions,
  progress: (done: number) => void = () => {}
): Promise<KillReport> => {
  const dice = random(seed)
  const arena = await Arena.open(seed)
  const { posthog } = arena
  try {
    posthog.refuses = 15
    posthog.hangsUp = 15
    const outputs: Array<Output> = []
    for (let done = 0; done < kills;) {
      const now = Math.min(processes, kills - done)
      // oxlint-disable-next-line no-await-in-loop
      const ended = await Promise.all(
        Array.from({ length: now }, (_, i) =>
          arena.run(
            `r${done + i}`,
            "storm",
            sync,
            (child) => setTimeout(() => child.kill("SIGKILL"), dice.below(300)),
            // Every other one is killed at its beginning, perhaps. A busy machine must not kill all of them before they have done something.
            (done + i) % 2 === 0 ? hasWorked : hasBegun
          ))
      )
      outputs.push(...ended)
      done += now
      progress(done)
    }
    posthog.refuses = 0
    posthog.hangsUp = 0
    const { code, stats, stderr } = await arena.run("final", "deliver", sync)
    if (code !== 0 || stats === undefined) throw new Error(`the last process ended with ${code}: ${stderr}`)
    const { seen } = posthog
    const acknowledged = outputs.flatMap((output) => output.acknowledged)
    const plain = outputs.flatMap((output) => output.plain)
    let duplicates = 0
    for (const count of seen.values()) duplicates += count - 1
    return {
      kills,
      acknowledged: acknowledged.length,
      plain: plain.length,
      lostInTurn: outputs.flatMap(({ inTurn }) => inTurn).filter((id) => !seen.has(id)).length,
      received: seen.size,
      duplicates,
      lostAcknowledged: acknowledged.filter((id) => !seen.has(id)),
      lostPlain: plain.filter((id) => !seen.has(id)),
      changed: posthog.changed,
      left: arena.left()
    }
  } finally {
    await arena.close()
  }
}
