/**
 * When something is captured about a request of the Fetch API.
 */
import * as Effect from "effect/Effect"
import { isInterruption } from "../effect/cause.js"
import { withoutResponses } from "../exceptions/responses.js"
import type { Server } from "./requestContext.js"

/** Status of a request whose client has gone, as servers log it. */
const clientGone = 499

/** A server whose handler is a function of the Fetch API. Its caller turns failures into responses. */
export const webServer: Server<Response> = {
  begin: () => Effect.void,
  succeeded: (response, { onEnd }) => onEnd!(response.status),
  // Its body brings its own runtime.
  sustain: (response) => response,
  failed: (cause, { onEnd, onFailure }) => {
    const failure = withoutResponses(cause)
    const captured = onFailure === undefined || isInterruption(failure)
      ? Effect.void
      : onFailure(failure)(undefined)
    return onEnd === undefined || isInterruption(cause)
      ? captured
      : Effect.zipRight(captured, onEnd(undefined))
  },
  interrupted: ({ onEnd }) => onEnd!(clientGone)
}
