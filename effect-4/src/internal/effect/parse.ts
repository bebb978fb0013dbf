/**
 * Values of Effect's schemas: how they are brought into the form that is sent, and why one does not fit, which Effect
 * says as a tree of issues.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import type { Issue } from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import {
  type Encode,
  encodeBoolean,
  encodeDate,
  encodeFirst,
  encodeNumber,
  encodeOnly,
  encodeString,
  wrong
} from "../../core/catalogue/encode.js"
import {
  inside,
  invalid,
  type Misfit,
  missing,
  nearest,
  nowhere,
  type Place,
  ruleOf,
  unsaid,
  wordsOf
} from "../../core/catalogue/misfit.js"
import { type AnyField, isOptional, nameOf, shapeOf, text } from "./schema.js"

/** A date as it is, or one that is written as text in the usual way. */
const isUsualDate = (ast: AST.AST): boolean => {
  if (nameOf(ast) !== "Date") return false
  const [link, ...more] = ast.encoding ?? []
  return link === undefined ||
    more.length === 0 && link.transformation === SchemaTransformation.dateFromString && link.to._tag === "String" &&
      link.to.checks === undefined && link.to.encoding === undefined
}

const quickly = (ast: AST.AST): Encode | undefined => {
  if (ast.checks !== undefined) return undefined
  if (isUsualDate(ast)) return encodeDate
  if (ast.encoding !== undefined) return undefined
  switch (ast._tag) {
    case "String":
      return encodeString
    case "Number":
      return encodeNumber
    case "Boolean":
      return encodeBoolean
    case "Literal":
      return encodeOnly(ast.literal)
    case "Null":
      return encodeOnly(null)
    case "Undefined":
      return encodeOnly(undefined)
    case "Union":
      return ast.encodingChecks !== undefined || ast.options?.mode === "oneOf"
        ? undefined
        : encodeFirst(ast.types.map(quickly))
    default:
      return undefined
  }
}

/** For a field of the plain kinds, which nearly all are: what Effect's parser does, in a tenth of the time. */
export const quickOf = (
  name: string,
  field: AnyField
): { readonly encode: Encode; readonly isOptional: boolean } | undefined => {
  const [signature] = Schema.Struct({ [name]: field }).ast.propertySignatures
  const encode = signature === undefined ? undefined : quickly(signature.type)
  return encode === undefined ? undefined : { encode, isOptional: isOptional(signature!.type) }
}

/** As Effect does it: an object with the field to one with what is sent, or {@link wrong}, telling why. */
export const fullOf = (
  name: string,
  field: AnyField
): (given: object, tell?: (misfit: Misfit) => void) => object | typeof wrong => {
  const struct = Schema.Struct({ [name]: field })
  const encode = Schema.encodeUnknownResult(struct as unknown as Schema.Codec<object, object>)
  return (given, tell) => {
    // A schema that has to wait throws, and so may the program's own functions in it.
    try {
      const encoded = encode(given)
      if (Result.isSuccess(encoded)) return encoded.success
      tell?.(misfitOf(encoded.failure.issue, nowhere, struct.ast))
    } catch {
      // What they throw may have the value in its message.
    }
    return wrong
  }
}

/** `within`: the schema that the issue is in. */
const misfitOf = (issue: Issue, place: Place, within: AST.AST): Misfit => {
  switch (issue._tag) {
    case "Pointer": {
      const there = issue.path.reduce<Place>((at, key) => inside(at, key, declares(within, key)), place)
      return misfitOf(issue.issue, there, within)
    }
    case "Composite":
      return misfitOf(issue.issues[0], place, issue.ast)
    case "AnyOf": {
      const misfits = issue.issues.filter((one) => !isOfNothing(one)).map((one) => misfitOf(one, place, issue.ast))
      return nearest(misfits, invalid(place, sayType(issue.ast)))
    }
    case "Filter": {
      const under = misfitOf(issue.issue, place, within)
      const { description, expected, identifier, message, title } = issue.filter.annotations ?? {}
      const texts = [message, expected, description, title, identifier].map(text)
      // A rule about a whole may say in which part of it the fault is.
      return invalid(under, ruleOf(shapeOf(within), texts))
    }
    case "Encoding":
      return misfitOf(issue.issue, place, issue.ast)
    case "MissingKey":
      return missing(place)
    case "InvalidType":
    case "OneOf":
      return invalid(place, sayType(issue.ast))
    default:
      return invalid(place, unsaid)
  }
}

/** Whether a value is not the nothing that it may be, which nobody needs to be told. */
const isOfNothing = (issue: Issue): boolean => issue._tag === "InvalidType" && shapeOf(issue.ast).kind === "nothing"

/** Whether a schema says a key itself. */
const declares = (ast: AST.AST, key: PropertyKey): boolean =>
  ast._tag === "Objects"
    ? ast.propertySignatures.some(({ name }) => name === key)
    : ast._tag === "Arrays" && typeof key === "number"

const sayType = (ast: AST.AST): string => {
  const shape = shapeOf(ast)
  const message = text(ast.annotations?.["message"])
  if (message !== undefined) return ruleOf(shape, [message])
  // Of a class only its instances fit.
  const name = ast._tag === "Declaration" && ast.annotations?.["~constructor"] !== undefined
    ? text(ast.annotations["identifier"])
    : undefined
  return name === undefined
    ? wordsOf(shape)
    : `an instance of ${name}`
}
