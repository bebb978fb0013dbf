/**
 * The catalogue of these events.
 */
import { Catalogue } from "effect-posthog"
import * as Events from "./events.js"

export const catalogue = Catalogue.make({ events: Events, groups: [Events.Company] })

export default catalogue
