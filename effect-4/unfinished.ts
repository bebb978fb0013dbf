/**
 * Tests that do not run on Effect 4 yet, though they are made for it: something of theirs fails there, or nobody has looked.
 * `npm test` prints them. A file leaves this list when it is green there.
 */
export const unfinished: Readonly<Record<string, string>> = {
  "test/PostHogCli.test.ts": "one test fails: a command with a PostHog that never answers",
  "test/system/docs.test.ts": "nobody has looked",
  "test/system/exit.test.ts": "nobody has looked",
  "test/system/frameworks.test.ts": "one test fails",
  "test/system/freeze.test.ts": "one test fails: what was frozen in the middle of a flush",
  "test/system/observability.test.ts":
    "one test fails: who waits for diagnostics is woken within the call that has one to tell",
  "test/system/smallHeap.test.ts": "nobody has looked"
}
