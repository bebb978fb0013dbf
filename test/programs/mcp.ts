/** An MCP server over the standard input and output of a process of its own. */
import { McpServer, Tool, Toolkit } from "@effect/ai"
import { NodeRuntime, NodeSink, NodeStream } from "@effect/platform-node"
import { Effect, Layer, Logger, Schema } from "effect"
import { PostHogLive } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"

const Add = Tool.make("add", { parameters: { a: Schema.Number, b: Schema.Number }, success: Schema.Number })
const tools = Toolkit.make(Add)

const Server = McpServer.toolkit(tools).pipe(
  Layer.provide(tools.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) })),
  Layer.provide(EffectAi.layerMcpStdio({
    name: "calculator",
    version: "1.0.0",
    stdin: NodeStream.stdin,
    stdout: NodeSink.stdout
  })),
  Layer.provide(PostHogLive),
  // Standard output belongs to the protocol.
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

NodeRuntime.runMain(Layer.launch(Server))
