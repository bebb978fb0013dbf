/**
 * What is the same for all requests of one MCP server.
 */
import * as Effect from "effect/Effect"
import * as ErrorTracking from "../../ErrorTracking.js"
import { PostHog, type Service } from "../../PostHog.js"
import { instanceOf } from "../instance.js"
import type { McpGiven, McpSource } from "./watcher.js"

/**
 * What can be said about an MCP server whose requests are captured.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpOptions extends McpGiven {}

export const mcpSource = (service: Service, options: McpOptions): McpSource => ({
  options,
  instance: instanceOf(service),
  exception: (thrown, properties, distinctId) =>
    ErrorTracking.capture(thrown, { properties, distinctId, source: "mcp.tool_call" }).pipe(
      Effect.provideService(PostHog, service)
    )
})
