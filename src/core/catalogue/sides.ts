/**
 * The two sides of a schema: what is sent, and the value that the program sees. What is said of the one holds for the
 * other, above all that it is personal data.
 *
 * @since 0.1.0
 */
import { isPersonal } from "./describe.js"
import type { Member, Shape } from "./shape.js"

/** All that can be said of a value. */
export type Said = Pick<Shape, "deprecated" | "description" | "personal">

/** A shape of which more is said. What is said at one place wins over what is said further inside. */
export const say = (shape: Shape, { deprecated, description, personal }: Said): Shape =>
  deprecated === undefined && description === undefined && personal === undefined ? shape : {
    ...shape,
    deprecated: deprecated ?? shape.deprecated,
    description: description ?? shape.description,
    personal: personal ?? shape.personal
  }

/** A shape in which other values are, where it cannot be told: with personal data in one of them, all of it is. */
export const holding = (shape: Shape, parts: ReadonlyArray<Shape>): Shape =>
  shape.personal === undefined && parts.some((part) => isPersonal(part)) ? { ...shape, personal: "usual" } : shape

/** One of several shapes. What is said of the only one that is not nothing, or of each of them, is said of all. */
export const unionOf = (choices: ReadonlyArray<Shape>): Shape => {
  const [first, ...others] = choices.filter(({ kind }) => kind !== "nothing")
  const union: Shape = { kind: "union", choices }
  if (first === undefined) return union
  if (others.length === 0) return say(union, first)
  return others.every(({ personal }) => personal === first.personal) ? say(union, { personal: first.personal }) : union
}

/** The only choice of a union with nothing. */
const present = (shape: Shape): Shape => {
  if (shape.kind !== "union") return shape
  const choices = shape.choices.filter(({ kind }) => kind !== "nothing")
  return choices.length === 1 ? say(choices[0]!, shape) : shape
}

/** Puts what {@link present} took out back to its place. */
const replacePresent = (shape: Shape, by: Shape): Shape =>
  shape.kind === "union" && by !== shape
    ? { ...shape, choices: shape.choices.map((choice) => choice.kind === "nothing" ? choice : by) }
    : by

/** The shape that is sent, with what is said of the value as the program sees it. */
export const sent = (encoded: Shape, decoded: Shape): Shape => {
  // A text or a number that is read as a time stands for one.
  const isTime = decoded.kind === "time" &&
    (encoded.kind === "number" || encoded.kind === "string" && decoded.isZoned !== true)
  const { deprecated, description, personal } = encoded
  const shape = say(isTime ? { kind: "time", deprecated, description, personal } : encoded, decoded)
  return shape.personal === undefined ? inside(shape, decoded) : shape
}

const inside = (encoded: Shape, decoded: Shape): Shape => {
  const [from, to] = [present(encoded), present(decoded)]
  if (from.kind === "object" && to.kind === "object") {
    const members = from.members.map((member): Member => {
      const other = to.members.find(({ name }) => name === member.name)
      return other === undefined ? member : { ...member, shape: sent(member.shape, other.shape) }
    })
    const others = from.others === undefined || to.others === undefined ? from.others : sent(from.others, to.others)
    const shape = replacePresent(encoded, { ...from, members, others })
    // Members with other names, of which each has to have what takes its place.
    const count = ({ members }: typeof from, beside: typeof from) =>
      members.filter(({ name, shape }) => beside.members.every((member) => member.name !== name) && isPersonal(shape))
        .length
    const isLost = count(to, from) > count(from, to) || from.others === undefined && to.others !== undefined &&
        isPersonal(to.others)
    return isLost ? { ...shape, personal: "usual" } : shape
  }
  if (from.kind === "list" && to.kind === "list" && from.items.length === to.items.length) {
    return replacePresent(encoded, { ...from, items: from.items.map((item, index) => sent(item, to.items[index]!)) })
  }
  if (from.kind === "union" && to.kind === "union" && from.choices.length === to.choices.length) {
    return { ...from, choices: from.choices.map((choice, index) => sent(choice, to.choices[index]!)) }
  }
  // Both are made of the same schema, which has been gone through.
  if (from.kind === "later" && to.kind === "later") return encoded
  return holding(encoded, [decoded])
}
