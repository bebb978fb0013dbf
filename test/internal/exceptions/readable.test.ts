import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ErrorTracking, PostHogTest } from "effect-posthog"
import { build } from "esbuild"
import { execFile, execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { runInNewContext } from "node:vm"
import { afterAll } from "vitest"
import { mayRead } from "../../../src/core/exceptions/readable.js"
import { ProgramFiles } from "../../../src/internal/exceptions/readable.js"
import { defectOf } from "../../support/effect.js"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const folder = realpathSync(mkdtempSync(join(tmpdir(), "readable ")))
afterAll(() => rmSync(folder, { recursive: true }))

const secret = "PLANTED"

const plant = (path: string, text = secret): string => {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

describe("mayRead", () => {
  const may = (path: string, ...roots: ReadonlyArray<string>) => mayRead(path, "source", roots)

  it("sources below a root, by the whole names of directories", () => {
    for (const name of ["a.js", "a.mts", "a.tsx", "A.JS", "dir/App.vue", "c#/x.svelte", "a.b/c.cjs", ".hidden/x.ts"]) {
      assert.isTrue(may(`/app/${name}`, "/app"), name)
    }
    assert.isTrue(may("/app/x/../y/./a.js", "/app/"))
    assert.isTrue(may("/srv/a.js", "/app", "/srv"))
    assert.isTrue(may("/any/a.js", "/"))
    for (
      const path of ["/apple/a.js", "/a.js", "/app.js", "app/a.js", "./app/a.js", "//app/a.js", "file:///app/a.js"]
    ) {
      assert.isFalse(may(path, "/app"), path)
    }
  })

  it("nothing that is no source", () => {
    const names = [
      ".env",
      ".env.local",
      "passwd",
      "a.json",
      "package.json",
      "id_rsa",
      "a.pem",
      "a.js.map",
      "a.js/",
      "a.js/.",
      "a.js/..",
      "a.js\0",
      "a.js\n",
      ".js",
      "a.ts.bak",
      "settings.yaml",
      "a.sqlite"
    ]
    for (const name of names) assert.isFalse(may(`/app/${name}`, "/app"), JSON.stringify(name))
    assert.isTrue(mayRead("/app/a.js.map", "map", ["/app"]))
    for (const name of ["a.js", ".env", ".map", "a.json"]) {
      assert.isFalse(mayRead(`/app/${name}`, "map", ["/app"]), name)
    }
  })

  it("nothing that leads out, nor of the kernel, whatever the root", () => {
    const paths = ["/app/../etc/a.js", "/app/x/../../etc/a.js", "/../app/a.js", "/app/../../app/a.js"]
    for (const path of paths) assert.isFalse(may(path, "/app"), path)
    for (const path of ["/proc/self/root/a.js", "/sys/a.js", "/dev/a.js", "/app/../proc/a.js", "/./proc//a.js"]) {
      assert.isFalse(may(path, "/"), path)
    }
  })

  it("on Windows, in any case and with any slash, no devices, no streams, no other machines", () => {
    for (const path of ["C:\\app\\a.js", "c:/APP/x/a.JS", "C:\\app\\x\\..\\a.ts"]) {
      assert.isTrue(may(path, "C:\\app"), path)
    }
    assert.isTrue(may("\\\\Server\\share\\app\\a.js", "\\\\server\\share\\app"))
    const paths = [
      "D:\\app\\a.js",
      "C:a.js",
      "C:\\app\\..\\a.js",
      "C:\\..\\app\\a.js",
      "C:\\app\\CON.js",
      "C:\\app\\com1.js",
      "C:\\app\\aux\\a.js",
      "C:\\app\\secret.txt:a.js",
      "\\\\.\\C:\\app\\a.js",
      "\\\\?\\C:\\app\\a.js",
      "\\\\.\\pipe\\a.js",
      "\\\\evil\\share\\a.js",
      "//evil/share/a.js",
      "/app/a.js"
    ]
    for (const path of paths) assert.isFalse(may(path, "C:\\app"), path)
  })
})

describe("ProgramFiles", () => {
  const files = new ProgramFiles([join(folder, "app")])
  const source = (path: string) => files.read(path, "source", 1_000)

  it("reads regular files of a limited size, as text", () => {
    assert.strictEqual(source(plant("app/a.ts", "\uFEFFgroß")), "groß")
    assert.strictEqual(source(plant("app/empty.ts", "")), "")
    assert.isUndefined(source(plant("app/long.ts", "x".repeat(1_001))))
    assert.isUndefined(source(join(folder, "app", "gone.ts")))
    mkdirSync(join(folder, "app", "folder.js"))
    assert.isUndefined(source(join(folder, "app", "folder.js")))
    assert.isUndefined(source(plant("other.ts")))
    assert.isUndefined(source(plant("app/.env")))
  })

  it("never waits for a pipe, which has a name like a source", () => {
    const pipe = join(folder, "app", "pipe.js")
    execFileSync("mkfifo", [pipe])
    assert.isUndefined(source(pipe))
    symlinkSync(pipe, join(folder, "app", "to-pipe.js"))
    assert.isUndefined(source(join(folder, "app", "to-pipe.js")))
  })

  it("follows links only to what it may read by itself", () => {
    const link = (name: string, target: string) => {
      const path = join(folder, "app", name)
      symlinkSync(target, path)
      return path
    }
    assert.strictEqual(source(link("inside.js", plant("app/deep/b.js", "b"))), "b")
    assert.isUndefined(source(link("outside.js", plant("outside.js"))))
    assert.isUndefined(source(link("passwd.js", "/etc/passwd")))
    assert.isUndefined(source(link("env.js", plant("app/.env.production"))))
    assert.isUndefined(source(link("environ.js", "/proc/self/environ")))
    assert.isUndefined(source(link("null.js", "/dev/null")))
    assert.isUndefined(source(link("loop.js", join(folder, "app", "loop.js"))))
    plant("elsewhere/c.js")
    link("directory", join(folder, "elsewhere"))
    assert.isUndefined(source(join(folder, "app", "directory", "c.js")))
  })

  it("follows links to a root, too", () => {
    symlinkSync(join(folder, "app"), join(folder, "current"))
    plant("app/d.ts", "d")
    assert.strictEqual(
      new ProgramFiles([join(folder, "current")]).read(join(folder, "current", "d.ts"), "source", 9),
      "d"
    )
    assert.strictEqual(new ProgramFiles([join(folder, "current")]).read(join(folder, "app", "d.ts"), "source", 9), "d")
  })
})

/** Captures values one after the other, and gives what would be sent of each. */
const captured = (values: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    for (const value of values) yield* ErrorTracking.capture(value)
    return yield* PostHogTest.exceptions
  }).pipe(Effect.provide(PostHogTest.layer({ sourceRoots: [folder] })))

describe("a stack that somebody wrote", () => {
  const own = fileURLToPath(import.meta.url)
  const text = (path: string) => `Error: no\n    at x (${path}:1:1)`

  it.effect("leads to no line of any file, if it is none of an error", () =>
    Effect.gen(function*() {
      const stack = text(own)
      const answers: ReadonlyArray<unknown> = [
        { message: "no", stack },
        { name: "Error", message: "no", stack },
        { _tag: "Failed", message: "no", stack },
        JSON.parse(`{ "__proto__": { "stack": ${JSON.stringify(stack)} }, "message": "no" }`),
        { error: { message: "no", stack } },
        Object.assign(Object.create(Error.prototype), { message: "no", stack }),
        new Error("outer", { cause: { message: "no", stack } }),
        Object.defineProperty(new Error("no"), "stack", { value: stack, enumerable: true })
      ]
      const exceptions = yield* captured(answers)
      const frames = exceptions.flatMap(({ list }) => list.flatMap(({ stacktrace }) => stacktrace?.frames ?? []))
      const written = frames.filter((frame) => frame.function === "x")
      assert.isAtLeast(written.length, 6)
      for (const frame of written) assert.notProperty(frame, "context_line")
    }))

  it.effect("an error of the runtime has its lines, of whatever realm and class", () =>
    Effect.gen(function*() {
      class Tagged extends Error {
        readonly _tag = "Tagged"
        get [Symbol.toStringTag]() {
          return "Tagged"
        }
      }
      function Old(this: object) {
        Error.captureStackTrace(this)
      }
      Old.prototype = Object.create(Error.prototype)
      const errors = [
        new TypeError("no"),
        new Tagged("no"),
        Reflect.construct(Old, []) as unknown,
        new DOMException("no", "AbortError"),
        structuredClone(new Error("no")),
        runInNewContext("make(Error)", { make: (Class: typeof Error) => new Class("no") })
      ]
      for (const { list } of yield* captured(errors)) {
        const frame = list[0]!.stacktrace!.frames.filter(({ filename }) => filename?.endsWith("readable.test.ts")).at(
          -1
        )
        assert.property(frame, "context_line", JSON.stringify(list))
      }
    }))

  it.effect("in the place of an error's own it reads no file that is none of the program", () =>
    Effect.gen(function*() {
      const map = plant("evil/a.js", "throw 1\n//# sourceMappingURL=../.env\n")
      plant(".env")
      const pipe = join(folder, "pipe.js")
      execFileSync("mkfifo", [pipe])
      const paths = [
        "/etc/passwd",
        "file:///etc/passwd",
        "/proc/self/environ",
        "/proc/kmsg",
        "/proc/self/pagemap",
        "/dev/zero",
        "/dev/stdin",
        `${folder}/.env`,
        `${folder}/evil/../.env`,
        `file://${folder}/%2eenv`,
        `file://localhost${folder}/.env`,
        `${folder}/package.json`,
        map,
        pipe
      ]
      plant("package.json", `{ "token": "${secret}" }`)
      const remote = defectOf
      const errors = paths.flatMap((path) => [
        Object.assign(new Error("no"), { stack: text(path) }),
        remote({ name: "Error", message: "no", stack: text(path) })
      ])
      const exceptions = yield* captured(errors)
      assert.strictEqual(exceptions.length, errors.length)
      const sent = JSON.stringify(exceptions)
      assert.notInclude(sent, secret)
      assert.notInclude(sent, "root:")
      assert.notInclude(sent, "PATH=")
    }))

  it.effect("nor do the sources that a map names, unless they are in it", () =>
    Effect.gen(function*() {
      plant("bundle/.env")
      const outside = plant("../readable outside.ts")
      const sources = ["/etc/passwd", ".env", "../.env", "file:///etc/passwd", "../../readable%20outside.ts", outside]
      const errors = sources.map((source, index) => {
        const map = { version: 3, sources: [source], names: [], mappings: "AAAA" }
        plant(`bundle/${index}.js.map`, JSON.stringify(map))
        const bundle = plant(`bundle/${index}.js`, `throw 1\n//# sourceMappingURL=${index}.js.map\n`)
        return Object.assign(new Error("no"), { stack: text(bundle) })
      })
      const before = Object.getOwnPropertyDescriptor(process, "sourceMapsEnabled")
      Object.defineProperty(process, "sourceMapsEnabled", { value: false, configurable: true })
      const sent = JSON.stringify(yield* captured(errors))
      if (before === undefined) delete (process as { sourceMapsEnabled?: boolean }).sourceMapsEnabled
      else Object.defineProperty(process, "sourceMapsEnabled", before)
      rmSync(outside)
      assert.include(sent, "passwd")
      assert.notInclude(sent, secret)
      assert.notInclude(sent, "root:")
    }))
})

describe("the roots of a program", () => {
  it("are the working directory, the package of the main module, its workspace, and what the option says", async () => {
    const outfile = join(folder, "mono/packages/shop/dist/main.mjs")
    await build({
      entryPoints: [join(root, "test/programs/stacks.ts")],
      bundle: true,
      format: "esm",
      platform: "node",
      alias: { "effect-posthog": join(root, "src/index.ts") },
      outfile,
      logLevel: "error"
    })
    plant("mono/package.json", `{ "workspaces": ["packages/*"] }`)
    plant("mono/packages/shop/package.json", `{ "name": "shop" }`)
    plant("mono/packages/shop/dist/package.json", `{ "type": "module" }`)
    const places = {
      package: plant("mono/packages/shop/src/a.ts", "LINE"),
      workspace: plant("mono/packages/lib/a.ts", "LINE"),
      directory: plant("work/a.ts", "LINE"),
      option: plant("linked/a.ts", "LINE"),
      other: plant("other/a.ts", "LINE")
    }
    const stack = `Error: no\n${
      Object.entries(places).map(([name, path]) => `    at ${name} (${path}:1:1)`).join("\n")
    }`
    const read = async (cwd: string, sourceRoots?: ReadonlyArray<string>) => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [outfile, JSON.stringify({ stack, sourceRoots })],
        {
          env: { ...process.env, NODE_OPTIONS: "" },
          cwd
        }
      )
      const [error, plain] = JSON.parse(stdout) as ReadonlyArray<ReadonlyArray<Readonly<Record<string, unknown>>>>
      assert.isTrue(plain!.every((frame) => !("context_line" in frame)))
      return error!.filter((frame) => frame.context_line === "LINE").map((frame) => frame.function)
    }
    assert.deepStrictEqual(await read("/"), ["workspace", "package"])
    assert.deepStrictEqual(await read(join(folder, "work"), ["../linked"]), [
      "option",
      "directory",
      "workspace",
      "package"
    ])
  }, 60_000)
})
