/**
 * Packs the package once and uses it as others do: with each package manager, TypeScript in each mode, test runners, bundlers, runtimes.
 * Every program captures an event and an exception, and they must arrive at a PostHog on the loopback interface.
 *
 *   npm run consumers                    all of them; takes some minutes, and installs from the npm registry
 *   npm run consumers -- --only=jest,bun those whose name contains one of the texts, in any case
 *   npm run consumers -- --list          their names
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { World } from "./consumers/harness.js"
import * as Offline from "./consumers/offline.js"
import * as Online from "./consumers/online.js"
import { pack, packFor4 } from "./pack.js"

const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length).toLowerCase()
  .split(",") ?? [""]
const consumers = [...Offline.consumers, ...Offline.further, ...Online.consumers].filter(({ name }) =>
  only.some((text) => name.toLowerCase().includes(text))
)

/** Longest time of one command. */
const limit = 300_000
/** Longest time of everything; what has not begun by then has failed. */
const end = performance.now() + 45 * 60_000

if (process.argv.includes("--list")) {
  for (const { name } of consumers) console.log(name)
} else {
  const folder = await mkdtemp(join(tmpdir(), "effect-posthog-"))
  let passed = 0
  try {
    const given = process.env.EFFECT_POSTHOG_TARBALL
    const given4 = process.env.EFFECT_POSTHOG_TARBALL_4
    const world: World = {
      tarball: given === undefined ? await pack(folder) : resolve(given),
      tarball4: given4 === undefined ? await packFor4(join(folder, "4")) : resolve(given4),
      folder,
      limit
    }
    for (const { name, run } of consumers) {
      const start = performance.now()
      try {
        if (start > end) throw new Error("there was no time left")
        await run(world)
        passed++
        console.log(`ok     ${name} (${((performance.now() - start) / 1000).toFixed(0)} s)`)
      } catch (error) {
        console.log(`FAILED ${name}\n${error instanceof Error ? error.message : String(error)}`)
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const failed = consumers.length - passed
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = passed > 0 && failed === 0 ? 0 : 1
}
