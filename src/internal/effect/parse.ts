/**
 * Values of Effect's schemas: how they are brought into the form that is sent, and why one does not fit, which Effect
 * says as a tree of issues. Hides that tree, and what a parser gives back. `effect-4/src/internal/effect/parse.ts` is
 * this file for Effect 4.
 */
import * as Either from "effect/Either"
import type { ParseIssue } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
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
import { isObject, read } from "../../core/guard.js"
import { type AnyField, shapeOf, textOf } from "./schema.js"

const dateAst = Schema.Date.ast
const dateFromSelfAst = Schema.DateFromSelf.ast

const quickly = (ast: AST.AST): Encode | undefined => {
  if (ast === dateAst || ast === dateFromSelfAst) return encodeDate
  switch (ast._tag) {
    case "StringKeyword":
      return encodeString
    case "NumberKeyword":
      return encodeNumber
    case "BooleanKeyword":
      return encodeBoolean
    case "Literal":
      return encodeOnly(ast.literal)
    case "UndefinedKeyword":
      return encodeOnly(undefined)
    case "Union":
      return encodeFirst(ast.types.map(quickly))
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

/** As Effect does it: an object with the field to one with what is sent, or {@link wrong}, telling why. */
export const fullOf = (
  name: string,
  field: AnyField
): (given: object, tell?: (misfit: Misfit) => void) => object | typeof wrong => {
  const struct = Schema.Struct({ [name]: field })
  const encode = Schema.encodeUnknownEither(struct as unknown as Schema.Schema<object, object>)
  return (given, tell) => {
    // The program's own functions in a schema may throw.
    try {
      const encoded = encode(given)
      if (Either.isRight(encoded)) return encoded.right
      tell?.(misfitOf(encoded.left.issue, nowhere, struct.ast))
    } catch {
      // What they throw may have the value in its message.
    }
    return wrong
  }
}

/** `within`: the schema that the issue is in. */
const misfitOf = (issue: ParseIssue, place: Place, within: AST.AST): Misfit => {
  switch (issue._tag) {
    case "Pointer": {
      const path = Array.isArray(issue.path) ? issue.path as ReadonlyArray<PropertyKey> : [issue.path as PropertyKey]
      const there = path.reduce<Place>((at, key) => inside(at, key, declares(within, key)), place)
      return misfitOf(issue.issue, there, within)
    }
    case "Composite": {
      const issues = [issue.issues].flat() as ReadonlyArray<ParseIssue>
      const misfits = issues.filter((one) => !isOfNothing(one)).map((one) => misfitOf(one, place, issue.ast))
      const otherwise = invalid(place, wordsOf(shapeOf(issue.ast)))
      return issue.ast._tag === "Union" ? nearest(misfits, otherwise) : misfits[0] ?? otherwise
    }
    case "Refinement": {
      const under = misfitOf(issue.issue, place, issue.ast)
      // A rule about a whole may say in which part of it the fault is.
      return issue.kind === "From" ? under : invalid(under, sayRule(issue.ast))
    }
    case "Transformation":
      return issue.kind === "Transformation"
        ? invalid(place, textOf(issue.ast, AST.DescriptionAnnotationId) ?? unsaid)
        : misfitOf(issue.issue, place, issue.ast)
    case "Missing":
      return missing(place)
    case "Type":
      return invalid(place, sayType(issue.ast))
    default:
      return invalid(place, unsaid)
  }
}

/** Whether a value is not the nothing that it may be, which nobody needs to be told. */
const isOfNothing = (issue: ParseIssue): boolean => issue._tag === "Type" && shapeOf(issue.ast).kind === "nothing"

/** Whether a schema says a key itself. */
const declares = (ast: AST.AST, key: PropertyKey): boolean => {
  switch (ast._tag) {
    case "TypeLiteral":
      return ast.propertySignatures.some(({ name }) => name === key)
    case "TupleType":
      return typeof key === "number"
    case "Refinement":
      return declares(ast.from, key)
    case "Transformation":
      return declares(ast.to, key)
    default:
      return false
  }
}

const sayType = (ast: AST.AST): string => {
  const message = messageOf(ast)
  if (message !== undefined) return ruleOf(shapeOf(ast), [message])
  // Of a class only its instances fit.
  const description = ast._tag === "Declaration" ? textOf(ast, AST.DescriptionAnnotationId) : undefined
  return description?.startsWith("an instance of ") === true ? description : wordsOf(shapeOf(ast))
}

const sayRule = (ast: AST.Refinement): string =>
  ruleOf(shapeOf(ast), [
    messageOf(ast),
    ...[AST.DescriptionAnnotationId, AST.TitleAnnotationId, AST.IdentifierAnnotationId].map((id) => textOf(ast, id))
  ])

/** What a function of the program says about an issue, if it says that without having looked at the value. */
const messageOf = (ast: AST.AST): string | undefined => {
  const message = ast.annotations[AST.MessageAnnotationId]
  if (typeof message !== "function") return undefined
  const issue = new Proxy({}, {
    get: () => {
      throw new Error("nothing of the value is told")
    }
  })
  try {
    const said: unknown = (message as (issue: object) => unknown)(issue)
    const text = isObject(said) ? read(said, "message") : said
    return typeof text === "string" ? text : undefined
  } catch {
    return undefined
  }
}
