/**
 * One file that is written for Effect 3, as it is for Effect 4. Works on the syntax tree, without types: what a table
 * of names and a few shapes cannot say belongs behind `src/internal/effect/`, of which there are two sides.
 *
 * Nothing is guessed. A member of a module of Effect's is either in the table, or Effect 4 exports it under the same
 * name; all else is a problem that names its place.
 */
import ts from "typescript"
import type { Shape, Table } from "./table.js"

export interface Problem {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** What Effect 4 exports. */
export interface Known {
  /** Whether a module is there. */
  readonly module: (name: string) => boolean
  /** Whether a module exports this name, as a value or as a type. */
  readonly member: (module: string, name: string) => boolean
}

export interface Translated {
  readonly text: string
  readonly problems: ReadonlyArray<Problem>
  /** The rows of the table that were needed. */
  readonly rows: ReadonlySet<string>
}

/** Replaces a stretch of the text. Several at one place are kept in their order. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A name by which a file knows a module of Effect's, or a member of one. */
interface Binding {
  readonly local: string
  /** The module, by its name in Effect 3. */
  readonly module: string
  /** Of a module; `undefined` when the name stands for the module itself. */
  readonly member: string | undefined
  readonly typeOnly: boolean
  readonly style: "namespace" | "barrel" | "member"
  readonly declaration: ts.ImportDeclaration
}

/** Packages whose index exports their modules by name: `import { Effect } from "effect"`. */
const barrels = new Set([
  "effect",
  "@effect/ai",
  "@effect/cli",
  "@effect/experimental",
  "@effect/platform",
  "@effect/platform-node",
  "@effect/rpc"
])

/** Packages of Effect 3 for which tests have a stand-in, or which they use as they are. */
const asTheyAre = new Set(["@effect/vitest"])

const isOfEffect = (specifier: string): boolean =>
  specifier === "effect" || (/^(effect|@effect)\//.test(specifier) && !asTheyAre.has(specifier))

const baseOf = (module: string): string => module.slice(module.lastIndexOf("/") + 1)

/** The index under which Effect 4 exports a module; `undefined`: the module is to be imported by itself. */
const barrelOf = (module: string): string | undefined =>
  module.startsWith("effect/") ? module.slice(0, module.lastIndexOf("/")) : undefined

const apply = (text: string, edits: ReadonlyArray<Edit>): string => {
  const sorted = edits.map((edit, index) => ({ ...edit, index })).sort((a, b) => a.start - b.start || a.index - b.index)
  let at = 0
  let result = ""
  for (const edit of sorted) {
    if (edit.start < at) {
      throw new Error(`two edits of one stretch: ${JSON.stringify(text.slice(edit.start, edit.end))}`)
    }
    result += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return result + text.slice(at)
}

/** A table has no rows for `toString` and its kin, which any object has. */
const rowOf = <A>(rows: Readonly<Record<string, A>>, key: string): A | undefined =>
  Object.hasOwn(rows, key) ? rows[key] : undefined

class Translation {
  readonly edits: Array<Edit> = []
  readonly problems: Array<Problem> = []
  readonly rows = new Set<string>()
  private readonly bindings = new Map<string, Binding>()
  /** Modules of Effect 4 that the result needs, with whether a value is needed. */
  private readonly needed = new Map<string, boolean>()
  private readonly taken = new Set<string>()
  private readonly source: ts.SourceFile

  constructor(
    private readonly file: string,
    private readonly text: string,
    private readonly table: Table,
    private readonly known: Known,
    /** Whether module names count as bound that nothing imports: in a piece of a program in the documentation. */
    private readonly isPiece: boolean
  ) {
    this.source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  }

  run(): Translated {
    this.readImports()
    for (const statement of this.source.statements) if (!this.isOwnImport(statement)) this.visit(statement)
    this.writeImports()
    return { text: apply(this.text, this.edits), problems: this.problems, rows: this.rows }
  }

  problem(node: ts.Node, message: string): void {
    const { line } = this.source.getLineAndCharacterOfPosition(node.getStart())
    this.problems.push({ file: this.file, line: line + 1, message })
  }

  replace(node: ts.Node, text: string): void {
    this.edits.push({ start: node.getStart(), end: node.end, text })
  }

  insert(at: number, text: string): void {
    this.edits.push({ start: at, end: at, text })
  }

  remove(start: number, end: number): void {
    this.edits.push({ start, end, text: "" })
  }

  /** By which name the result knows a module of Effect 4. Asks for its import. */
  need(module: string, isType: boolean): string {
    this.needed.set(module, this.needed.get(module) === true || !isType)
    for (const binding of this.bindings.values()) {
      if (binding.member === undefined && this.moduleOf(binding.module) === module) return this.localOf(binding)
    }
    const base = baseOf(module)
    return this.taken.has(base) ? `Effect${base}` : base
  }

  private isOwnImport(statement: ts.Statement): statement is ts.ImportDeclaration {
    return ts.isImportDeclaration(statement) && ts.isStringLiteral(statement.moduleSpecifier) &&
      isOfEffect(statement.moduleSpecifier.text)
  }

  private moduleOf(module: string): string {
    const moved = rowOf(this.table.modules, module)
    if (moved === undefined) return module
    this.rows.add(module)
    return moved
  }

  private localOf({ local, module }: Binding): string {
    const [from, to] = [baseOf(module), baseOf(this.moduleOf(module))]
    return local === from && from !== to && !this.taken.has(to) ? to : local
  }

  private readImports(): void {
    const addNames = (node: ts.Node): void => {
      if (
        (ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) ||
          ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isImportSpecifier(node) ||
          ts.isNamespaceImport(node) || ts.isParameter(node) || ts.isBindingElement(node)) &&
        node.name !== undefined &&
        ts.isIdentifier(node.name)
      ) this.taken.add(node.name.text)
      ts.forEachChild(node, addNames)
    }
    addNames(this.source)
    for (const statement of this.source.statements) {
      if (!this.isOwnImport(statement)) continue
      const specifier = (statement.moduleSpecifier as ts.StringLiteral).text
      const { importClause } = statement
      const bound = importClause?.namedBindings
      if (importClause === undefined || bound === undefined || importClause.name !== undefined) {
        this.problem(statement, "an import that is neither of names nor of a namespace")
        continue
      }
      if (ts.isNamespaceImport(bound)) {
        this.bind({
          local: bound.name.text,
          module: specifier,
          member: undefined,
          typeOnly: importClause.isTypeOnly,
          style: "namespace",
          declaration: statement
        })
        continue
      }
      for (const element of bound.elements) {
        const imported = (element.propertyName ?? element.name).text
        const isModule = barrels.has(specifier) && /^[A-Z]/.test(imported)
        this.bind({
          local: element.name.text,
          module: isModule ? `${specifier}/${imported}` : specifier,
          member: isModule ? undefined : imported,
          typeOnly: importClause.isTypeOnly || element.isTypeOnly,
          style: isModule ? "barrel" : "member",
          declaration: statement
        })
      }
    }
    if (!this.isPiece) return
    for (const key of [...Object.keys(this.table.members), ...Object.keys(this.table.modules)]) {
      const module = key.replace(/\.[\w.]+$/, "")
      const local = baseOf(module)
      if (this.taken.has(local) || this.bindings.has(local) || !module.includes("/")) continue
      this.bindings.set(local, {
        local,
        module,
        member: undefined,
        typeOnly: true,
        style: "namespace",
        declaration: undefined as never
      })
    }
  }

  private bind(binding: Binding): void {
    this.bindings.set(binding.local, binding)
    if (binding.member !== undefined) return
    const module = this.moduleOf(binding.module)
    if (!this.known.module(module) && !this.areAllMoved(binding.module)) {
      this.problem(binding.declaration, `Effect 4 has no ${module}: modules of table.ts say where it is`)
    }
  }

  /** Whether the table has rows for the members of a module that is gone. */
  private areAllMoved(module: string): boolean {
    return Object.keys(this.table.members).some((key) => key.startsWith(`${module}.`))
  }

  /** The names of an access such as `Effect.Effect.Success`, outermost last, with the node that ends with each. */
  private chainOf(node: ts.Node): { binding: Binding; names: Array<{ name: string; node: ts.Node }> } | undefined {
    const names: Array<{ name: string; node: ts.Node }> = []
    let at: ts.Node = node
    while (ts.isPropertyAccessExpression(at) || ts.isQualifiedName(at)) {
      const name = ts.isPropertyAccessExpression(at) ? at.name : at.right
      names.unshift({ name: name.text, node: at })
      at = ts.isPropertyAccessExpression(at) ? at.expression : at.left
    }
    if (!ts.isIdentifier(at)) return undefined
    const binding = this.bindings.get(at.text)
    return binding === undefined || binding.member !== undefined ? undefined : { binding, names }
  }

  private visit(node: ts.Node): void {
    if (ts.isPropertyAccessExpression(node) || ts.isQualifiedName(node)) {
      const chain = this.chainOf(node)
      if (chain !== undefined) return this.access(node, chain.binding, chain.names)
    }
    if (ts.isIdentifier(node)) return this.identifier(node)
    if (ts.isImportTypeNode(node) || (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined)) {
      const of = /["']((?:effect|@effect)(?:\/[^"']*)?)["']/.exec(node.getText())
      if (of !== null) this.problem(node, `${of[1]} without an import of its own: write an import`)
    }
    ts.forEachChild(node, (child) => this.visit(child))
  }

  private identifier(node: ts.Identifier): void {
    const binding = this.bindings.get(node.text)
    const { parent } = node
    const isName =
      ((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodDeclaration(parent) ||
        ts.isMethodSignature(parent) || ts.isPropertyDeclaration(parent)) && parent.name === node) ||
      (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
      (ts.isQualifiedName(parent) && parent.right === node) ||
      (ts.isBindingElement(parent) && parent.propertyName === node)
    if (binding !== undefined && !isName) {
      if (binding.member === undefined) {
        const local = this.need(this.moduleOf(binding.module), isTypePosition(node))
        if (local !== node.text) {
          if (ts.isShorthandPropertyAssignment(parent)) this.insert(node.end, `: ${local}`)
          else this.replace(node, local)
        }
      }
      return
    }
    const renamed = rowOf(this.table.properties, node.text)
    if (renamed !== undefined) {
      this.rows.add(node.text)
      this.replace(node, renamed)
    }
  }

  private access(node: ts.Node, binding: Binding, names: ReadonlyArray<{ name: string; node: ts.Node }>): void {
    const isType = isTypePosition(node)
    for (let length = names.length; length > 0; length--) {
      const path = names.slice(0, length)
      const key = `${binding.module}.${path.map(({ name }) => name).join(".")}`
      const to = rowOf(this.table.members, key)
      const shape = rowOf(this.table.shapes, key)
      const end = path.at(-1)!.node
      if (shape !== undefined) this.shape(key, shape, end)
      const type = rowOf(this.table.types, key)
      if (type !== undefined && ts.isTypeReferenceNode(end.parent)) {
        this.rows.add(key)
        type(end.parent, this)
      }
      if (to === undefined) continue
      this.rows.add(key)
      if (to.startsWith("\"")) {
        // An empty text: the shape has moved what was called.
        this.edits.push({ start: node.getStart(), end: end.end, text: to === "\"\"" ? "" : to })
        return this.rest(names.slice(length))
      }
      const module = to.slice(0, to.indexOf("."))
      this.edits.push({
        start: node.getStart(),
        end: end.end,
        text: `${this.need(module, isType)}${to.slice(to.indexOf("."))}`
      })
      this.checkMember(node, module, to.slice(to.indexOf(".") + 1).split(/[.(]/)[0]!)
      return this.rest(names.slice(length))
    }
    const module = this.moduleOf(binding.module)
    const local = this.need(module, isType)
    if (local !== binding.local) {
      this.edits.push({ start: node.getStart(), end: node.getStart() + binding.local.length, text: local })
    }
    this.checkMember(node, module, names[0]!.name)
    this.rest(names)
  }

  /** Names behind those that the table knows may be properties with other names. */
  private rest(names: ReadonlyArray<{ name: string; node: ts.Node }>): void {
    for (const { name, node } of names) {
      const renamed = rowOf(this.table.properties, name)
      if (renamed === undefined) continue
      this.rows.add(name)
      this.edits.push({ start: node.end - name.length, end: node.end, text: renamed })
    }
  }

  private shape(key: string, shape: Shape, end: ts.Node): void {
    const { parent } = end
    if (!ts.isCallExpression(parent) || parent.expression !== end) {
      if (shape.onlyCalls === true) this.problem(end, `${key} other than called`)
      return
    }
    if (shape.apply(parent, this)) this.rows.add(key)
  }

  private checkMember(node: ts.Node, module: string, name: string): void {
    if (this.known.member(module, name)) return
    this.problem(node, `${module} of Effect 4 has no ${name}: a row of table.ts, or src/internal/effect`)
  }

  private writeImports(): void {
    const written = new Set<string>()
    const lineOf = (module: string, local: string, barrel: boolean): string => {
      written.add(module)
      const type = this.needed.get(module) === true ? "" : "type "
      const index = barrel ? barrelOf(module) : undefined
      if (index === undefined) return `import ${type}* as ${local} from "${module}"`
      return `import { ${type}${baseOf(module) === local ? local : `${baseOf(module)} as ${local}`} } from "${index}"`
    }
    const declarations = new Set([...this.bindings.values()].map(({ declaration }) => declaration))
    declarations.delete(undefined as never)
    const last = [...declarations].at(-1)
    for (const declaration of declarations) {
      const lines: Array<string> = []
      const members = new Map<string, Array<string>>()
      for (const binding of this.bindings.values()) {
        if (binding.declaration !== declaration) continue
        if (binding.member === undefined) {
          const module = this.moduleOf(binding.module)
          if (this.needed.has(module) && !written.has(module)) {
            lines.push(lineOf(module, this.localOf(binding), binding.style === "barrel"))
          }
          continue
        }
        const key = `${binding.module}.${binding.member}`
        const to = rowOf(this.table.members, key)
        if (to !== undefined) this.rows.add(key)
        const module = to === undefined ? this.moduleOf(binding.module) : to.slice(0, to.indexOf("."))
        const member = to === undefined ? binding.member : to.slice(to.indexOf(".") + 1)
        this.checkMember(declaration, module, member)
        const name = member === binding.local ? member : `${member} as ${binding.local}`
        members.set(module, [...members.get(module) ?? [], `${binding.typeOnly ? "type " : ""}${name}`])
      }
      for (const [module, names] of members) lines.push(`import { ${names.join(", ")} } from "${module}"`)
      if (declaration === last) {
        const barrel = [...this.bindings.values()].some(({ style }) => style === "barrel")
        for (const module of this.needed.keys()) {
          const isBound = [...this.bindings.values()].some((binding) =>
            binding.declaration !== undefined && binding.member === undefined &&
            this.moduleOf(binding.module) === module
          )
          if (!isBound) lines.push(lineOf(module, this.need(module, true), barrel))
        }
      }
      this.edits.push({ start: declaration.getStart(), end: declaration.end, text: merged(lines).join("\n") })
    }
    if (last === undefined && this.needed.size > 0 && !this.isPiece) {
      throw new Error(`${this.file}: modules are needed, and nothing is imported`)
    }
  }
}

/** One import of each index. */
const merged = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const named = new Map<string, Array<string>>()
  const others: Array<string> = []
  for (const line of lines) {
    const match = /^import \{ (.*) \} from "(.*)"$/.exec(line)
    if (match === null) others.push(line)
    else named.set(match[2]!, [...named.get(match[2]!) ?? [], match[1]!])
  }
  return [
    ...[...named].map(([module, names]) => {
      const all = names.join(", ").split(", ")
      const types = all.every((name) => name.startsWith("type "))
      const list = types ? all.map((name) => name.slice("type ".length)) : all
      return `import ${types ? "type " : ""}{ ${[...list].sort().join(", ")} } from "${module}"`
    }),
    ...others
  ]
}

/** Whether a node is part of a type, so that an import of types is enough. */
const isTypePosition = (node: ts.Node): boolean => {
  for (let at = node; at.parent !== undefined; at = at.parent) {
    if (ts.isTypeQueryNode(at)) return true
    if (ts.isExpressionWithTypeArguments(at)) {
      return ts.isHeritageClause(at.parent) && (at.parent.token === ts.SyntaxKind.ImplementsKeyword ||
        ts.isInterfaceDeclaration(at.parent.parent))
    }
    if (ts.isTypeNode(at)) return true
    if (ts.isExpression(at) && !ts.isIdentifier(at) && !ts.isPropertyAccessExpression(at)) return false
    if (ts.isStatement(at)) return false
  }
  return false
}

const translateCode = (file: string, text: string, table: Table, known: Known, isPiece: boolean): Translated =>
  new Translation(file, text, table, known, isPiece).run()

export type Editor = Pick<Translation, "edits" | "insert" | "need" | "problem" | "remove" | "replace">

/** Programs in a text whose lines begin with `prefix`: in Markdown, or in a doc comment. */
const blocks = /^([ \t]*(?:\* )?)```ts\n([\s\S]*?)^\1```/gm

const hasImport = (program: string): boolean => /^import /m.test(program)

/**
 * The programs of a Markdown text, or those in the doc comments of a source, for Effect 4. `own` has those that are
 * written by hand, by their places.
 */
export const translateBlocks = (
  file: string,
  text: string,
  table: Table,
  known: Known,
  own: ReadonlyMap<number, string> = new Map()
): Translated => {
  const problems: Array<Problem> = []
  const rows = new Set<string>()
  let place = 0
  const result = text.replace(blocks, (_, prefix: string, program: string, offset: number) => {
    const bare = prefix.trimEnd()
    const fenced = (program: string): string => {
      const lines = program.split("\n").map((text, index, { length }) =>
        index === length - 1 && text === "" ? "" : text === "" ? bare : prefix + text
      )
      return `${prefix}\`\`\`ts\n${lines.join("\n")}${prefix}\`\`\``
    }
    const written = own.get(++place)
    if (written !== undefined) return fenced(written)
    const plain = program.split("\n").map((line) =>
      line.startsWith(prefix) ? line.slice(prefix.length) : line === bare ? "" : line
    )
      .join("\n")
    const line = text.slice(0, offset).split("\n").length
    const translated = translateCode(file, plain, table, known, !hasImport(plain))
    for (const problem of translated.problems) problems.push({ ...problem, line: problem.line + line })
    for (const row of translated.rows) rows.add(row)
    return fenced(translated.text)
  })
  for (const number of own.keys()) {
    if (!(number >= 1 && number <= place)) {
      problems.push({ file, line: 1, message: `there is a program ${number} by hand, and none whose place it takes` })
    }
  }
  return { text: result, problems, rows }
}

/** A source file, its doc comments included; `own` as for {@link translateBlocks}. */
export const translateSource = (
  file: string,
  text: string,
  table: Table,
  known: Known,
  own?: ReadonlyMap<number, string>
): Translated => {
  const code = translateCode(file, text, table, known, false)
  const comments = translateBlocks(file, code.text, table, known, own)
  return {
    text: comments.text,
    problems: [...code.problems, ...comments.problems],
    rows: new Set([...code.rows, ...comments.rows])
  }
}
