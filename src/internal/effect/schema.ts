/**
 * Effect's schemas, as far as they are looked into. `effect-4/src/internal/effect/schema.ts` is this file for Effect 4.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import type { Member, Shape } from "../../core/catalogue/shape.js"
import type { PersonalData } from "../../core/event/declared.js"
import { isInstance } from "../../core/guard.js"

/** Whatever can be a field of a `Schema.Struct`. */
export type AnyField = Schema.Struct.Field

/** A field that needs no service, whose annotations can be added to. */
export type Annotatable = Schema.Schema.All | Schema.PropertySignature.All

/** Under which name an annotation says that a value is personal data. */
const personalId = Symbol.for("effect-posthog/PersonalData")

/** Under which name an annotation says why a field should not be used any more. */
const deprecatedId = Symbol.for("effect-posthog/Deprecated")

const annotated = <S extends Annotatable>(field: S, id: symbol, value: unknown): S =>
  (field as unknown as { readonly annotations: (annotations: object) => S }).annotations({ [id]: value })

export const personal = <S extends Annotatable>(field: S, how: PersonalData | "usual"): S =>
  annotated(field, personalId, how)

export const deprecated = <S extends Annotatable>(field: S, why: string): S => annotated(field, deprecatedId, why)

const annotation = <A>(annotated: AST.Annotated, id: symbol): A | undefined =>
  Option.getOrUndefined(AST.getAnnotation<A>(id)(annotated))

/** What Effect says of every text, number and truth value. */
const usualDescriptions = new Set(["a string", "a number", "a boolean"])

const descriptionOf = (annotated: AST.Annotated): string | undefined => {
  const description = annotation<string>(annotated, AST.DescriptionAnnotationId)
  return description === undefined || usualDescriptions.has(description) ? undefined : description
}

/** What is said of a value at one place wins over what is said of it further inside. */
const said = (annotated: AST.Annotated, under: Shape): Shape => {
  const description = descriptionOf(annotated) ?? under.description
  const how = annotation<PersonalData | "usual">(annotated, personalId) ?? under.personal
  const why = annotation<string>(annotated, deprecatedId) ?? under.deprecated
  return description === under.description && how === under.personal && why === under.deprecated
    ? under
    : { ...under, description, personal: how, deprecated: why }
}

/** Classes whose values are written as something else, by the beginning of their identifiers. */
const declared: ReadonlyArray<readonly [RegExp, (parts: ReadonlyArray<Shape>) => Shape]> = [
  [/^(?:Valid)?Date(?:Time(?:Utc|Zoned)?)?(?:FromSelf)?$/, () => ({ kind: "time" })],
  [/^(?:Duration|BigDecimal)FromSelf$/, () => ({ kind: "number" })],
  [/^(?:URL|TimeZone\w*|Redacted)FromSelf$/, () => ({ kind: "string" })],
  [/^Redacted</, () => ({ kind: "string" })],
  [/^Option</, (parts) => ({ kind: "union", choices: [...parts, { kind: "nothing" }] })],
  [/^(?:NonEmpty)?Chunk<|^(?:Readonly)?Set<|^HashSet<|^List<|^SortedSet</, (parts) => ({ kind: "list", items: parts })],
  [/^(?:Readonly)?Map<|^HashMap</, (parts) => ({ kind: "object", members: [], others: parts[1] })]
]

/** What a text or a number that is read as a time stands for. */
const sentAs = (from: Shape, to: Shape): Shape =>
  to.kind === "time" && (from.kind === "string" || from.kind === "number") ? { kind: "time" } : from

const shapeOf = (ast: AST.AST): Shape => {
  switch (ast._tag) {
    case "StringKeyword":
    case "TemplateLiteral":
      return said(ast, { kind: "string" })
    case "NumberKeyword":
      return said(ast, { kind: "number" })
    case "BooleanKeyword":
      return said(ast, { kind: "boolean" })
    case "BigIntKeyword":
    case "SymbolKeyword":
      return said(ast, { kind: "string" })
    case "UndefinedKeyword":
    case "VoidKeyword":
    case "NeverKeyword":
      return said(ast, { kind: "nothing" })
    case "Literal":
      return said(ast, literal(ast.literal))
    case "Enums":
      return said(ast, { kind: "union", choices: ast.enums.map(([, value]) => literal(value)) })
    case "ObjectKeyword":
      return said(ast, { kind: "object", members: [], others: { kind: "unknown" } })
    case "TypeLiteral":
      return said(ast, {
        kind: "object",
        members: ast.propertySignatures.map(memberOf),
        others: ast.indexSignatures[0] === undefined ? undefined : shapeOf(ast.indexSignatures[0].type)
      })
    case "TupleType":
      return said(ast, { kind: "list", items: [...ast.elements, ...ast.rest].map(({ type }) => shapeOf(type)) })
    case "Union":
      return said(ast, { kind: "union", choices: ast.types.map(shapeOf) })
    case "Suspend":
      return said(ast, { kind: "later", of: () => shapeOf(ast.f()) })
    case "Refinement":
      return said(ast, shapeOf(ast.from))
    case "Transformation": {
      const [from, to] = [shapeOf(ast.from), shapeOf(ast.to)]
      const { deprecated, description, personal } = to
      return said(ast, { ...said(ast.to, sentAs(from, to)), ...given({ deprecated, description, personal }) })
    }
    case "Declaration": {
      const identifier = AST.getIdentifierAnnotation(ast)
      const name = Option.getOrElse(identifier, () => String(ast))
      const parts = ast.typeParameters.map(shapeOf)
      return said(ast, declared.find(([pattern]) => pattern.test(name))?.[1](parts) ?? { kind: "unknown" })
    }
    default:
      return said(ast, { kind: "unknown" })
  }
}

/** The members that are set. */
const given = <A extends object>(members: A): Partial<A> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<A>

const literal = (value: AST.LiteralValue): Shape => {
  switch (typeof value) {
    case "string":
      return { kind: "string", values: [value] }
    case "number":
      return { kind: "number", values: [value] }
    case "boolean":
      return { kind: "boolean", values: [value] }
    case "bigint":
      return { kind: "string", values: [String(value)] }
    default:
      return { kind: "nothing" }
  }
}

const memberOf = (signature: AST.PropertySignature): Member => ({
  name: String(signature.name),
  shape: said(signature, shapeOf(signature.type)),
  isOptional: signature.isOptional
})

/** The members that a field is sent as, which is one, under its own or another name. */
export const membersOf = (name: string, field: AnyField): ReadonlyArray<Member> => {
  const { ast } = Schema.Struct({ [name]: field })
  const [from, to] = ast._tag === "Transformation" ? [ast.from, ast.to] : [ast, ast]
  if (from._tag !== "TypeLiteral") return []
  // What is said of the field as the program sees it holds for what is sent.
  const inside = to._tag === "TypeLiteral" ? to.propertySignatures[0] : undefined
  return from.propertySignatures.map((signature) => {
    const member = memberOf(signature)
    if (inside === undefined || inside === signature) return member
    const { deprecated, description, personal } = memberOf(inside).shape
    return { ...member, shape: { ...member.shape, ...given({ deprecated, description, personal }) } }
  })
}

/** What {@link quickOf} gives for a value that does not fit. */
export const wrong: unique symbol = Symbol.for("effect-posthog/wrong")

/** Brings a value into the form that is sent, or gives {@link wrong}. */
export type Encode = (value: unknown) => unknown

const dateAst = Schema.Date.ast
const dateFromSelfAst = Schema.DateFromSelf.ast

const isValid = (value: unknown): value is Date => isInstance(value, Date) && !Number.isNaN(value.getTime())

const quickly = (ast: AST.AST): Encode | undefined => {
  if (ast === dateAst || ast === dateFromSelfAst) {
    return (value) => isValid(value) ? value.toISOString() : wrong
  }
  switch (ast._tag) {
    case "StringKeyword":
      return (value) => typeof value === "string" ? value : wrong
    case "NumberKeyword":
      return (value) => typeof value === "number" ? value : wrong
    case "BooleanKeyword":
      return (value) => typeof value === "boolean" ? value : wrong
    case "Literal":
      return (value) => value === ast.literal ? value : wrong
    case "UndefinedKeyword":
      return (value) => value === undefined ? value : wrong
    case "Union": {
      const choices: Array<Encode> = []
      for (const type of ast.types) {
        const choice = quickly(type)
        if (choice === undefined) return undefined
        choices.push(choice)
      }
      return (value) => {
        for (const choice of choices) {
          const encoded = choice(value)
          if (encoded !== wrong) return encoded
        }
        return wrong
      }
    }
    default:
      return undefined
  }
}

/** For a field of the plain kinds, which nearly all are: what Effect's parser does, in a tenth of the time. */
export const quickOf = (
  name: string,
  field: AnyField
): { readonly encode: Encode; readonly isOptional: boolean } | undefined => {
  const { ast } = Schema.Struct({ [name]: field })
  if (ast._tag !== "TypeLiteral") return undefined
  const signature = ast.propertySignatures[0]!
  const encode = quickly(signature.type)
  return encode === undefined ? undefined : { encode, isOptional: signature.isOptional }
}

/** As Effect does it: an object with the field to one with what is sent, or {@link wrong}. */
export const fullOf = (name: string, field: AnyField): (given: object) => object | typeof wrong => {
  const encode = Schema.encodeUnknownEither(
    Schema.Struct({ [name]: field }) as unknown as Schema.Schema<object, object>
  )
  return (given) => Either.getOrElse(encode(given), () => wrong)
}

/** What a program gives for fields, as one object. */
export type TypeOf<F extends Fields> = {
  readonly [K in keyof Schema.Struct.Type<F>]: Schema.Struct.Type<F>[K]
}

/** Fields that need no service. */
export interface Fields {
  readonly [name: PropertyKey]:
    | Schema.Schema<any, any>
    | Schema.Schema<never, any>
    | Schema.Schema<any, never>
    | Schema.PropertySignature<
      Schema.PropertySignature.Token,
      any,
      PropertyKey,
      Schema.PropertySignature.Token,
      any,
      boolean,
      never
    >
}
