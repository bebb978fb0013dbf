/**
 * What the modules of this library know of an instance behind its service: enough to build flags, error tracking and the rest on
 * it without making the service, or a program that only captures, any larger.
 */
import type { Service } from "../PostHog.js"
import type { Capture } from "./capture.js"
import type { Owner } from "./context.js"
import type { Diagnostics } from "./diagnostics.js"
import type { Http } from "./http/client.js"
import type { Resolved } from "./options.js"

/** Name of the member of a service that holds its {@link Instance}. */
export const TypeId = "~effect-posthog/PostHog"

/** An instance that does nothing has none of this. */
export interface Active {
  readonly options: Resolved
  readonly owner: Owner
  /** The door through which every event goes. */
  readonly door: Capture
  readonly diagnostics: Diagnostics
  /** `undefined`: nothing is sent anywhere, as in tests. */
  readonly http: Http | undefined
}

export interface Instance {
  readonly active: Active | undefined
  readonly state: () => "open" | "opted_out" | "closed" | "disabled"
  /** What other modules keep for this instance, by a key of theirs. */
  readonly extensions: Map<string, unknown>
}

/** Why an instance that was found not to be open asks nothing. */
export const notOpen = (state: ReturnType<Instance["state"]>): "opted_out" | "closed" | "disabled" =>
  state === "open" ? "disabled" : state

export const instanceOf = (service: Service): Instance => service[TypeId] as Instance

/** What a module keeps for an instance; made when it is first asked for. */
export const extension = <A>(instance: Instance, key: string, make: () => A): A => {
  if (!instance.extensions.has(key)) instance.extensions.set(key, make())
  return instance.extensions.get(key) as A
}
