import { PostHogBridge, PostHogLive } from "effect-posthog"

/** One for the process. Development builds load a module again when it changes, and Next loads it once for each of its bundles. */
const shared = globalThis as { posthog?: ReturnType<typeof make> }
const make = () => PostHogBridge.make(PostHogLive)

export const posthog = shared.posthog ??= make()
