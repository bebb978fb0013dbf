/**
 * A frame without secrets: names of spans may say anything, a module may have come from an address, and a key may stand
 * in a source.
 *
 * @since 0.1.0
 */
import { redactSource, redactText } from "../secrets.js"
import type { Frame } from "./frames.js"

/** The frame, without what must not be told. */
export const redactFrame = (frame: Frame): Frame => {
  const { context_line, filename, post_context, pre_context } = frame
  return {
    ...frame,
    function: redactText(frame.function),
    ...(filename === undefined ? undefined : {
      filename: /[?#]|:\/\//.test(filename) ? redactText(filename) : redactSource(filename)
    }),
    ...(context_line === undefined ? undefined : { context_line: redactSource(context_line) }),
    ...(pre_context === undefined ? undefined : { pre_context: pre_context.map(redactSource) }),
    ...(post_context === undefined ? undefined : { post_context: post_context.map(redactSource) })
  }
}
