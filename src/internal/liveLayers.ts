/**
 * What belongs to an instance in a program that runs, and in its tests: the instance, error tracking, local evaluation
 * of flags.
 */
import type * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as ErrorTracking from "../ErrorTracking.js"
import * as LocalEvaluation from "../LocalEvaluation.js"
import { PostHog } from "../PostHog.js"
import type { ConfigurationError } from "../PostHogError.js"
import type { Service } from "./instance.js"

/** Options of the parts. */
export interface Parts {
  /** `undefined`: without the logger. */
  readonly logger: ErrorTracking.LoggerOptions | undefined
  /** `undefined`: without local evaluation. */
  readonly localEvaluation: LocalEvaluation.Options | undefined
}

/** An instance with its parts, which see it as `PostHog` whatever its tag is. */
export const compose = <Self, E, R>(
  tag: Context.Tag<Self, Service>,
  instance: Layer.Layer<Self, E, R>,
  { localEvaluation, logger }: Parts
): Layer.Layer<Self, E | ConfigurationError, R> =>
  Layer.mergeAll(
    logger === undefined ? Layer.empty : ErrorTracking.layerLogger(logger),
    localEvaluation === undefined ? Layer.empty : LocalEvaluation.layer(localEvaluation)
  ).pipe(
    Layer.provide(Layer.effect(PostHog, tag)),
    Layer.provideMerge(instance)
  )

/** The members whose value is not `undefined`. */
export const present = <A extends object>(options: A): A =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A
