/**
 * Which process a directory belongs to, and whether that is alive.
 *
 * Each life has a directory with a name of its own, and listens on a socket beside it from before there is the
 * directory until it ends, however it ends: the kernel knows. What a dead one has left is taken over by renaming, which
 * exactly one of several processes can do.
 *
 * ```
 * <directory>/<digest of host and key>/<life>.sock
 * <directory>/<digest of host and key>/<life>/<lane>/00000000.log
 * ```
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describe } from "../../../core/thrown.js"
import { builtin, hostProcess } from "../../node.js"
import { attempt, codeOf, type FileSystem } from "./disk.js"
import { OutboxStorageError } from "./errors.js"

interface Socket {
  readonly destroy: () => void
  readonly once: (event: string, listener: (error: unknown) => void) => unknown
}

interface Server {
  readonly close: (done: () => void) => void
  readonly listen: (options: { readonly path: string; readonly exclusive: true }, done: () => void) => unknown
  readonly on: (event: "error", listener: (error: unknown) => void) => unknown
  readonly unref: () => void
}

/** The part of `node:net` that is used. */
interface NodeNet {
  readonly connect: (path: string) => Socket
  readonly createServer: (onConnection: (socket: Socket) => void) => Server
}

/** Longer paths of sockets are cut off without a word: on Linux, and on what comes from BSD. */
const maxSocketPath = (): number => (hostProcess()?.platform === "linux" ? 107 : 103)

const idLength = 16
const idPattern = /^[0-9a-z]{16}$/

/** How deep directories may be in one another: each adopter that died during an adoption adds one. */
const maxDepth = 16

/** Rises with time, so that the names of older lives come first. */
export const newId = (now: number): string => {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(7)), (byte) => (byte % 36).toString(36)).join("")
  return now.toString(36).padStart(9, "0").slice(-9) + random
}

/** When a life began, in milliseconds since the epoch. */
const bornAt = (id: string): number => Number.parseInt(id.slice(0, 9), 36)

/** So old sockets without a directory are removed, in milliseconds. */
const leastAge = 3_600_000

const failure = (operation: string, reason: "path" | "unsupported") => (error: unknown): OutboxStorageError =>
  new OutboxStorageError({ reason, operation, detail: typeof error === "string" ? error : describe(error) })

/** Does something with files that may fail. */
export const trying = <A>(operation: string, action: () => A): Effect.Effect<A, OutboxStorageError> =>
  Effect.try({ try: action, catch: failure(operation, "path") })

/** Says whether sockets in this directory would have names that are too long. */
export const checkPath = (project: string): Effect.Effect<void, OutboxStorageError> => {
  const length = new TextEncoder().encode(`${project}/`).length + idLength + ".sock".length
  const most = maxSocketPath()
  return length <= most ? Effect.void : Effect.fail(
    failure("open", "path")(
      `${project} is too long by ${length - most} bytes: a socket in it may have a path of ${most}`
    )
  )
}

const netOrFail: Effect.Effect<NodeNet, OutboxStorageError> = Effect.suspend(() => {
  const net = builtin<NodeNet>("node:net")
  return typeof net?.createServer === "function"
    ? Effect.succeed(net)
    : Effect.fail(failure("open", "unsupported")("there is no node:net"))
})

/** Listens until the scope ends. */
const listen = (net: NodeNet, path: string): Effect.Effect<void, OutboxStorageError, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.async<Server, OutboxStorageError>((resume) => {
      const server = net.createServer((socket) => socket.destroy())
      // Also for what comes later, such as EMFILE for a connection: an error that nobody listens to ends the process.
      server.on("error", (error) => resume(Effect.fail(failure("listen", "path")(error))))
      // Not that of a cluster, which would be one for all its workers.
      server.listen({ path, exclusive: true }, () => resume(Effect.succeed(server)))
      server.unref()
    }),
    (server) => Effect.async<void>((resume) => server.close(() => resume(Effect.void)))
  ))

/** Whether somebody listens there. In doubt somebody does. */
const isAlive = (net: NodeNet, path: string): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const socket = net.connect(path)
    const end = (alive: boolean): void => {
      socket.destroy()
      resume(Effect.succeed(alive))
    }
    socket.once("connect", () => end(true))
    socket.once("error", (error) => {
      const code = codeOf(error)
      end(code !== "ECONNREFUSED" && code !== "ENOENT")
    })
  })

export const namesIn = (fs: FileSystem, path: string): ReadonlyArray<string> => {
  try {
    return fs.list(path)
  } catch {
    return []
  }
}

export interface Adopted {
  readonly files: ReadonlyArray<string>
  readonly lives: number
  /** What could not be taken over, or not be looked into. */
  readonly faults: ReadonlyArray<{ readonly path: string; readonly error: unknown }>
}

export interface Life {
  readonly id: string
  /** Where the files of a lane are. */
  readonly lane: (name: string) => string
  /** Makes that directory. Throws. */
  readonly makeLane: (name: string) => void
  /** Whether others have something of a lane, dead or not. */
  readonly hasOrphans: (lane: string) => boolean
  /**
   * Takes over what dead processes have left of a lane. Gives files in the directory of the lane, in their order, how
   * many processes there were, and what went wrong.
   */
  readonly adopt: (lane: string) => Effect.Effect<Adopted>
  /** Removes all that dead processes have left, of every lane. */
  readonly purge: Effect.Effect<void>
}

type Failed = (path: string, error: unknown) => void

/** Begins a life in the directory of a project; it ends with the scope. */
export const begin = Effect.fnUntraced(function*(
  fs: FileSystem,
  project: string,
  now: () => number
): Effect.fn.Return<Life, OutboxStorageError, Scope.Scope> {
  const net = yield* netOrFail
  yield* checkPath(project)
  yield* trying("open", () => fs.make(project))
  const id = newId(now())
  const own = `${project}/${id}`
  yield* listen(net, `${own}.sock`)
  yield* trying("open", () => fs.make(own))
  // Before the socket is closed. What is not empty is left to others.
  yield* Effect.addFinalizer(() => Effect.sync(() => removeEmpty(fs, own, maxDepth)))

  /** What of a lane is below a directory that was taken over, here or by an adopter that died of it. */
  const collect = (path: string, depth: number, failed: Failed): ReadonlyArray<string> => {
    let names: ReadonlyArray<string> = []
    try {
      names = fs.list(path)
    } catch (error) {
      failed(path, error)
    }
    return names.flatMap((name) =>
      name.endsWith(".log") ? [`${path}/${name}`] : depth > 0 ? collect(`${path}/${name}`, depth - 1, failed) : []
    )
  }

  const takeOver = (name: string, lane: string, failed: Failed): boolean => {
    const path = `${project}/${name}/${lane}`
    let isTaken = false
    try {
      fs.rename(path, `${own}/${lane}/${name}`)
      isTaken = true
    } catch (error) {
      failed(path, error)
    }
    // Whoever took the last lane of it.
    if (attempt(() => fs.removeEmpty(`${project}/${name}`))) attempt(() => fs.remove(`${project}/${name}.sock`))
    return isTaken
  }

  return {
    id,
    lane: (name) => `${own}/${name}`,
    hasOrphans: (lane) =>
      namesIn(fs, project).some((name) =>
        name !== id && idPattern.test(name) && namesIn(fs, `${project}/${name}`).includes(lane)
      ),
    makeLane: (name) => {
      // Without it others would hold this process for dead, and take what it is writing.
      fs.size(`${own}.sock`)
      fs.make(`${own}/${name}`)
    },
    adopt: Effect.fnUntraced(function*(lane) {
      let lives = 0
      const faults: Array<Adopted["faults"][number]> = []
      const failed: Failed = (path, error) => void faults.push({ path, error })
      const names = namesIn(fs, project)
      for (const name of names) {
        if (name === id || !idPattern.test(name)) continue
        if (yield* isAlive(net, `${project}/${name}.sock`)) continue
        if (takeOver(name, lane, failed)) lives++
      }
      for (const name of names) {
        const life = name.slice(0, idLength)
        // A life that ended before it had a directory, or an adopter that died before it removed this. Not one that is
        // just beginning: between two system calls nobody listens there yet.
        if (!name.endsWith(".sock") || names.includes(life) || now() - bornAt(life) < leastAge) continue
        if (!(yield* isAlive(net, `${project}/${name}`))) attempt(() => fs.remove(`${project}/${name}`))
      }
      const path = `${own}/${lane}`
      const files = namesIn(fs, path).filter((name) => !name.endsWith(".log"))
        .flatMap((name) => collect(`${path}/${name}`, maxDepth, failed))
      return { files, lives, faults }
    }),
    purge: Effect.gen(function*() {
      for (const lane of namesIn(fs, own)) {
        for (const name of namesIn(fs, `${own}/${lane}`)) {
          if (!name.endsWith(".log")) removeAll(fs, `${own}/${lane}/${name}`)
        }
      }
      for (const name of namesIn(fs, project)) {
        if (name === id || !idPattern.test(name)) continue
        if (yield* isAlive(net, `${project}/${name}.sock`)) continue
        // Exactly one of several has it then.
        if (!attempt(() => fs.rename(`${project}/${name}`, `${own}/${name}`))) continue
        removeAll(fs, `${own}/${name}`)
        attempt(() => fs.remove(`${project}/${name}.sock`))
      }
    })
  }
})

/** Removes a directory with all that is in it, as far as that is possible. */
const removeAll = (fs: FileSystem, path: string, depth = maxDepth): void => {
  for (const name of namesIn(fs, path)) {
    const inside = `${path}/${name}`
    if (!attempt(() => fs.remove(inside)) && depth > 0) removeAll(fs, inside, depth - 1)
  }
  attempt(() => fs.removeEmpty(path))
}

/** Removes a directory and those in it, as far as they are empty. */
export const removeEmpty = (fs: FileSystem, path: string, depth = maxDepth): void => {
  for (const name of namesIn(fs, path)) {
    if (depth > 0 && !name.includes(".")) removeEmpty(fs, `${path}/${name}`, depth - 1)
  }
  attempt(() => fs.removeEmpty(path))
}
