/**
 * What makes the sources for Effect 4: nothing is guessed, and what is not known fails with its place.
 */
import { assert, describe, it } from "@effect/vitest"
import { makeKnown } from "../../effect-4/known.js"
import { table } from "../../effect-4/table.js"
import { translateBlocks, translateSource } from "../../effect-4/translate.js"

const known = makeKnown()
const translate = (text: string) => translateSource("program.ts", text, table, known)

/** The text for Effect 4; there must be no problem. */
const made = (text: string): string => {
  const { problems, text: result } = translate(text)
  assert.deepStrictEqual(problems, [])
  return result
}

const problemsOf = (text: string) => translate(text).problems.map(({ line, message }) => `${line}: ${message}`)

describe("a source for Effect 4", () => {
  it("has the new names, in types too, and imports what it needs of them", () => {
    assert.strictEqual(
      made(`import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import * as HttpClient from "@effect/platform/HttpClient"

const a = (wait: Duration.DurationInput): Effect.Effect<void> => Effect.zipRight(Effect.sleep(wait), Effect.void)
const latch = Effect.unsafeMakeLatch()
const client = HttpClient.HttpClient
`),
      `import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import * as HttpClient from "effect/http/HttpClient"
import * as Latch from "effect/Latch"

const a = (wait: Duration.Input): Effect.Effect<void> => Effect.andThen(Effect.sleep(wait), Effect.void)
const latch = Latch.makeUnsafe()
const client = HttpClient.HttpClient
`
    )
  })

  it("takes modules from the index of their package, as before", () => {
    assert.strictEqual(
      made(`import { FetchHttpClient, HttpClient } from "@effect/platform"
import { Effect, type Scope } from "effect"

export const a = (scope: Scope.Scope) => Effect.either(Effect.succeed([scope, FetchHttpClient.layer, HttpClient.HttpClient]))
`),
      `import { FetchHttpClient, HttpClient } from "effect/http"
import { Effect, type Scope } from "effect"

export const a = (scope: Scope.Scope) => Effect.result(Effect.succeed([scope, FetchHttpClient.layer, HttpClient.HttpClient]))
`
    )
  })

  it("has the head of a class of tags in its new form", () => {
    assert.include(
      made(`import { Context } from "effect"\nclass A extends Context.Tag("A")<A, string>() {}\n`),
      `class A extends Context.Service<A, string>()("A") {}`
    )
  })

  it("keeps what a name of Effect means within its own text only", () => {
    // `toString` and `constructor` are members of any object, so of a table, too.
    const text =
      `import * as Effect from "effect/Effect"\nexport const a = Effect.succeed(String({}.toString()).constructor)\n`
    assert.strictEqual(made(text), text)
  })

  it("has the programs of its doc comments, and of pages, made as well", () => {
    const page = "```ts\nimport { Effect } from \"effect\"\n\nEffect.fork(Effect.never)\n```\n"
    assert.include(translateBlocks("page.md", page, table, known).text, "Effect.forkChild(Effect.never)")
    assert.include(
      made(
        `/**\n * \`\`\`ts\n * import { Effect } from "effect"\n * Effect.fork(Effect.never)\n * \`\`\`\n */\nexport const a = 1\n`
      ),
      " * Effect.forkChild(Effect.never)\n"
    )
  })

  it("has programs that are written by hand in the places of those they are for, and nowhere else", () => {
    const page = "```ts\n1\n```\n\n```ts\n2\n```\n"
    const own = new Map([[2, "two()\n\nend()\n"]])
    const { problems, text } = translateBlocks("page.md", page, table, known, own)
    assert.deepStrictEqual(problems, [])
    assert.strictEqual(text, "```ts\n1\n```\n\n```ts\ntwo()\n\nend()\n```\n")
    const source = `/**\n * \`\`\`ts\n * import { Effect } from "effect"\n * \`\`\`\n */\nexport const a = 1\n`
    assert.strictEqual(
      translateSource("program.ts", source, table, known, new Map([[1, "one()\n\nend()\n"]])).text,
      `/**\n * \`\`\`ts\n * one()\n *\n * end()\n * \`\`\`\n */\nexport const a = 1\n`
    )
    assert.match(
      translateBlocks("page.md", page, table, known, new Map([[3, ""]])).problems[0]?.message ?? "",
      /a program 3 by hand/
    )
  })

  it("is none where a member, a module or a form of import is not known", () => {
    assert.match(
      problemsOf(`import * as Effect from "effect/Effect"\n\nexport const a = Effect.noSuchThing\n`)[0] ?? "",
      /^3: effect\/Effect of Effect 4 has no noSuchThing/
    )
    assert.match(
      problemsOf(`import * as List from "effect/List"\nexport const a = List\n`)[0] ?? "",
      /^1: .*effect\/List/
    )
    assert.isNotEmpty(problemsOf(`import Effect from "effect/Effect"\nexport const a = Effect\n`))
    assert.isNotEmpty(problemsOf(`export { succeed } from "effect/Effect"\n`))
    assert.isNotEmpty(problemsOf(`export const a: import("effect/Effect").Effect<void> = 1 as never\n`))
  })

  it("says which rows it needed", () => {
    const { rows } = translate(`import * as Effect from "effect/Effect"\nexport const a = Effect.zipRight\n`)
    assert.deepStrictEqual([...rows], ["effect/Effect.zipRight"])
  })
})
