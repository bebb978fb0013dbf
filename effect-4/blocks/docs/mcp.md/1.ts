import { Deferred, Effect, Fiber, Layer, Schema, Sink, Stdio, Stream } from "effect"
import { PostHogLive } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"

const Add = Tool.make("add", {
  parameters: Schema.Struct({ a: Schema.Number, b: Schema.Number }),
  success: Schema.Number
})
const tools = Toolkit.make(Add)
const Tools = McpServer.toolkit(tools).pipe(
  Layer.provide(tools.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) }))
)

// In your program NodeStdio.layer; here a client that says who it is, and asks one question.
const hello = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "a client", version: "1.0.0" } }
const requests = [
  { jsonrpc: "2.0", id: 1, method: "initialize", params: hello },
  { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "add", arguments: { a: 1, b: 2 } } }
]

const program = Effect.gen(function*() {
  const answered = yield* Deferred.make<void>()
  const Pipes = Stdio.layerTest({
    stdin: Stream.fromIterable(requests).pipe(
      Stream.map((request) => new TextEncoder().encode(`${JSON.stringify(request)}\n`)),
      Stream.concat(Stream.never)
    ),
    stdout: () =>
      Sink.forEach((answer: Uint8Array | string) =>
        Effect.sync(() => console.log(String(answer))).pipe(
          Effect.andThen(String(answer).includes("\"id\":2") ? Deferred.succeed(answered, undefined) : Effect.void)
        )
      )
  })
  const Server = EffectAi.layerMcpStdio({
    name: "calculator",
    version: "1.0.0",
    protocols: [McpProtocol.v2025_06_18]
  })
  const server = yield* Effect.forkChild(Layer.launch(Tools.pipe(Layer.provide(Server), Layer.provide(Pipes))))
  yield* Deferred.await(answered)
  yield* Fiber.interrupt(server)
})

Effect.runPromise(program.pipe(Effect.provide(PostHogLive)))
