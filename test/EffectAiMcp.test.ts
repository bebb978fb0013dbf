/**
 * MCP servers of `@effect/ai`, asked by a client that speaks JSON-RPC over pipes and over HTTP.
 */
import { McpServer, Tool, Toolkit } from "@effect/ai"
import { HttpServer } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Queue, Schema, Stream, TestClock } from "effect"
import { ErrorTracking, PostHog, PostHogTest } from "effect-posthog"
import { createHash } from "node:crypto"
import type * as EffectAi from "../src/EffectAi.js"
import { completeNow, makeDeferred } from "../src/internal/effect/waiting.js"
import { major } from "./support/effect.js"
import * as Servers from "./support/mcp.js"

class Missing extends Schema.TaggedError<Missing>()("Missing", { message: Schema.String }) {}

const Add = Tool.make("add", {
  description: "Adds two numbers",
  parameters: { a: Schema.Number, b: Schema.Number },
  success: Schema.Struct({ sum: Schema.Number })
})
const Find = Tool.make("find", { parameters: { name: Schema.String }, success: Schema.String, failure: Missing })
const Broken = Tool.make("broken", { success: Schema.String })
const Notes = Tool.make("notes", { parameters: { context: Schema.String }, success: Schema.String })
const Slow = Tool.make("slow", { success: Schema.String })

const toolkit = Toolkit.make(Add, Find, Broken, Notes, Slow)

const slow = makeDeferred<void>()

const handlers = toolkit.toLayer({
  add: ({ a, b }) => Effect.as(PostHog.capture("added"), { sum: a + b }) as Effect.Effect<{ readonly sum: number }>,
  find: ({ name }) =>
    Effect.fail(new Missing({ message: `no ${name} for ada@example.com` })).pipe(
      (self) => name === "again" ? ErrorTracking.captureErrors(self) : self
    ) as Effect.Effect<never, Missing>,
  broken: () => Effect.die(new RangeError("out of order")),
  notes: ({ context }) => Effect.succeed(`noted ${context}`),
  slow: () => Effect.zipRight(Deferred.succeed(slow, undefined), Effect.never)
})

const contents = Layer.mergeAll(
  McpServer.toolkit(toolkit),
  McpServer.resource({ uri: "file://readme", name: "Readme", content: Effect.succeed("Read me") }),
  McpServer.prompt({ name: "greet", content: () => Effect.succeed("Greet them") })
)

interface Reply {
  readonly id: number
  readonly result?: any
  readonly error?: any
}

class Client extends Context.Tag("Client")<Client, {
  /** The first request of a client is `initialize`. */
  readonly ask: (method: string, params?: unknown) => Effect.Effect<Reply>
  readonly tell: (method: string, params?: unknown) => Effect.Effect<void>
}>() {}

const hello = {
  protocolVersion: "2025-06-18",
  capabilities: {},
  clientInfo: { name: "test-client", version: "9.9" }
}

/** A client at the other end of the pipes. */
const overPipes = (options: Omit<EffectAi.McpOptions, "name"> = {}) =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const input = yield* Queue.unbounded<Uint8Array>()
    const waiting = new Map<number, Deferred.Deferred<Reply>>()
    let buffer = ""
    let last = 0
    const receive = (chunk: Uint8Array | string) => {
      buffer += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk)
      for (let end = buffer.indexOf("\n"); end >= 0; end = buffer.indexOf("\n")) {
        const reply = JSON.parse(buffer.slice(0, end)) as Reply
        buffer = buffer.slice(end + 1)
        const deferred = waiting.get(Number(reply.id))
        if (deferred !== undefined) completeNow(deferred, Effect.succeed(reply))
      }
    }
    const write = (message: object) =>
      Queue.offer(input, new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`))
    const request = (method: string, params: unknown) =>
      Effect.gen(function*() {
        const id = ++last
        const deferred = yield* Deferred.make<Reply>()
        waiting.set(id, deferred)
        yield* write({ id, method, params })
        return yield* Deferred.await(deferred)
      })
    const client = Layer.succeed(Client, {
      ask: (method, params = {}) =>
        last === 0 && method !== "initialize"
          ? Effect.flatMap(request("initialize", hello), () => request(method, params))
          : request(method, params),
      tell: (method, params = {}) => Effect.asVoid(write({ method, params }))
    })
    const server = Servers.overPipes(
      { name: "Test", version: "1.2.3", ...options },
      Stream.fromQueue(input),
      receive
    )
    return Layer.merge(client, contents.pipe(Layer.provide(handlers), Layer.provide(server)))
  })).pipe(Layer.provideMerge(PostHogTest.TestLayer))

const initialize = Effect.flatMap(Client, ({ ask }) => ask("initialize", hello))
const ask = (method: string, params?: unknown) => Effect.flatMap(Client, (client) => client.ask(method, params))
const callTool = (name: string, args: object = {}) => ask("tools/call", { name, arguments: args })

const event = (name: string) =>
  Effect.map(PostHogTest.waitFor(name), (found) => {
    assert.strictEqual(found.length, 1)
    return found[0]!
  })

describe("a server over pipes", () => {
  it.effect("tells of a call: what, by whom, how long, and what came of it", () =>
    Effect.gen(function*() {
      yield* initialize
      const reply = yield* callTool("add", { a: 1, b: 2 })
      assert.deepStrictEqual(reply.result.structuredContent, { sum: 3 })
      const { distinct_id, properties } = yield* event("$mcp_tool_call")
      assert.deepInclude(properties, {
        $mcp_source: "posthog_mcp_analytics",
        $mcp_tool_name: "add",
        $mcp_resource_name: "add",
        $mcp_tool_description: "Adds two numbers",
        $mcp_is_error: false,
        $mcp_server_name: "Test",
        $mcp_server_version: "1.2.3",
        $mcp_client_name: "test-client",
        $mcp_client_version: "9.9",
        $mcp_protocol_version: "2025-06-18",
        $mcp_parameters: { request: { method: "tools/call", params: { name: "add", arguments: { a: 1, b: 2 } } } },
        $process_person_profile: false
      })
      assert.isNumber(properties.$mcp_duration_ms)
      assert.match(String(properties.$session_id), /^ses_[0-9a-f-]{36}$/)
      assert.strictEqual(distinct_id, properties.$session_id)
      assert.strictEqual((properties.$mcp_response as any).structuredContent.sum, 3)
      assert.notProperty(properties, "$mcp_error_type")
    }).pipe(Effect.provide(overPipes())))

  it.effect("and of the rest that clients ask for, in one session", () =>
    Effect.gen(function*() {
      yield* initialize
      yield* ask("tools/list")
      yield* ask("resources/list")
      yield* ask("resources/read", { uri: "file://readme" })
      yield* ask("prompts/list")
      yield* ask("prompts/get", { name: "greet" })
      yield* PostHogTest.waitFor("$mcp_prompt_get")
      const all = yield* PostHogTest.captured
      assert.deepStrictEqual(all.map(({ event }) => event), [
        "$mcp_initialize",
        "$mcp_tools_list",
        "$mcp_resources_list",
        "$mcp_resource_read",
        "$mcp_prompts_list",
        "$mcp_prompt_get"
      ])
      assert.strictEqual(new Set(all.map(({ properties }) => properties.$session_id)).size, 1)
      assert.deepStrictEqual(all[1]!.properties.$mcp_listed_tool_names, ["add", "find", "broken", "notes", "slow"])
      assert.deepInclude(all[0]!.properties, { $mcp_client_name: "test-client", $mcp_server_version: "1.2.3" })
      assert.strictEqual(all[3]!.properties.$mcp_resource_name, "file://readme")
      assert.strictEqual(all[5]!.properties.$mcp_resource_name, "greet")
    }).pipe(Effect.provide(overPipes())))

  it.effect("a failure of a tool has its name, and no address of a person", () =>
    Effect.gen(function*() {
      const reply = yield* callTool("find", { name: "key" })
      assert.isTrue(reply.result.isError)
      const { properties } = yield* event("$mcp_tool_call")
      // Effect 4 tells of a failure that has a message no more than that.
      assert.deepInclude(properties, { $mcp_is_error: true, $mcp_error_type: major === 3 ? "Missing" : "Error" })
      assert.strictEqual(properties.$mcp_error_message, "no key for [redacted]")
      assert.notInclude(JSON.stringify(properties), "ada@example.com")
    }).pipe(Effect.provide(overPipes())))

  it.effect("a defect is an exception too, one that leads to the session", () =>
    Effect.gen(function*() {
      const reply = yield* callTool("broken")
      assert.isTrue(major === 3 ? reply.error !== undefined : reply.result.isError)
      const { properties } = yield* event("$mcp_tool_call")
      assert.deepInclude(properties, { $mcp_is_error: true, $mcp_error_type: "RangeError" })
      const exception = yield* event("$exception")
      assert.deepInclude(exception.properties, {
        // The server of Effect 4 logs it first, and what is logged is captured.
        $exception_source: major === 3 ? "mcp.tool_call" : "effect.logger",
        $session_id: properties.$session_id,
        $mcp_tool_name: "broken",
        $mcp_server_name: "Test"
      })
      const [{ stacktrace, type, value }] = exception.properties.$exception_list as ReadonlyArray<any>
      assert.notInclude(JSON.stringify(stacktrace ?? null), "atcher")
      assert.deepStrictEqual([type, value], ["RangeError", "out of order"])
    }).pipe(Effect.provide(overPipes())))

  it.effect("an exception that is told while a tool runs names the tool", () =>
    Effect.gen(function*() {
      yield* callTool("find", { name: "again" })
      const call = yield* event("$mcp_tool_call")
      const [first] = yield* PostHogTest.waitFor("$exception")
      assert.notStrictEqual(first!.properties.$exception_source, "mcp.tool_call")
      assert.deepInclude(first!.properties, {
        $mcp_tool_name: "find",
        $mcp_server_name: "Test",
        $session_id: call.properties.$session_id
      })
    }).pipe(Effect.provide(overPipes())))

  it.effect("wrong arguments are a failure of who asks: no exception", () =>
    Effect.gen(function*() {
      yield* callTool("add", { a: "one" })
      const { properties } = yield* event("$mcp_tool_call")
      assert.deepInclude(properties, { $mcp_is_error: true, $mcp_error_type: "validation" })
      assert.notInclude((yield* PostHogTest.captured).map(({ event }) => event), "$exception")
    }).pipe(Effect.provide(overPipes())))

  it.effect("a tool that there is not is no call", () =>
    Effect.gen(function*() {
      const reply = yield* callTool("nothing")
      assert.isDefined(reply.error)
      yield* ask("prompts/list")
      yield* PostHogTest.waitFor("$mcp_prompts_list")
      assert.notInclude((yield* PostHogTest.captured).map(({ event }) => event), "$mcp_tool_call")
      assert.notInclude((yield* PostHogTest.captured).map(({ event }) => event), "$exception")
    }).pipe(Effect.provide(overPipes())))

  it.effect("a call that the client takes back was cancelled", () =>
    Effect.gen(function*() {
      const client = yield* Client
      yield* Effect.fork(client.ask("tools/call", { name: "slow", arguments: {} }))
      yield* Deferred.await(slow)
      yield* client.tell("notifications/cancelled", { requestId: 2 })
      assert.deepInclude((yield* event("$mcp_tool_call")).properties, {
        $mcp_is_error: true,
        $mcp_error_type: "cancelled"
      })
    }).pipe(Effect.provide(overPipes())))

  it.effect("after half an hour of silence a new session begins", () =>
    Effect.gen(function*() {
      yield* ask("tools/list")
      yield* TestClock.adjust("29 minutes")
      yield* ask("tools/list")
      yield* TestClock.adjust("31 minutes")
      yield* ask("tools/list")
      const all = yield* PostHogTest.waitFor("$mcp_tools_list", { count: 3 })
      const [first, second, third] = all.map(({ properties }) => properties.$session_id)
      assert.strictEqual(first, second)
      assert.notStrictEqual(second, third)
    }).pipe(Effect.provide(overPipes())))

  it.effect("happened when it began", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      yield* ask("tools/list")
      assert.strictEqual((yield* event("$mcp_tools_list")).timestamp, "1970-01-01T01:00:00.000Z")
    }).pipe(Effect.provide(overPipes())))

  it.effect("what a tool captures is in the session of who called it", () =>
    Effect.gen(function*() {
      yield* callTool("add", { a: 1, b: 2 })
      const call = yield* event("$mcp_tool_call")
      const added = yield* event("added")
      assert.strictEqual(added.properties.$session_id, call.properties.$session_id)
    }).pipe(Effect.provide(overPipes())))

  it.effect("says who somebody is where the program knows", () =>
    Effect.gen(function*() {
      yield* callTool("add", { a: 1, b: 2 })
      const call = yield* event("$mcp_tool_call")
      assert.strictEqual(call.distinct_id, "user of tools/call")
      assert.notProperty(call.properties, "$process_person_profile")
      assert.strictEqual((yield* event("added")).distinct_id, "user of tools/call")
    }).pipe(Effect.provide(overPipes({ distinctId: ({ method }) => `user of ${method}` }))))

  it.effect("in privacy mode tells neither arguments nor results nor messages", () =>
    Effect.gen(function*() {
      yield* callTool("find", { name: "key" })
      const { properties } = yield* event("$mcp_tool_call")
      assert.propertyVal(properties, "$mcp_is_error", true)
      assert.isString(properties.$mcp_error_type)
      for (const name of ["$mcp_parameters", "$mcp_response", "$mcp_error_message"]) {
        assert.notProperty(properties, name)
      }
    }).pipe(Effect.provide(overPipes({ privacyMode: true }))))

  it.effect("tells no credentials, and no more than an event takes", () =>
    Effect.gen(function*() {
      yield* callTool("notes", {
        context: `https://ada:secret@example.com ${"x".repeat(200_000)}`,
        apiKey: "k-123456789"
      })
      const { properties } = yield* event("$mcp_tool_call")
      const text = JSON.stringify(properties)
      assert.notInclude(text, "ada:secret")
      assert.notInclude(text, "k-123456789")
      assert.isBelow(text.length, 100_000)
    }).pipe(Effect.provide(overPipes())))
})

describe("intents", () => {
  it.effect("are asked for in the definitions, told, and kept from the handlers", () =>
    Effect.gen(function*() {
      const { result } = yield* ask("tools/list")
      const [add, , , notes] = result.tools
      assert.strictEqual(add.inputSchema.properties.context.type, "string")
      assert.include(add.inputSchema.required, "context")
      assert.deepStrictEqual(Object.keys(notes.inputSchema.properties), ["context"])
      assert.notInclude(notes.inputSchema.properties.context.description ?? "", "Why you call")
      yield* callTool("add", { a: 1, b: 2, context: "To add the bill of ada@example.com" })
      const { properties } = yield* event("$mcp_tool_call")
      assert.deepInclude(properties, {
        $mcp_intent: "To add the bill of [redacted]",
        $mcp_intent_source: "context_parameter",
        $mcp_parameters: { request: { method: "tools/call", params: { name: "add", arguments: { a: 1, b: 2 } } } }
      })
    }).pipe(Effect.provide(overPipes({ intent: true }))))

  it.effect("that say nothing are none, and a tool's own parameter stays its own", () =>
    Effect.gen(function*() {
      yield* callTool("add", { a: 1, b: 2, context: " {} " })
      assert.notProperty((yield* event("$mcp_tool_call")).properties, "$mcp_intent")
      yield* PostHogTest.clear
      const reply = yield* callTool("notes", { context: "mine" })
      assert.include(JSON.stringify(reply.result), "noted mine")
      assert.notProperty((yield* event("$mcp_tool_call")).properties, "$mcp_intent")
    }).pipe(Effect.provide(overPipes({ intent: true }))))

  it.effect("are not asked for unless the program says so", () =>
    Effect.gen(function*() {
      const { result } = yield* ask("tools/list")
      assert.notProperty(result.tools[0].inputSchema.properties, "context")
    }).pipe(Effect.provide(overPipes())))
})

describe("a server over HTTP", () => {
  const post = (url: string, headers: Record<string, string>, method: string, params: unknown = {}) =>
    Effect.promise(async () => {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          accept: "application/json, text/event-stream",
          "content-type": "application/json",
          "user-agent": "agent/1",
          ...headers
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
      })
      return { reply: JSON.parse(await response.text()) as Reply, session: response.headers.get("mcp-session-id") }
    })

  const server = HttpServer.addressFormattedWith((address) =>
    Effect.succeed(`${address.replace("0.0.0.0", "127.0.0.1")}/mcp`)
  )

  const layer = Servers.overHttp(contents.pipe(Layer.provide(handlers)), { name: "Test", version: "1.2.3" }).pipe(
    Layer.provideMerge(PostHogTest.TestLayer)
  )

  it.live("takes the session from the client, without telling its id", () =>
    Effect.gen(function*() {
      const url = yield* server
      const own = { ...Servers.ownSession, "x-anthropic-client": "claude" }
      const { session } = yield* post(url, own, "initialize", hello)
      const id = session ?? "abc"
      const headers = { ...own, "mcp-session-id": id, "mcp-protocol-version": "2025-06-18" }
      const { reply } = yield* post(url, headers, "tools/call", { name: "add", arguments: { a: 1, b: 2 } })
      assert.deepStrictEqual(reply.result.structuredContent, { sum: 3 })
      const { properties } = yield* event("$mcp_tool_call")
      assert.deepInclude(properties, {
        $session_id: `ses_${createHash("sha256").update(id).digest("hex").slice(0, 32)}`,
        $mcp_client_user_agent: "agent/1",
        $mcp_vendor_client: "claude",
        $mcp_client_name: "test-client",
        $mcp_protocol_version: "2025-06-18"
      })
      assert.strictEqual((yield* event("$mcp_initialize")).properties.$session_id, properties.$session_id)
      assert.notInclude(JSON.stringify(yield* PostHogTest.captured), `"${id}"`)
    }).pipe(Effect.provide(layer)))

  it.live("gives each request a session of its own where the client has none", () =>
    Effect.gen(function*() {
      const url = yield* server
      const { headers, params } = Servers.withoutSession("tools/list")
      yield* post(url, headers, "tools/list", params)
      yield* post(url, headers, "tools/list", params)
      const all = yield* PostHogTest.waitFor("$mcp_tools_list", { count: 2 })
      assert.strictEqual(new Set(all.map(({ properties }) => properties.$session_id)).size, 2)
    }).pipe(Effect.provide(layer)))
})
