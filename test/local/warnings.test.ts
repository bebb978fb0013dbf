import { describe, expect, it } from "vitest"
import { ingestV0 } from "../../src/local/ingest.js"
import { exchange, makeLocal, now, type Request } from "./handling.js"
import { event, eventV1, one, uuid, v0, v1 } from "./sending.js"

describe("warnings", () => {
  const ahead = new Date(now + 24 * 3_600_000).toISOString()
  it.each<[string, object, RegExp]>([
    ["an id for nobody", { distinct_id: "undefined" }, /stands for nobody/],
    ["an id for nobody in capitals", { distinct_id: " NULL " }, /stands for nobody/],
    ["a long id", { distinct_id: "x".repeat(201) }, /has 201 characters/],
    ["a long name", { event: "x".repeat(201) }, /name of the event has 201 characters/],
    ["no uuid", { uuid: undefined }, /has the event twice/],
    ["a timestamp that nobody can read", { timestamp: "yesterday" }, /"yesterday", which PostHog cannot read/],
    ["a timestamp that is a number", { timestamp: now }, /which PostHog cannot read/],
    ["a timestamp far ahead", { timestamp: ahead }, /23 hours ahead/],
    ["$set without a person", { properties: { $process_person_profile: false, $set: {} } }, /ignores `\$set`/],
    [
      "$set at the top without a person",
      { $set: {}, properties: { $process_person_profile: false } },
      /ignores `\$set`/
    ],
    ["$unset without a person", { properties: { $process_person_profile: false, $unset: [] } }, /ignores `\$unset`/],
    ["a person without a person", { event: "$identify", properties: { $process_person_profile: false } }, /drops \$id/],
    ["a profile that is no boolean", { properties: { $process_person_profile: "no" } }, /must be true or false/],
    ["$set that is a text", { properties: { $set: "a" } }, /`\$set` must be an object/],
    ["$set_once that is a list", { $set_once: [] }, /`\$set_once` must be an object/],
    ["$unset that is a text", { properties: { $unset: "a" } }, /`\$unset` is "a", and must be a list/],
    ["a group that is a number", { properties: { $groups: { company: 5 } } }, /group `company` is 5/],
    ["groups that are a list", { properties: { $groups: ["a"] } }, /`\$groups` is a list/],
    ["exceptions that are no list", { event: "$exception", properties: { $exception_list: {} } }, /is an object, and/],
    ["no exceptions", { event: "$exception" }, /is missing, and must be a list/],
    ["an alias for nothing", { event: "$create_alias" }, /`alias` is missing: nothing is merged/],
    ["a group without key", { event: "$groupidentify", properties: { $group_type: "a" } }, /`\$group_key` is missing/],
    ["LLM analytics without trace", { event: "$ai_span" }, /`\$ai_trace_id` is missing/],
    ["a trace that nobody can name", { event: "$ai_span", properties: { $ai_trace_id: "a b" } }, /is "a b". It may/],
    ["a flag with an error", {
      event: "$feature_flag_called",
      properties: { $feature_flag: "f", $feature_flag_error: "timeout" }
    }, /flag `f`: timeout/],
    ["what the client says", {
      event: "$$client_ingestion_warning",
      properties: { $$client_ingestion_warning_message: "slow down" }
    }, /slow down/]
  ])("%s", async (_, more, warning) => {
    const { answer, events } = await v0(event(more))
    expect(answer.status).toBe(200)
    expect(one(events).warnings).toEqual([expect.stringMatching(warning)])
  })

  it.each<[string, object]>([
    ["an ordinary event", {}],
    ["an event without timestamp", { timestamp: undefined }],
    ["a trace that is a number", { event: "$ai_generation", properties: { $ai_trace_id: 5 } }],
    ["groups", { properties: { $groups: { company: "acme" } } }],
    ["a personless event", { properties: { $process_person_profile: false } }],
    ["an exception", { event: "$exception", properties: { $exception_list: [{ type: "Error" }] } }]
  ])("none for %s", async (_, more) => {
    expect(one((await v0(event(more))).events).warnings).toEqual([])
  })

  it("a property that capture v1 has elsewhere", async () => {
    const { events } = await v1([eventV1({ properties: { $session_id: "s" } })])
    expect(one(events).warnings).toEqual([
      expect.stringMatching(/`\$session_id` is a property, and belongs to session_id/)
    ])
  })

  it("more than 50 names that differ by a number or an id", async () => {
    const names = Array.from({ length: 51 }, (_, n) => event({ event: `order ${n} of ${uuid(n)}` }, n))
    const { events } = await v0(...names, event({ event: "step 1" }, 100))
    expect(events.filter(({ warnings }) => warnings.length > 0).map(({ event, warnings }) => [event, warnings]))
      .toEqual([
        [names[50]!.event, [expect.stringMatching(/more than 50 names like "order # of #"/)]]
      ])
  })
})

describe("hints", () => {
  const hints = async (...requests: ReadonlyArray<Request>) => {
    const local = makeLocal()
    for (const request of requests) await ingestV0(exchange(local, request), local)
    return local.store.hints.map(({ about, text }) => `${about}: ${text}`)
  }

  it.each([["phx_", "personal API key"], ["phs_", "secret key of a project"]])("%s in a body", async (start, kind) => {
    const body = { api_key: "phc_a", batch: [event({ properties: { key: `${start}abcdefghijk` } })] }
    const said = await hints({ body, headers: { "user-agent": "posthog-node/5.70.0" } }, { body })
    expect(said).toEqual([
      expect.stringMatching(`^posthog-node 5.70.0: A ${kind} \\(${start}…\\) is in the body`),
      expect.stringMatching("^unknown: ")
    ])
    expect(said.join()).not.toContain("abcdefghijk")
  })

  it("none for words that begin like a key", async () => {
    expect(await hints({ body: { api_key: "phc_a", batch: [event({ properties: { a: "phx_ and phs_" } })] } })).toEqual(
      []
    )
  })

  it("large events, but not large exceptions", async () => {
    const properties = { $lib: "posthog-node", $lib_version: "5", text: "x".repeat(21 * 1024), $exception_list: [{}] }
    const large = (name: string) => ({ body: { api_key: "phc_a", batch: [event({ event: name, properties })] } })
    expect(await hints(large("$exception"))).toEqual([])
    expect(await hints(large("e"), large("f"))).toEqual([
      expect.stringMatching(/^posthog-node 5: Events are large: the first, `e`, has 21 KB/)
    ])
  })

  const headless = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/156.0.0.0 Safari/537.36" }
  const person = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36" }
  const starting = (headers: Request["headers"], ...targets: ReadonlyArray<"config" | "flags" | "events">) => {
    const local = makeLocal()
    for (const target of targets) {
      const { received } = exchange(local, { body: {}, headers: headers!, target })
      // Answered, which is told too, and is no other request.
      local.store.settled(received)
    }
    return local.store.hints.map(({ text }) => text)
  }

  it("a headless browser that sends nothing", () => {
    expect(starting(headless, "config", "flags")).toEqual([expect.stringMatching(/opt_out_useragent_filter: true/)])
    expect(starting(headless, "config", "config", "flags", "flags")).toHaveLength(1)
  })
  it.each<[string, Request["headers"], ReadonlyArray<"config" | "flags" | "events">]>([
    ["one that sends", headless, ["config", "events", "flags", "config", "flags"]],
    ["one that asks for its config only", headless, ["config", "config", "config"]],
    ["one of a person", person, ["config", "flags", "config", "flags"]],
    ["a server", { "user-agent": "posthog-node/5" }, ["flags", "flags", "flags", "flags", "flags"]]
  ])("none for %s", (_, headers, targets) => {
    expect(starting(headers, ...targets)).toEqual([])
  })
  it("a browser that starts for the fourth time and has sent nothing", () => {
    expect(starting(person, "config", "config", "config", "config")).toEqual([
      expect.stringMatching(/^A browser asked for its config and has sent no event/)
    ])
  })

  const polling = (seconds: number) => {
    const local = makeLocal()
    for (let n = 0; n < 6; n++) {
      const headers = { "user-agent": "posthog-node/5.70.0" }
      exchange(local, { body: {}, headers, target: "definitions", at: now + n * seconds * 1_000 })
    }
    return local.store.hints.map(({ about }) => about)
  }
  it("definitions that are asked for every second", () => {
    expect(polling(1)).toEqual(["posthog-node 5.70.0"])
    expect(polling(30)).toEqual([])
  })
})
