/**
 * An outbox whose events go through Redis, so that any process of a fleet can send what another has taken.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Form } from "../../../core/event/properties.js"
import { isNamed } from "../../../core/event/wireEvent.js"
import { DeliveryError } from "../../../PostHogError.js"
import { makeDeferred } from "../../effect/waiting.js"
import { formOf } from "../../form.js"
import { Elapsed } from "../elapsed.js"
import { type Branch, exceptions } from "../lane.js"
import type { Outbox } from "../outbox.js"
import { outcomeOf, total } from "../outcomes.js"
import type { Told } from "../pipeline.js"
import { type FleetLane, open as openLane, type Shared } from "./fleetLane.js"
import { lettersOf } from "./fleetLetters.js"
import type { Settings } from "./fleetOptions.js"
import { Health } from "./health.js"
import { asking, keysOf, make as makeStreams, makeDead } from "./redis.js"
import type { Opening } from "./store.js"

const digestOf = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest, 0, 10), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

export const open = (settings: Settings) =>
  Effect.fnUntraced(function*(
    { apiKey, books, diagnostics, gate, options, route }: Opening
  ): Effect.fn.Return<Outbox, never, Scope.Scope> {
    const runtime = yield* Effect.runtime<Scope.Scope>()
    const forkScoped = Runtime.runFork(runtime)
    const fork: Shared["shared"]["fork"] = forkScoped
    const elapsed = new Elapsed(yield* Effect.clock)
    const keys = keysOf(settings.prefix, yield* Effect.promise(() => digestOf(`${options.host}\n${apiKey}`)))
    const ask = asking(settings.send, settings.timeout, () => elapsed.now())
    const consumer = crypto.randomUUID()
    const lanes: Array<FleetLane> = []

    /** Events that are in the memory of this process alone. */
    let unstored = 0
    const counted = (): void => {
      let all = 0
      for (const { intake } of lanes) all += intake.dispatch.unsettled
      if (all !== unstored) books.unstored(all - unstored)
      unstored = all
    }

    const health = new Health(diagnostics, () => unstored)
    const shared: Shared = {
      shared: { options, gate, books, elapsed, diagnostics, fork },
      settings,
      health,
      keys,
      streamsOf: (lane) => makeStreams(ask, keys, lane, consumer),
      runSync: Runtime.runSync(runtime),
      forkScoped,
      counted
    }
    const open = (...[route, form]: [Parameters<typeof openLane>[0], Form | undefined]): FleetLane => {
      const lane = openLane(route, form, shared)
      lanes.push(lane)
      return lane
    }
    const usualForm = formOf(options.captureMode)
    const main = open(route, usualForm)
    const ofExceptions = exceptions(route)
    // What a process ended with explains its end, and need not wait for the next exception.
    if (settings.delivers ?? options.background) open(ofExceptions.open(), usualForm)

    const of = (text: string, given: Branch | undefined): FleetLane => {
      const isException = given === undefined && isNamed(text, "$exception")
      const branch = isException ? ofExceptions : given
      // Events that are not taken open nothing.
      if (branch === undefined || gate.phase !== "open") return main
      return lanes.find(({ name }) => name === branch.name) ??
        open(branch.open(), isException ? usualForm : branch.form)
    }

    const offer = ({ intake }: FleetLane, text: string, told?: Told): Effect.Effect<void> => {
      const offered = intake.offer(text, told)
      counted()
      return offered
    }

    const flush = Effect.suspend(() =>
      gate.isClosed
        ? new DeliveryError({ reason: "closed", delivered: 0, dropped: 0, queued: 0 })
        : Effect.flatMap(
          Effect.forEach(lanes.slice(), ({ flush }) => outcomeOf(flush), { concurrency: "unbounded" }),
          total
        )
    )

    // The fiber that closes the scope may be an interrupted one, in which nothing can be timed out.
    const close = Effect.suspend(() => {
      gate.close()
      const done = makeDeferred<void>()
      for (const lane of lanes) lane.close()
      fork(
        Effect.forEach(lanes, ({ drain }) => drain, { concurrency: "unbounded", discard: true }).pipe(
          Effect.timeoutOption(options.shutdownTimeout),
          Effect.zipRight(Effect.forEach(lanes, ({ end }) => end, { concurrency: "unbounded", discard: true })),
          Effect.ensuring(Deferred.succeed(done, undefined))
        )
      )
      return Effect.asVoid(Deferred.await(done))
    })
    yield* Effect.addFinalizer(() => close)

    return {
      offer: (text, branch) => offer(of(text, branch), text),
      sendNow: (text, branch) => of(text, branch).outlet.sendNow(text),
      storeNow: (text, branch) =>
        Effect.suspend(() => {
          const lane = of(text, branch)
          return lane.storeNow((told) => offer(lane, text, told))
        }),
      letters: settings.maxDeadBytes === undefined
        ? undefined
        : lettersOf(makeDead(ask, keys)),
      flush,
      optOut: () => {
        gate.optOut()
        for (const lane of lanes) lane.optOut()
        counted()
      },
      optIn: () => {
        gate.optIn()
        for (const { reader } of lanes) reader?.wake()
      }
    }
  })
