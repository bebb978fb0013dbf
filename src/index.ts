// Written by scripts/codegen.ts.

/**
 * A tracking plan out of the events that a program declares: as data, as JSON Schema and as a page for people, compared
 * with an earlier version, and beside what tests have captured.
 *
 * @since 0.1.0
 */
export * as Catalogue from "./Catalogue.js"

/**
 * Events that survive the process: what `capture` took is kept on disk until PostHog has acknowledged it, also when the
 * program is killed or PostHog cannot be reached for hours.
 *
 * @since 0.1.0
 */
export * as DurableOutbox from "./DurableOutbox.js"

/**
 * Error tracking: what goes wrong in a program, as PostHog's `$exception` events. A `Cause` stays the tree that it is:
 * each of its failures and defects is an entry of its own, with its type, its message, its frames and the spans through
 * which it went.
 *
 * @since 0.1.0
 */
export * as ErrorTracking from "./ErrorTracking.js"

/**
 * Feature flags as values: a key with its type, so that what a program does with a flag is checked by the compiler.
 *
 * @since 0.1.0
 */
export * as FeatureFlag from "./FeatureFlag.js"

/**
 * Feature flags: evaluate once for a user, and read all flags off the snapshot.
 *
 * @since 0.1.0
 */
export * as FeatureFlags from "./FeatureFlags.js"

/**
 * Where the instances of a fleet, or one serverless function after the other, share flag definitions: one of them asks
 * PostHog, all have them, and a cold start during an outage runs on the last good ones.
 *
 * @since 0.1.0
 */
export * as FlagDefinitionStore from "./FlagDefinitionStore.js"

/**
 * LLM analytics: traces, spans and calls of models, as PostHog's `$ai_*` events. A trace and its spans are regions of
 * the program: what runs in them, in other fibers too, finds its place in the tree by itself.
 *
 * @since 0.1.0
 */
export * as LlmAnalytics from "./LlmAnalytics.js"

/**
 * Calls of language models, captured where they leave the program: at an `HttpClient`, or at the `fetch` of a
 * provider's own SDK. Call sites stay as they are.
 *
 * @since 0.1.0
 */
export * as LlmClient from "./LlmClient.js"

/**
 * Prompts that are managed in PostHog: fetched by name, kept for a while, and with a text of the program's own where
 * PostHog cannot be asked. Needs the option `secretKey`.
 *
 * @since 0.1.0
 */
export * as LlmPrompts from "./LlmPrompts.js"

/**
 * Feature flags evaluated in this process: their definitions are loaded once and kept up to date, and evaluating them
 * for a user takes no request.
 *
 * @since 0.1.0
 */
export * as LocalEvaluation from "./LocalEvaluation.js"

/**
 * PostHog as a service: capture events, say who users are, and see what became of it all.
 *
 * @since 0.1.0
 */
export * as PostHog from "./PostHog.js"

/**
 * PostHog in code that is written with promises: Express, Fastify, Hono, Nest, Next, scripts; and the context on its
 * way from Effect into such code and back.
 *
 * @since 0.1.0
 */
export * as PostHogBridge from "./PostHogBridge.js"

/**
 * PostHog in command line tools: asks before it takes anything, and never keeps a command from ending.
 *
 * @since 0.1.0
 */
export * as PostHogCli from "./PostHogCli.js"

/**
 * The HTTP client that `PostHogLive` uses, for layers that are put together by hand.
 *
 * @since 0.1.0
 */
export * as PostHogClient from "./PostHogClient.js"

/**
 * The options of an instance, their defaults, and where they are read from in the environment.
 *
 * @since 0.1.0
 */
export * as PostHogConfig from "./PostHogConfig.js"

/**
 * Every way in which something can go wrong: typed errors, which a caller can catch, and diagnostics, which tell what
 * became of events after `capture` has returned.
 *
 * @since 0.1.0
 */
export * as PostHogError from "./PostHogError.js"

/**
 * Events as values: a name with the schemas of its properties, so that a tracking plan is checked by the compiler.
 *
 * @since 0.1.0
 */
export * as PostHogEvent from "./PostHogEvent.js"

/**
 * PostHog in HTTP servers and clients: what is captured while a request is handled carries the request, its user and
 * its session, and a handler that fails is an exception.
 *
 * @since 0.1.0
 */
export * as PostHogHttp from "./PostHogHttp.js"

/**
 * PostHog where a process lives for a request, or stands still between two: Workers, Lambda, edge functions. For an
 * instance with `background: false`, whose events leave when somebody flushes.
 *
 * @since 0.1.0
 */
export * as PostHogServerless from "./PostHogServerless.js"

/**
 * PostHog for tests: the same service with the same context, enrichment and `beforeSend`, but events are kept as data
 * instead of being sent.
 *
 * @since 0.1.0
 */
export * as PostHogTest from "./PostHogTest.js"

export {
  /**
   * @since 0.1.0
   */
  capture
} from "./PostHog.js"

export {
  /**
   * @since 0.1.0
   */
  PostHogLive
} from "./PostHogLive.js"

export {
  /**
   * @since 0.1.0
   */
  TestLayer
} from "./PostHogTest.js"
