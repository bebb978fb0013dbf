/**
 * The form in which events are written: that of capture v1 has some of what it knows beside the properties.
 */
import { type CaptureV1, captureV1 } from "../core/event/captureV1.js"
import { libraryName, libraryVersion } from "./version.js"

export const formV1: CaptureV1 = /* #__PURE__ */ captureV1(libraryName, libraryVersion)

/** `undefined`: that of capture v0. */
export const formOf = (mode: "v0" | "v1"): CaptureV1 | undefined => mode === "v1" ? formV1 : undefined

/**
 * Brings the text of an event that another process has written, with another option, into the form of this one. What is
 * no such text stays as it is.
 */
export const adopterOf = (mode: "v0" | "v1") => (text: string): string => {
  try {
    if (formV1.isText(text) === (mode === "v1")) return text
    return mode === "v1" ? formV1.fromV0(text) : formV1.toV0(text)
  } catch {
    return text
  }
}
