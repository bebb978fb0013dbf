/**
 * How Effect's schemas are written where its majors write them differently, for Effect 4.
 *
 * @since 0.1.0
 */

/** A schema with a description, which is a literal. */
export const described = (schema: string, description: string): string =>
  `${schema}.annotate({ description: ${description} })`

/** One of several schemas. */
export const union = (schemas: ReadonlyArray<string>): string => `Schema.Union([${schemas.join(", ")}])`

/** Objects and lists. */
export const anyObject = "Schema.ObjectKeyword"
