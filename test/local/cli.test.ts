/** What the command for a local PostHog reads and prints that somebody else has written. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it, onTestFinished } from "vitest"
import { loadFile, openFile } from "../../src/local/cli/file.js"
import { running } from "../../src/local/cli/running.js"
import { serve } from "../../src/local/cli/serve.js"
import { unpainted } from "../../src/local/cli/terminal.js"
import { read, type Serve } from "../../src/local/cli/usage.js"
import { batch, event, post, start } from "./running.js"

const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "effect-posthog-"))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

/** Everything that a terminal or a reader of lines takes for something else than text. */
const escapes = "\u001b[2J\u009b31m\u2028\u2029\u202e\u0085\r\n"
const harmful = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202e]/

describe("files of events", () => {
  it("have nothing for a terminal, and come back as they were", async () => {
    const path = join(folder(), "events.ndjson")
    const from = await start()
    const writer = openFile(path, () => assert.fail("it cannot be written"))
    from.local.store.subscribe((happening) => {
      if (happening.type === "event") writer.write(happening.event)
    })
    await post(from, "/batch/", batch(event(`a${escapes}`, { distinct_id: `b${escapes}`, properties: { c: escapes } })))
    writer.close()
    assert.notMatch(readFileSync(path, "utf8"), harmful)
    const to = await start()
    assert.deepStrictEqual(await loadFile(path, to.local), { events: 1, others: 0 })
    const [one] = to.local.store.events
    assert.deepInclude(one, { event: `a${escapes}`, distinct_id: `b${escapes}` })
    assert.strictEqual(one!.properties.c, escapes)
  })

  it("may have lines that are no events, however long, and names that are cut", async () => {
    const path = join(folder(), "events.ndjson")
    const long = "x".repeat(1_000_000)
    const line = JSON.stringify({ event: long, distinct_id: long, project: long, sdk: long })
    const parts = [Buffer.alloc(70 * 1024 * 1024, "["), "", line, "", "{", "[]", "null", line]
    writeFileSync(path, Buffer.concat(parts.flatMap((part) => [Buffer.from(part), Buffer.from("\n")])))
    const { local } = await start()
    assert.deepStrictEqual(await loadFile(path, local), { events: 2, others: 4 })
    const [{ distinct_id, event, project, sdk } = assert.fail("there is none")] = local.store.events
    for (const text of [event, distinct_id, project, sdk.name]) assert.isAtMost(text.length, 200)
  })
})

describe("a file of flags", () => {
  it("that is nested without end, or has escapes for the terminal, is refused in words", async () => {
    const path = join(folder(), "flags.json")
    for (
      const text of [
        `{"flags":[{"key":"a","x":${"[".repeat(20_000)}${"]".repeat(20_000)}}]}`,
        `{"a\\u001b[31m":5}`,
        "{\u001b[31m"
      ]
    ) {
      writeFileSync(path, text)
      const said: Array<string> = []
      const told = read(["--port", "0", "--flags", path]) as Serve
      const code = await serve(told, {
        env: { XDG_RUNTIME_DIR: folder() },
        print: () => {},
        say: (text) => said.push(text),
        paint: unpainted,
        paintBeside: unpainted,
        isTerminal: false
      })
      assert.strictEqual(code, 2)
      assert.strictEqual(said.length, 1)
      assert.include(said[0], path)
      assert.notMatch(said[0]!, harmful)
    }
  })
})

describe("a server that runs", () => {
  it("is none that leads to another machine, or prints what it likes", async () => {
    let url = ""
    const other = createServer((_, response) => {
      response.end(JSON.stringify({ name: "effect-posthog", version: "1.0.0", url }))
    })
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => {
      other.close()
    })
    const { port } = other.address() as AddressInfo
    const find = () => running(8790, port, { XDG_RUNTIME_DIR: folder() })
    for (const evil of ["http://evil.example:8790", "https://127.0.0.1:8790", "http://192.168.1.5:8790", "nix"]) {
      url = evil
      assert.isUndefined(await find(), evil)
    }
    url = "http://127.0.0.1:8790/\u001b[2J"
    assert.strictEqual((await find())?.url, "http://127.0.0.1:8790")
  })
})
