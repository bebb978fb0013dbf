/** An MCP server over the standard input and output of a process of its own: `test/programs/mcp.ts` for Effect 4. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import { Effect, Layer, Logger, Schema } from "effect"
import { PostHogLive } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"

const Add = Tool.make("add", {
  parameters: Schema.Struct({ a: Schema.Number, b: Schema.Number }),
  success: Schema.Number
})
const tools = Toolkit.make(Add)

const Server = McpServer.toolkit(tools).pipe(
  Layer.provide(tools.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) })),
  Layer.provide(EffectAi.layerMcpStdio({
    name: "calculator",
    version: "1.0.0",
    protocols: [McpProtocol.v2025_06_18]
  })),
  Layer.provide(NodeStdio.layer),
  Layer.provide(PostHogLive),
  // Standard output belongs to the protocol.
  Layer.provide(Logger.layer([]))
)

NodeRuntime.runMain(Layer.launch(Server))
