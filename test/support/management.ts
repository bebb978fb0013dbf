/**
 * A fake of the part of PostHog's management API that is about tracking plans and flags: it keeps definitions, groups of
 * properties, links between them and flags, checks the key and its scopes, and answers in pages. What a test wants to go
 * wrong is put into `faults`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { LoopbackServer } from "./server.js"

export interface StoredEvent {
  readonly id: string
  readonly name: string
  description?: string | null
  tags?: ReadonlyArray<string>
  enforcement_mode?: string
  readonly owner?: unknown
}

export interface StoredProperty {
  readonly id?: string
  readonly name: string
  readonly property_type: string
  readonly is_required?: boolean
  readonly is_optional_in_types?: boolean
  readonly description?: string | null
  /** What newer versions may say. */
  readonly [member: string]: unknown
}

export interface StoredGroup {
  readonly id: string
  readonly name: string
  description?: string | null
  properties: ReadonlyArray<StoredProperty>
}

export interface StoredLink {
  readonly id: string
  /** Of the definition and of the group. */
  readonly event_definition: string
  readonly property_group: string
}

/** One request as it came. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage["headers"]
  readonly body: unknown
}

/** What goes wrong instead of an answer. */
export type Fault =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | "broken_json"
  | "endless"
  | "silence"
  | "hang_up"

const namePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const propertyTypes = ["String", "Numeric", "Boolean", "DateTime", "Object"]

const problem = (status: number, code: string, detail: string, attr: string | null = null): Fault => ({
  status,
  body: { type: status === 400 ? "validation_error" : "authentication_error", code, detail, attr }
})

class Refused extends Error {
  constructor(readonly fault: Fault) {
    super("refused")
  }
}

const invalid = (attr: string, detail: string): Refused => new Refused(problem(400, "invalid_input", detail, attr))

type Json = Record<string, unknown>

/** PostHog, as far as a personal key reaches. */
export class Management extends LoopbackServer {
  readonly key = "phx_fake_personal_key"
  readonly project = 12
  /** What the key may do. */
  scopes: ReadonlyArray<string> = ["event_definition:read", "event_definition:write", "feature_flag:read"]
  readonly events: Array<StoredEvent> = []
  readonly groups: Array<StoredGroup> = []
  readonly links: Array<StoredLink> = []
  readonly flags: Array<Json> = []
  readonly asked: Array<Asked> = []
  /** Most things on a page, whatever limit is asked for. */
  pageSize = 100
  /** What `next` is made of: proxies make other addresses of it. */
  nextOf: (url: URL) => string = (url) => url.href
  /** What a request gets instead of its answer. */
  fault: (asked: Asked, count: number) => Fault | undefined = () => undefined
  /** Called before a request is answered: what somebody else does in the meantime. */
  meanwhile: (asked: Asked) => void = () => {}

  event(name: string, more: Partial<Omit<StoredEvent, "id" | "name">> = {}): StoredEvent {
    const event = { id: randomUUID(), name, enforcement_mode: "allow", description: "", tags: [], ...more }
    this.events.push(event)
    return event
  }

  group(name: string, properties: ReadonlyArray<StoredProperty>, events: ReadonlyArray<StoredEvent> = []): StoredGroup {
    const group = { id: randomUUID(), name, description: "", properties: properties.map(withId) }
    this.groups.push(group)
    for (const { id } of events) this.links.push({ id: randomUUID(), event_definition: id, property_group: group.id })
    return group
  }

  /** The requests that change something. */
  get writes(): ReadonlyArray<Asked> {
    return this.asked.filter(({ method }) => method !== "GET")
  }

  protected async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {})
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url!, this.url)
    const text = Buffer.concat(chunks).toString("utf8")
    const asked: Asked = {
      method: request.method!,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text === "" ? undefined : JSON.parse(text)
    }
    this.asked.push(asked)
    this.meanwhile(asked)
    this.notify()
    try {
      this.answer(response, this.fault(asked, this.asked.length) ?? this.authorize(asked) ?? this.route(asked, url))
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.answer(response, error.fault)
    }
  }

  private answer(response: ServerResponse, fault: Fault): void {
    if (fault === "hang_up") return void response.destroy()
    if (fault === "silence") return
    response.setHeader("content-type", "application/json")
    if (fault === "broken_json") return void response.end("{\"results\": [{")
    if (fault === "endless") {
      const more = () => {
        while (!response.destroyed && response.write(" ".repeat(65_536)));
        if (!response.destroyed) response.once("drain", more)
      }
      response.write("{\"results\": [")
      return more()
    }
    response.writeHead(fault.status, fault.headers)
    response.end(fault.body === undefined ? "" : JSON.stringify(fault.body))
  }

  private authorize({ headers, method, path }: Asked): Fault | undefined {
    if (headers.authorization !== `Bearer ${this.key}`) {
      return problem(401, "authentication_failed", "Personal API key found in request Authorization header is invalid.")
    }
    const resource = path.includes("/feature_flags/") ? "feature_flag" : "event_definition"
    const scope = `${resource}:${method === "GET" ? "read" : "write"}`
    if (!this.scopes.includes(scope) && !this.scopes.includes(scope.replace("read", "write"))) {
      return problem(403, "permission_denied", `API key missing required scope '${scope}'`)
    }
    return path.startsWith(`/api/projects/${this.project}/`)
      ? undefined
      : problem(404, "not_found", "Project not found.")
  }

  private route(asked: Asked, url: URL): Fault {
    const [kind = "", id, ...more] = asked.path.split("/").slice(4).filter((part) => part !== "")
    if (more.length > 0 || !asked.path.endsWith("/")) return problem(404, "not_found", "Not found.")
    const body = (asked.body ?? {}) as Json
    const route = `${asked.method} ${kind}${id === undefined ? "" : "/id"}`
    switch (route) {
      case "GET event_definitions":
        return this.page(this.events, url)
      case "GET schema_property_groups":
        return this.page(this.groups, url)
      case "GET event_schemas": {
        const of = asked.query.get("event_definition")
        const links = this.links.filter((link) => of === null || link.event_definition === of)
        return this.page(links.map((link) => this.shownLink(link)), url)
      }
      case "GET feature_flags":
        return this.page(this.flags, url)
      case "GET schema_property_groups/id":
        return { status: 200, body: this.found(this.groups, id!) }
      case "POST event_definitions": {
        const name = this.nameOf(body, this.events)
        if (Object.keys(body).some((member) => !["name", "description", "tags"].includes(member))) {
          throw invalid("", "unknown member")
        }
        return { status: 201, body: this.event(name, body) }
      }
      case "PATCH event_definitions/id": {
        const event = this.found(this.events, id!)
        if ("name" in body) throw invalid("name", "Event definitions cannot be renamed.")
        Object.assign(event, body)
        return { status: 200, body: event }
      }
      case "POST schema_property_groups": {
        const name = this.nameOf(body, this.groups)
        this.checkProperties(body.properties)
        const group = this.group(name, body.properties as ReadonlyArray<StoredProperty>)
        if (typeof body.description === "string") group.description = body.description
        return { status: 201, body: group }
      }
      case "PATCH schema_property_groups/id": {
        const group = this.found(this.groups, id!)
        if ("properties" in body) {
          this.checkProperties(body.properties)
          // The list takes the place of what there was: what is known by its id stays, all else is new, or gone.
          const known = new Set(group.properties.map((property) => property.id))
          group.properties = (body.properties as ReadonlyArray<StoredProperty>).map((property) =>
            known.has(property.id) ? property : withId({ ...property, id: undefined } as never)
          )
        }
        return { status: 200, body: group }
      }
      case "POST event_schemas": {
        const event = this.found(this.events, body.event_definition as string)
        const group = this.found(this.groups, body.property_group_id as string)
        if (this.links.some((link) => link.event_definition === event.id && link.property_group === group.id)) {
          throw invalid("property_group_id", "This property group is already added to this event schema")
        }
        const link = { id: randomUUID(), event_definition: event.id, property_group: group.id }
        this.links.push(link)
        return { status: 201, body: this.shownLink(link) }
      }
      default:
        // Nothing of ours deletes.
        return { status: 405, body: { detail: `Method "${asked.method}" not allowed.` } }
    }
  }

  private shownLink(link: StoredLink): object {
    return { ...link, property_group: this.found(this.groups, link.property_group) }
  }

  private found<A extends { readonly id: string }>(all: ReadonlyArray<A>, id: string): A {
    const one = all.find((item) => item.id === id)
    if (one === undefined) throw new Refused(problem(404, "not_found", "Not found."))
    return one
  }

  private nameOf({ name }: Json, all: ReadonlyArray<{ readonly name: string }>): string {
    if (typeof name !== "string" || name.trim() === "") throw invalid("name", "This field may not be blank.")
    if (name.length > 400) throw invalid("name", "Ensure this field has no more than 400 characters.")
    if (all.some((one) => one.name === name)) throw invalid("name", "One of this name already exists")
    return name
  }

  private checkProperties(properties: unknown): void {
    if (!Array.isArray(properties)) throw invalid("properties", "Expected a list of items.")
    const names = new Set<string>()
    for (const { name, property_type: type } of properties as ReadonlyArray<StoredProperty>) {
      if (typeof name !== "string" || !namePattern.test(name)) throw invalid("properties", `${name} is no name`)
      if (!propertyTypes.includes(type)) throw invalid("properties", `${type} is no type`)
      if (names.has(name)) throw invalid("properties", `${name} is there twice`)
      names.add(name)
    }
  }

  private page(all: ReadonlyArray<object>, url: URL): Fault {
    const limit = Math.min(Number(url.searchParams.get("limit") ?? 100), this.pageSize)
    const offset = Number(url.searchParams.get("offset") ?? 0)
    const next = new URL(url)
    next.searchParams.set("limit", String(limit))
    next.searchParams.set("offset", String(offset + limit))
    const isLast = offset + limit >= all.length
    return {
      status: 200,
      body: {
        count: all.length,
        next: isLast ? null : this.nextOf(next),
        previous: null,
        results: all.slice(offset, offset + limit)
      }
    }
  }
}

const withId = (property: StoredProperty): StoredProperty => ({ ...property, id: property.id ?? randomUUID() })

/** A PostHog as long as the scope lives. */
export const management: Effect.Effect<Management, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = new Management()
    await server.listen()
    return server
  }),
  (server) => Effect.promise(() => server.close())
)
