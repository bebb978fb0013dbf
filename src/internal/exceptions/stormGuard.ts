/**
 * Holds back exceptions of a kind that come too often.
 */
import { TokenBuckets } from "../../core/exceptions/bucket.js"
import { coerce, template } from "../../core/exceptions/coerce.js"
import { isLibrary, isOwn } from "../../core/exceptions/frames.js"
import type { Failure } from "../../core/exceptions/list.js"
import { readStack } from "../../core/exceptions/stack.js"
import { isWorker } from "../node.js"
import { thrownIn } from "./cause.js"
import type { Mark } from "./claims.js"

/** So many of a kind may come at once, and one more in this time (the values of posthog-node). */
const burst = 10
const refillMillis = 10_000
/** Kinds of exceptions that are told apart. */
const maxKinds = 1_000

/** Longer keys of kinds are cut, so that a thousand of them take little memory. */
const maxKeyLength = 500

/** The beginning of a text as a text of its own: a part of a text keeps all of it in memory. */
const copy = (text: string): string => Array.from(text.slice(0, maxKeyLength)).join("")

/** Most lines of a stack, and most errors of one exception, by which kinds are told apart. */
const maxLines = 20
const maxTypes = 10

/**
 * The kind of an exception, found before anything costly is done: its types, and where in the program the first error
 * was made. Node and drivers of databases make all of theirs in one place, so their own lines tell nothing.
 */
const kindOf = (failure: Failure): readonly [kind: string, first: string] => {
  const thrown = thrownIn(failure)
  const first = coerce(thrown[0])
  const places = readStack(first.stack ?? "", maxLines).filter(({ path }) => path !== undefined && !isLibrary(path))
  const place = places.find(({ path }) => isOwn(path!, isWorker())) ?? places[0]
  const types = thrown.slice(0, maxTypes).map((value) => coerce(value).type)
  const kind = (place === undefined ? template(first.value) : `${place.path}:${place.line}`) +
    [...new Set(types)].sort().join()
  return [copy(kind), copy(first.value)]
}

/** One for each instance. */
export class StormGuard {
  private readonly buckets = new TokenBuckets(burst, refillMillis, maxKinds)

  /**
   * How many of the kind were held back since the last that was let through; `undefined`: this one is held back too.
   * The same error of another user is another one, because how many users are affected is worth knowing.
   */
  take(failure: Failure, fingerprint: string | undefined, { at, who }: Mark): number | undefined {
    const [kind, first] = kindOf(failure)
    return this.buckets.take(fingerprint ?? kind, `${who ?? ""}\n${first}`, at)
  }
}
