import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const here = fileURLToPath(new URL("./", import.meta.url))

// Programs that tests start in processes of their own are named from there.
process.chdir(`${here}build`)

/** The whole suite on Effect 4: what `generate.ts` has made of it. */
export default defineConfig({
  root: `${here}build`,
  resolve: {
    alias: [
      { find: /^effect-posthog$/, replacement: `${here}build/src/index.ts` },
      { find: /^effect-posthog\/(.*)$/, replacement: `${here}build/src/$1.ts` },
      { find: /^@effect\/vitest$/, replacement: `${here}vitest.ts` },
      { find: /^effect\/testing$/, replacement: `${here}testing.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    // By it `tsx` finds the library for those programs.
    env: { TSX_TSCONFIG_PATH: `${here}tsconfig.json` },
    // Many tests wait for processes and sockets. Vitest leaves a core free, which on two cores is half of them.
    maxWorkers: 2
  }
})
