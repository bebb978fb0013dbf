/**
 * A tracking plan as data: what a catalogue writes, compares and tells PostHog. The words are those of PostHog's schema
 * management.
 *
 * https://posthog.com/docs/product-analytics/schema-management
 *
 * @since 0.1.0
 */
import type { PersonalData } from "../event/declared.js"

/**
 * The types that PostHog knows for properties. `Object` are objects and lists.
 *
 * @since 0.1.0
 * @category models
 */
export type PropertyType = "String" | "Numeric" | "Boolean" | "DateTime" | "Object"

/**
 * A value, as it is sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface ValueDescription {
  /** All that it can be; none: anything. */
  readonly types: ReadonlyArray<PropertyType>
  /** Whether it is always there, and is not `null`. */
  readonly required: boolean
  readonly description?: string | undefined
  /** The only values it can have. */
  readonly values?: ReadonlyArray<string | number | boolean> | undefined
  /** Set for personal data: how it is made unreadable; `usual`: the instance decides. */
  readonly personal?: PersonalData | "usual" | undefined
  /** Why it should not be used any more. */
  readonly deprecated?: string | undefined
  /**
   * Of objects: what they have, for each kind of object that it can be. Of a value that can be an `Object`, and has
   * neither this nor `items`, it is not known what is inside: it contains itself, is too large for a plan, or comes
   * from an older one.
   */
  readonly objects?: ReadonlyArray<ObjectDescription> | undefined
  /** Of lists: what their items are; several: one for each place. */
  readonly items?: ReadonlyArray<ValueDescription> | undefined
}

/**
 * What an object has.
 *
 * @since 0.1.0
 * @category models
 */
export interface ObjectDescription {
  readonly members: ReadonlyArray<PropertyDescription>
  /** What is under all other names; absent: it has no others. */
  readonly others?: ValueDescription | undefined
}

/**
 * A property of an event, a group or a person, or a member of an object.
 *
 * @since 0.1.0
 * @category models
 */
export interface PropertyDescription extends ValueDescription {
  readonly name: string
}

/**
 * An event with its properties.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventDescription {
  readonly name: string
  readonly description?: string | undefined
  /** Who to ask about it. */
  readonly owner?: string | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  /** Why it should not be captured any more. */
  readonly deprecated?: string | undefined
  /** The only group types it can be about; absent: any. */
  readonly groups?: ReadonlyArray<string> | undefined
  readonly properties: ReadonlyArray<PropertyDescription>
}

/**
 * A group type with the properties of its groups.
 *
 * @since 0.1.0
 * @category models
 */
export interface GroupDescription {
  readonly type: string
  readonly description?: string | undefined
  readonly owner?: string | undefined
  readonly properties: ReadonlyArray<PropertyDescription>
}

/**
 * A whole tracking plan, as it is kept in a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  /** The version of this form. */
  readonly version: 1
  readonly events: ReadonlyArray<EventDescription>
  readonly groups: ReadonlyArray<GroupDescription>
  /** The properties of persons. */
  readonly person: ReadonlyArray<PropertyDescription>
}
