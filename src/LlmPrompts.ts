/**
 * Prompts that are managed in PostHog: fetched by name, kept for a while, and with a text of the program's own where
 * PostHog cannot be asked. Needs the option `secretKey`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { LlmAnalytics, LlmPrompts } from "effect-posthog"
 *
 * const greet = Effect.gen(function*() {
 *   const prompt = yield* LlmPrompts.get("greeting", { label: "production", fallback: "Greet {{name}}." })
 *   const input = LlmPrompts.compile(prompt, { name: "Ada" })
 *   yield* LlmAnalytics.generation({ model: "gpt-5-mini", provider: "openai", input }).pipe(
 *     LlmAnalytics.withPrompt(prompt)
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { compile as compileText, type StoredPrompt } from "./core/llm/prompts.js"
import type { PromptUnavailable } from "./internal/llm/promptErrors.js"
import * as internal from "./internal/llm/prompts.js"
import { ask } from "./internal/llm/spans.js"
import { givenDuration } from "./internal/optionKinds.js"
import type { PostHog } from "./PostHog.js"

/**
 * A prompt.
 *
 * @since 0.1.0
 * @category models
 */
export interface Prompt {
  readonly name: string
  /** With `{{name}}` where values belong, see {@link compile}. */
  readonly text: string
  /** Absent of a fallback. */
  readonly version?: number | undefined
  /** The label under which it was found, if it was asked for by one. */
  readonly label?: string | undefined
  /** What is kept with it in PostHog, such as the model and its parameters. */
  readonly config?: { readonly [name: string]: unknown } | undefined
  /**
   * Where it came from: PostHog just now (`api`), PostHog within `timeToLive` (`cache`), PostHog at an earlier time,
   * because it cannot be asked now (`stale_cache`), or the fallback (`code_fallback`).
   */
  readonly source: "api" | "cache" | "stale_cache" | "code_fallback"
}

/**
 * Options of {@link get}.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Which version. Not with a `label`. Default: the newest. */
  readonly version?: number | undefined
  /** Which label, such as `production`. Not with a `version`. Default: the newest version, whatever its labels. */
  readonly label?: string | undefined
  /** The text that is used where PostHog cannot be asked and nothing is kept. Default: `get` fails. */
  readonly fallback?: string | undefined
  /** So long a prompt is used before PostHog is asked again. Default 5 minutes. */
  readonly timeToLive?: Duration.DurationInput | undefined
}

const toPrompt = (prompt: StoredPrompt, source: Prompt["source"]): Prompt => ({ ...prompt, source })

const defaultTimeToLive = /* #__PURE__ */ Duration.minutes(5)

/**
 * The prompt of a name. Those who ask at the same time share one request. When PostHog cannot be asked, the prompt of
 * an earlier time is used, for a minute at least without asking again; without one, the fallback.
 *
 * @since 0.1.0
 * @category accessors
 */
export const get = (name: string, options: Options = {}): Effect.Effect<Prompt, PromptUnavailable, PostHog> => {
  const { fallback, label, timeToLive, version } = options
  const found = ask((instance, fiber) =>
    internal.get(
      instance,
      fiber,
      { name, version, label },
      givenDuration(timeToLive) ?? defaultTimeToLive
    )
  ).pipe(Effect.map(({ prompt, source }) => toPrompt(prompt, source)))
  return fallback === undefined
    ? found
    : Effect.orElseSucceed(found, (): Prompt => ({ name, text: fallback, source: "code_fallback" }))
}

/**
 * All prompts, with `label` those that have it. Nothing is kept.
 *
 * @since 0.1.0
 * @category accessors
 */
export const list = (
  options: {
    /** Default: all prompts. */
    readonly label?: string | undefined
  } = {}
): Effect.Effect<ReadonlyArray<Prompt>, PromptUnavailable, PostHog> =>
  ask((instance, fiber) => internal.list(instance, fiber, options.label)).pipe(
    Effect.map((prompts) => prompts.map((prompt) => toPrompt(prompt, "api")))
  )

/**
 * The text of a prompt with values in the place of `{{name}}`. A name for which there is no value stays as it is. Names
 * have letters, digits, `_`, `.` and `-`, and no spaces around them.
 *
 * @since 0.1.0
 * @category conversions
 */
export const compile = (prompt: string | { readonly text: string }, variables: object = {}): string =>
  compileText(typeof prompt === "string" ? prompt : prompt.text, variables)
