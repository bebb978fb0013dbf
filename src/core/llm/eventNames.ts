/**
 * The events of LLM analytics.
 *
 * @since 0.1.0
 */

/**
 * Names that PostHog's route for these events takes. An event of any other name is an ordinary one there, and refused:
 * by capture v0 together with all events of its request.
 */
const names: ReadonlySet<string> = /* #__PURE__ */ new Set([
  "$ai_generation",
  "$ai_embedding",
  "$ai_span",
  "$ai_trace",
  "$ai_metric",
  "$ai_feedback",
  "$ai_evaluation",
  "$ai_tag",
  "$ai_generation_summary",
  "$ai_trace_summary",
  "$ai_evaluation_report"
])

export const isAiEvent = (name: unknown): boolean => typeof name === "string" && names.has(name)
