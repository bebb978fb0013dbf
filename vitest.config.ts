import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = fileURLToPath(new URL("src/", import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-posthog$/, replacement: `${src}index.ts` },
      { find: /^effect-posthog\/(.*)$/, replacement: `${src}$1.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    // Many tests wait for processes and sockets. Vitest leaves a core free, which on two cores is half of them.
    maxWorkers: 2
  }
})
