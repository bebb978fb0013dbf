/** Sent with every request and event as `$lib`; named as PostHog names its SDKs. */
export const libraryName = "posthog-effect"

/** A test holds it against package.json. */
export const libraryVersion = "3.0.0-beta.0"

export const userAgent = `${libraryName}/${libraryVersion}`
