/**
 * Effect's schemas, as far as they are looked into. Hides their tree, in which a schema that is sent as something else
 * is a node of its own, with a side for each. `effect-4/src/internal/effect/schema.ts` is this file for Effect 4.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { scan } from "../../core/catalogue/scan.js"
import type { Member, Shape } from "../../core/catalogue/shape.js"
import { holding, say, sent, unionOf } from "../../core/catalogue/sides.js"
import type { PersonalData } from "../../core/event/declared.js"

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

/**
 * `Schema.typeSchema` keeps of a transformation only the side that the program sees, which is marked for it as well.
 */
const markSeen = (ast: AST.AST, annotations: AST.Annotations): AST.AST =>
  ast._tag === "Transformation"
    ? new AST.Transformation(
      ast.from,
      AST.annotations(markSeen(ast.to, annotations), annotations),
      ast.transformation,
      ast.annotations
    )
    : ast

export const personal = <S extends Annotatable>(field: S, how: PersonalData | "usual"): S => {
  const marked = annotated(field, personalId, how)
  return Schema.isSchema(marked)
    ? Object.defineProperty(marked, "ast", { value: markSeen(marked.ast, { [personalId]: how }) })
    : marked
}

export const deprecated = <S extends Annotatable>(field: S, why: string): S => annotated(field, deprecatedId, why)

const annotation = <A>(annotated: AST.Annotated, id: symbol): A | undefined =>
  Option.getOrUndefined(AST.getAnnotation<A>(id)(annotated))

/** What Effect itself says of its schemas, which is nothing that the program has said. */
const ofEffect = new RegExp(
  `^(?:${
    [
      "a (?:string|number|boolean|bigint|symbol)",
      "an object in the TypeScript meaning, i\\.e\\. the `object` type",
      "an instance of [\\w$]*",
      "a string (?:with no leading or trailing whitespace|at (?:least|most) \\d.*|\\d+ character\\(s\\) long)",
      "a string (?:matching the pattern|starting with|ending with|including) .*",
      "a single character|a non empty string",
      "an? (?:lowercase|uppercase|capitalized|uncapitalized) string",
      "a Universally Unique (?:Lexicographically Sortable )?Identifier",
      "an integer|a finite (?:number|duration)|a number excluding NaN|a 8-bit unsigned integer",
      "an? (?:non-)?(?:positive|negative) (?:number|bigint|BigDecimal)",
      "an? (?:number|bigint|BigDecimal|Duration) (?:greater than|less than|between|divisible by) .*",
      "an? (?:non-negative )?(?:string|number|boolean|bigint|Date|record|object|JSON-compatible tagged union|" +
      "tuple of seconds and nanos|array of 8-bit unsigned integers) " +
      "(?:to be decoded into|that will be (?:converted to|decoded into|trimmed|split|negated)) ?.*",
      "a (?:boolean|string) that will be (?:negated|trimmed|split)",
      "A string that is interpreted as being [\\w-]*-encoded and will be decoded into a UTF-8 string",
      "an array of (?:at least|at most|exactly) \\d+ item\\(s\\)",
      "a valid Date(?: instance)?|a potentially invalid Date instance",
      "a date (?:before|after|between) .*",
      "a (?:DateTime|TimeZone)\\.\\w+ instance",
      "(?:None|Some|Option|Right|Left|Either)Encoded(?:<.*)?|Redacted\\(<redacted>\\)",
      "(?:Option|Either|(?:NonEmpty)?Chunk|Data|HashSet|HashMap|List|SortedSet|(?:Readonly)?(?:Map|Set))<.*"
    ].join("|")
  })$`,
  "s"
)

/** Nobody describes a value with a longer text; a pattern is not to be looked for in it. */
const maxDescriptionLength = 10_000

/** What an annotation says in words. */
export const textOf = (annotated: AST.Annotated, id: symbol): string | undefined => {
  const text = annotation<unknown>(annotated, id)
  return typeof text === "string" ? text.slice(0, maxDescriptionLength) : undefined
}

const descriptionOf = (annotated: AST.Annotated): string | undefined => {
  const description = textOf(annotated, AST.DescriptionAnnotationId)
  return description === undefined || ofEffect.test(description) ? undefined : description
}

/** A shape with what annotations say of it. */
const said = (annotated: AST.Annotated, under: Shape): Shape =>
  say(under, {
    description: descriptionOf(annotated),
    personal: annotation<PersonalData | "usual">(annotated, personalId),
    deprecated: annotation<string>(annotated, deprecatedId)
  })

/** Classes whose values are written as something else, by what Effect calls them. */
const declared: ReadonlyArray<readonly [RegExp, (parts: ReadonlyArray<Shape>) => Shape]> = [
  [/^(?:Date|effect\/DateTime\.Utc)$/, () => ({ kind: "time" })],
  [/^effect\/DateTime\.Zoned$/, () => ({ kind: "time", isZoned: true })],
  [/^effect\/(?:Duration|BigDecimal)$/, () => ({ kind: "number" })],
  [/^(?:URL|effect\/DateTime\.TimeZone\..*)$/, () => ({ kind: "string" })],
  // By its own type a value that is not to be shown.
  [/^effect\/Redacted$/, ([part]) => ({ kind: "string", personal: part?.personal ?? "usual" })],
  [/^effect\/Option$/, (parts) => unionOf([...parts, { kind: "nothing", isAbsent: true }])],
  [
    /^(?:ReadonlySet|effect\/(?:Chunk(?:\.NonEmptyChunk)?|HashSet|List|SortedSet))$/,
    (parts) => ({ kind: "list", items: parts })
  ],
  [
    /^(?:ReadonlyMap|effect\/HashMap)$/,
    ([key, ...values]) => holding({ kind: "object", members: [], others: values[0] }, key === undefined ? [] : [key])
  ]
]

const declaration = (ast: AST.Declaration, laters: Laters): Shape => {
  // A class.
  const instead = AST.getSurrogateAnnotation(ast)
  if (Option.isSome(instead)) return shapeOf(instead.value, laters)
  const parts = ast.typeParameters.map((part) => shapeOf(part, laters))
  const isData = annotation<string>(ast, AST.DescriptionAnnotationId)?.startsWith("Data<") === true
  if (isData && parts[0] !== undefined) return parts[0]
  const name = annotation<{ readonly _tag: string }>(ast, AST.TypeConstructorAnnotationId)?._tag
  return name === undefined
    ? holding({ kind: "unknown" }, parts)
    : declared.find(([pattern]) => pattern.test(name))?.[1](parts) ?? holding({ kind: "unknown" }, parts)
}

/** Schemas that contain themselves, each with the one shape that it has. */
type Laters = Map<AST.AST, Shape>

const later = (ast: AST.Suspend, laters: Laters): Shape => {
  const known = laters.get(ast)
  if (known !== undefined) return known
  let inside: Shape | undefined
  let isAsked = false
  const shape: Shape = {
    kind: "later",
    of: () => {
      // Asked for while it is made: it adds nothing to what it is part of.
      if (isAsked && inside === undefined) return { kind: "unknown" }
      isAsked = true
      return inside ??= shapeOf(ast.f(), laters)
    }
  }
  laters.set(ast, shape)
  return shape
}

export const shapeOf = (ast: AST.AST, laters?: Laters): Shape => {
  const found: Laters = laters ?? new Map()
  return said(ast, plain(ast, found))
}

const plain = (ast: AST.AST, laters: Laters): Shape => {
  const inside = (ast: AST.AST): Shape => shapeOf(ast, laters)
  switch (ast._tag) {
    case "StringKeyword":
    case "BigIntKeyword":
    case "SymbolKeyword":
    case "UniqueSymbol":
      return { kind: "string" }
    case "TemplateLiteral":
      return holding({ kind: "string" }, ast.spans.map(({ type }) => inside(type)))
    case "NumberKeyword":
      return { kind: "number" }
    case "BooleanKeyword":
      return { kind: "boolean" }
    case "UndefinedKeyword":
    case "VoidKeyword":
    case "NeverKeyword":
      return { kind: "nothing", isAbsent: true }
    case "Literal":
      return literal(ast.literal)
    case "Enums":
      return { kind: "union", choices: ast.enums.map(([, value]) => literal(value)) }
    case "ObjectKeyword":
      return { kind: "object", members: [], others: { kind: "unknown" } }
    case "TypeLiteral": {
      const [others, ...more] = ast.indexSignatures
      const shape: Shape = {
        kind: "object",
        members: ast.propertySignatures.map((signature) => memberOf(signature, laters)),
        others: others === undefined ? undefined : inside(others.type)
      }
      const keys = ast.indexSignatures.map(({ parameter }) => parameter)
      return holding(shape, [...keys, ...more.map(({ type }) => type)].map(inside))
    }
    case "TupleType":
      return { kind: "list", items: [...ast.elements, ...ast.rest].map((item) => said(item, inside(item.type))) }
    case "Union":
      return unionOf(ast.types.map(inside))
    case "Suspend":
      return later(ast, laters)
    case "Refinement":
      return inside(ast.from)
    case "Transformation":
      return sent(inside(ast.from), renamed(inside(ast.to), ast.transformation))
    case "Declaration":
      return declaration(ast, laters)
    default:
      return { kind: "unknown" }
  }
}

/** With the names that are sent. */
const renamed = (shape: Shape, transformation: AST.TransformationKind): Shape => {
  if (transformation._tag !== "TypeLiteralTransformation" || shape.kind !== "object") return shape
  const names = new Map(transformation.propertySignatureTransformations.map(({ from, to }) => [String(to), from]))
  const members = shape.members.map((member) => ({ ...member, name: String(names.get(member.name) ?? member.name) }))
  return { ...shape, members }
}

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

const memberOf = (signature: AST.PropertySignature, laters: Laters): Member => ({
  name: String(signature.name),
  shape: said(signature, shapeOf(signature.type, laters)),
  isOptional: signature.isOptional
})

/** The members that a field is sent as, which is one, under its own or another name. */
export const membersOf = (name: string, field: AnyField): ReadonlyArray<Member> => {
  const { ast } = Schema.Struct({ [name]: field })
  const shape = shapeOf(ast)
  const members = shape.kind === "object" ? shape.members : []
  const { hasItself, isMarked } = scan(ast, personalId, "f")
  // On which level of itself a value is cannot be seen, so all of it goes as a whole.
  return hasItself && isMarked
    ? members.map((member) => ({ ...member, shape: { ...member.shape, personal: member.shape.personal ?? "usual" } }))
    : members
}

/** Fields that need no service. */
/* oxlint-disable no-explicit-any -- no other type stands for any schema */
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
/* oxlint-enable no-explicit-any */
