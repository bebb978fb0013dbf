/**
 * The packed package in programs of others, as far as nothing has to be installed for them. `npm run consumers` runs the rest.
 */
import { describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll } from "vitest"
import type { World } from "../../scripts/consumers/harness.js"
import { consumers } from "../../scripts/consumers/offline.js"
import { pack } from "../../scripts/pack.js"

const tenMinutes = 600_000
const folder = mkdtempSync(join(tmpdir(), "effect-posthog-"))
let world: World

beforeAll(async () => {
  const given = process.env.EFFECT_POSTHOG_TARBALL
  const tarball = given === undefined ? await pack(folder) : resolve(given)
  // The consumers that need nothing from a registry use the package for Effect 3.
  world = { tarball, tarball4: "", folder, limit: tenMinutes }
}, tenMinutes)

afterAll(() => rmSync(folder, { recursive: true, force: true }), tenMinutes)

describe("consumers of the package", () => {
  for (const { name, run } of consumers) it(name, () => run(world), tenMinutes)
})
