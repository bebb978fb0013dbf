/**
 * A Node that has zstd (22.15), for tests on an older one: the one that runs the tests, the one that `NEWER_NODE` names, or what
 * `npm run newer-node` has installed. It is no devDependency: it weighs 180 MB.
 */
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { resolve } from "node:path"
import * as zlib from "node:zlib"

/** From the build for Effect 4 it is two directories up. */
const folders = [".tmp/newer-node/node_modules", "../../.tmp/newer-node/node_modules"]

const installedIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder).filter((name) => name.startsWith("node-")).map((name) =>
      resolve(folder, name, "bin/node")
    )
  } catch {
    // Nothing is installed.
    return []
  }
}

const candidates = (): ReadonlyArray<string> => {
  const given = process.env.NEWER_NODE
  return [...(given === undefined ? [] : [given]), ...folders.flatMap(installedIn)]
}

const hasZstd = (node: string): boolean =>
  spawnSync(node, ["-e", "process.exit('zstdCompress' in require('node:zlib') ? 0 : 1)"]).status === 0

/** `undefined`: there is none. */
export const newerNode: string | undefined = "zstdCompress" in zlib ? process.execPath : candidates().find(hasZstd)

/** What the name of a test says that is skipped without one. */
export const skipped = newerNode === undefined ? " [SKIPPED: needs Node 22.15, see npm run newer-node]" : ""
