/**
 * Effect's schemas, as far as they are looked into. Hides their tree: a schema is the value that the program sees, with
 * links to what it is written as.
 */
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { scan } from "../../core/catalogue/scan.js"
import type { Member, Shape } from "../../core/catalogue/shape.js"
import { holding, say, sent, unionOf } from "../../core/catalogue/sides.js"
import type { PersonalData } from "../../core/event/declared.js"

/** Whatever can be a field of a `Schema.Struct`. */
export type AnyField = Schema.Constraint

/** A field that needs no service, whose annotations can be added to. */
export type Annotatable = Schema.Constraint

/** Under which name an annotation says that a value is personal data. */
const personalId = "~effect-posthog/PersonalData"

/** Under which name an annotation says why a field should not be used any more. */
const deprecatedId = "~effect-posthog/Deprecated"

const annotated = <S extends Annotatable>(field: S, id: string, value: unknown): S =>
  (field as unknown as { readonly annotate: (annotations: object) => S }).annotate({ [id]: value })

export const personal = <S extends Annotatable>(field: S, how: PersonalData | "usual"): S =>
  annotated(field, personalId, how)

export const deprecated = <S extends Annotatable>(field: S, why: string): S => annotated(field, deprecatedId, why)

/** Nobody describes a value with a longer text. */
const maxDescriptionLength = 10_000

export const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value.slice(0, maxDescriptionLength) : undefined

/** A shape with what annotations say of it: those of the schema, of its checks and of the key, the last one winning. */
const said = ({ annotations, checks, context }: AST.AST, under: Shape): Shape =>
  [annotations, ...(checks ?? []).map((check) => check.annotations), context?.annotations].reduce<Shape>(
    (shape, all) =>
      all === undefined ? shape : say(shape, {
        description: text(all["description"]),
        personal: all[personalId] as PersonalData | "usual" | undefined,
        deprecated: text(all[deprecatedId])
      }),
    under
  )

/** Classes whose values are written as something else, by what Effect calls them. */
const declared: ReadonlyArray<readonly [RegExp, (parts: ReadonlyArray<Shape>) => Shape]> = [
  [/^(?:Date|DateTimeUtc)$/, () => ({ kind: "time" })],
  [/^DateTimeZoned$/, () => ({ kind: "time", isZoned: true })],
  [/^(?:Duration|BigDecimal)$/, () => ({ kind: "number" })],
  [/^(?:URL|TimeZone\w*)$/, () => ({ kind: "string" })],
  // By its own type a value that is not to be shown.
  [/^Redacted$/, ([part]) => ({ kind: "string", personal: part?.personal ?? "usual" })],
  [/^Option$/, (parts) => unionOf([...parts, { kind: "nothing", isAbsent: true }])],
  [/^(?:Chunk|ReadonlySet|HashSet)$/, (parts) => ({ kind: "list", items: parts })],
  [
    /^(?:ReadonlyMap|HashMap)$/,
    ([key, ...values]) => holding({ kind: "object", members: [], others: values[0] }, key === undefined ? [] : [key])
  ]
]

const ofEffect = "effect/schema/"

/** What Effect calls one of its own classes. */
export const nameOf = (ast: AST.AST): string | undefined => {
  const id = (ast.annotations?.["representation"] as { readonly id?: unknown } | undefined)?.id
  return typeof id === "string" && id.startsWith(ofEffect) ? id.slice(ofEffect.length) : undefined
}

const declaration = (ast: AST.Declaration, laters: Laters): Shape => {
  const parts = ast.typeParameters.map((part) => shapeOf(part, laters))
  // A class.
  if (ast.annotations?.["~constructor"] !== undefined && parts[0] !== undefined) return parts[0]
  const name = nameOf(ast)
  return name === undefined
    ? holding({ kind: "unknown" }, parts)
    : declared.find(([pattern]) => pattern.test(name))?.[1](parts) ?? holding({ kind: "unknown" }, parts)
}

/** Schemas that contain themselves, each with the one shape that it has. */
type Laters = Map<unknown, Shape>

const later = ({ thunk }: AST.Suspend, laters: Laters): Shape => {
  const known = laters.get(thunk)
  if (known !== undefined) return known
  let inside: Shape | undefined
  let isAsked = false
  const shape: Shape = {
    kind: "later",
    of: () => {
      // Asked for while it is made: it adds nothing to what it is part of.
      if (isAsked && inside === undefined) return { kind: "unknown" }
      isAsked = true
      return inside ??= shapeOf(thunk(), laters)
    }
  }
  laters.set(thunk, shape)
  return shape
}

export const shapeOf = (ast: AST.AST, laters: Laters = new Map()): Shape => {
  const seen = said(ast, plain(ast, laters))
  if (ast.encoding === undefined) return seen
  // From what is written, which the last link leads to, to what the program sees.
  return [seen, ...ast.encoding.map(({ to }) => shapeOf(to, laters))].reduceRight((written, seen) =>
    sent(written, seen)
  )
}

const plain = (ast: AST.AST, laters: Laters): Shape => {
  const inside = (ast: AST.AST): Shape => shapeOf(ast, laters)
  switch (ast._tag) {
    case "String":
    case "BigInt":
    case "Symbol":
    case "UniqueSymbol":
      return { kind: "string" }
    case "TemplateLiteral":
      return holding({ kind: "string" }, ast.parts.map(inside))
    case "Number":
      return { kind: "number" }
    case "Boolean":
      return { kind: "boolean" }
    case "Null":
      return { kind: "nothing" }
    case "Undefined":
    case "Void":
    case "Never":
      return { kind: "nothing", isAbsent: true }
    case "Literal":
      return literal(ast.literal)
    case "Enum":
      return { kind: "union", choices: ast.enums.map(([, value]) => literal(value)) }
    case "ObjectKeyword":
      return { kind: "object", members: [], others: { kind: "unknown" } }
    case "Objects": {
      const [others, ...more] = ast.indexSignatures
      const shape: Shape = {
        kind: "object",
        members: ast.propertySignatures.map(({ name, type }): Member => ({
          name: String(name),
          shape: inside(type),
          isOptional: isOptional(type)
        })),
        others: others === undefined ? undefined : inside(others.type)
      }
      const keys = ast.indexSignatures.map(({ parameter }) => parameter)
      return holding(shape, [...keys, ...more.map(({ type }) => type)].map(inside))
    }
    case "Arrays":
      return { kind: "list", items: [...ast.elements, ...ast.rest].map(inside) }
    case "Union":
      return unionOf(ast.types.map(inside))
    case "Suspend":
      return later(ast, laters)
    case "Declaration":
      return declaration(ast, laters)
    default:
      return { kind: "unknown" }
  }
}

/** Whether what is sent may be without a member. */
export const isOptional = (type: AST.AST): boolean => AST.isOptional(AST.toEncoded(type))

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
  }
}

/** The members that a field is sent as, which is one. */
export const membersOf = (name: string, field: AnyField): ReadonlyArray<Member> => {
  const { ast } = Schema.Struct({ [name]: field })
  const shape = shapeOf(ast)
  const members = shape.kind === "object" ? shape.members : []
  const { hasItself, isMarked } = scan(ast, personalId, "thunk")
  // On which level of itself a value is cannot be seen, so all of it goes as a whole.
  return hasItself && isMarked
    ? members.map((member) => ({ ...member, shape: { ...member.shape, personal: member.shape.personal ?? "usual" } }))
    : members
}

/** Fields that need no service. */
export interface Fields {
  readonly [name: PropertyKey]: Schema.Constraint & { readonly EncodingServices: never }
}
