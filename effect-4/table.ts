/**
 * What has another name, or another form, in Effect 4. Read from top to bottom it is a guide for who moves a program
 * from Effect 3 to 4. A row that no file needs fails the generator.
 */
import ts from "typescript"
import type { Editor } from "./translate.js"

/** A call that has another form in Effect 4. */
export interface Shape {
  /** Whether the member may be used in no other way than to call it. */
  readonly onlyCalls?: boolean
  /** Changes a call; says whether there was something to change. */
  readonly apply: (call: ts.CallExpression, editor: Editor) => boolean
}

export interface Table {
  /** Modules, by their names in Effect 3. */
  readonly modules: Readonly<Record<string, string>>
  /** Members: module, a dot, name. Or what takes their place, a text in quotes. */
  readonly members: Readonly<Record<string, string>>
  /** Calls, by their names in Effect 3. */
  readonly shapes: Readonly<Record<string, Shape>>
  /** Types with other parameters, by their names in Effect 3. */
  readonly types: Readonly<Record<string, (type: ts.TypeReferenceNode, editor: Editor) => void>>
  /** Properties of values, by their name alone: only names that nothing else has. */
  readonly properties: Readonly<Record<string, string>>
}

const http = (...names: ReadonlyArray<string>) =>
  Object.fromEntries(names.map((name) => [`@effect/platform/${name}`, `effect/http/${name}`]))

const httpApi = (...names: ReadonlyArray<string>) =>
  Object.fromEntries(names.map((name) => [`@effect/platform/${name}`, `effect/http-api/${name}`]))

const ai = (...names: ReadonlyArray<string>) =>
  Object.fromEntries(names.map((name) => [`@effect/ai/${name}`, `effect/ai/${name}`]))

/** All arguments become one list, when there are several; then the function may have another name. */
const listed = (name?: string): Shape => ({
  onlyCalls: true,
  apply: ({ arguments: given, expression }, editor) => {
    if (given.length < 2) return false
    if (name !== undefined && ts.isPropertyAccessExpression(expression)) editor.replace(expression.name, name)
    editor.insert(given[0]!.getStart(), "[")
    editor.insert(given.at(-1)!.end, "]")
    return true
  }
})

/** What runs an effect with another service of those that every effect has: `withClock(clock)`. */
const withService = (module: string): Shape => ({
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    const name = editor.need(module, false)
    editor.insert(given.at(-1)!.getStart(), `${name}.${name}, `)
    return true
  }
})

/** `Tag("id")<Self, Shape>()` is `Service<Self, Shape>()("id")`. */
const tag: Shape = {
  apply: (call, editor) => {
    const outer = call.parent
    if (!ts.isCallExpression(outer) || outer.expression !== call) return false
    const id = call.arguments[0]!.getText()
    editor.remove(call.expression.end, call.end)
    editor.insert(outer.end, `(${id})`)
    return true
  }
}

/** What takes a level of logs, which is a reference like others. */
const minimumLogLevel: Shape = {
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    editor.insert(given.at(-1)!.getStart(), `${editor.need("effect/References", false)}.MinimumLogLevel, `)
    return true
  }
}

/** `Logger.replace(Logger.defaultLogger, mine)` and `Logger.remove(Logger.defaultLogger)`: the list of loggers. */
const loggers: Shape = {
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    const [removed, added] = given
    editor.remove(removed!.getStart(), added?.getStart() ?? removed!.end)
    editor.insert(added?.getStart() ?? removed!.end, "[")
    editor.insert(given.at(-1)!.end, "]")
    return true
  }
}

/** `ConfigProvider.fromMap(new Map(entries))`: out of an object. */
const fromMap: Shape = {
  onlyCalls: true,
  apply: ({ arguments: [map] }, editor) => {
    if (map === undefined || !ts.isNewExpression(map)) return false
    editor.edits.push({ start: map.getStart(), end: map.expression.end, text: "Object.fromEntries" })
    return true
  }
}

/** What was called, and is an effect by itself: `yieldNow()`. */
const called: Shape = {
  onlyCalls: true,
  apply: (call, editor) => {
    editor.remove(call.expression.end, call.end)
    return true
  }
}

/** `runMain(program, { disablePrettyLogger: true })`: which logger is used is not said there. */
const runMain: Shape = {
  apply: ({ arguments: [program, options] }, editor) => {
    if (options === undefined || !/^\{ disablePrettyLogger: true \}$/.test(options.getText())) return false
    editor.remove(program!.end, options.end)
    return true
  }
}

/** `Schema.optionalWith(schema, { default: () => value })`. */
const optionalWith: Shape = {
  onlyCalls: true,
  apply: (call, editor) => {
    const [schema, options] = call.arguments
    if (schema === undefined || options === undefined || !ts.isObjectLiteralExpression(options)) return false
    const [property] = options.properties
    if (property === undefined || !ts.isPropertyAssignment(property)) return false
    if (!ts.isArrowFunction(property.initializer) || options.properties.length > 1) return false
    const { body } = property.initializer
    const [name, effect] = [editor.need("effect/Schema", false), editor.need("effect/Effect", false)]
    editor.remove(call.expression.end, schema.getStart())
    editor.edits.push({
      start: schema.end,
      end: body.getStart(),
      text: `.pipe(${name}.withDecodingDefaultType(${effect}.succeed(`
    })
    editor.edits.push({ start: body.end, end: call.end, text: ")))" })
    return true
  }
}

/** `Schema.Record({ key, value })`: two arguments. */
const record: Shape = {
  onlyCalls: true,
  apply: ({ arguments: [options] }, editor) => {
    if (options === undefined || !ts.isObjectLiteralExpression(options)) return false
    const [key, value] = options.properties
    if (key === undefined || value === undefined) return false
    if (!ts.isPropertyAssignment(key) || !ts.isPropertyAssignment(value)) return false
    editor.remove(options.getStart(), key.initializer.getStart())
    editor.edits.push({ start: key.initializer.end, end: value.initializer.getStart(), text: ", " })
    editor.remove(value.initializer.end, options.end)
    return true
  }
}

/** `Schema.transformOrFail(from, to, options)`: a link from the one to the other. */
const transformOrFail: Shape = {
  onlyCalls: true,
  apply: (call, editor) => {
    const [from, to, options] = call.arguments
    if (from === undefined || to === undefined || options === undefined) return false
    const name = editor.need("effect/Schema", false)
    const transformation = editor.need("effect/SchemaTransformation", false)
    editor.remove(call.expression.end, from.getStart())
    editor.edits.push({ start: from.end, end: to.getStart(), text: `.pipe(${name}.decodeTo(` })
    editor.edits.push({ start: to.end, end: options.getStart(), text: `, ${transformation}.transformEffect(` })
    editor.edits.push({ start: options.end, end: call.end, text: ")))" })
    return true
  }
}

/** `Schema.filter(f)`: a check, which is made of a function. */
const filter: Shape = {
  onlyCalls: true,
  apply: ({ arguments: [f] }, editor) => {
    if (f === undefined) return false
    editor.insert(f.getStart(), `${editor.need("effect/Schema", false)}.makeFilter(`)
    editor.insert(f.end, ")")
    return true
  }
}

/** `Effect.gen(this, function*() …)`. */
const genOf: Shape = {
  apply: ({ arguments: [self] }, editor) => {
    if (self?.kind !== ts.SyntaxKind.ThisKeyword) return false
    editor.replace(self, "{ self: this }")
    return true
  }
}

/** `Stream.runFoldEffect(initial, f)`: the first value is a function's. */
const fold: Shape = {
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    editor.insert(given.at(-2)!.getStart(), "() => ")
    return true
  }
}

/** `Metric.tagged(metric, name, value)`: attributes are an object. */
const tagged: Shape = {
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    const [name, value] = given.slice(-2)
    if (name === undefined || value === undefined) return false
    editor.insert(name.getStart(), "{ [")
    editor.edits.push({ start: name.end, end: value.getStart(), text: "]: " })
    editor.insert(value.end, " }")
    return true
  }
}

/** `HttpRouter.get(path, handler)`: the method is the first argument. */
const route = (method: string): Shape => ({
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    editor.insert(given[0]!.getStart(), `"${method}", `)
    return true
  }
})

/** `HttpRouter.empty.pipe(…routes, middleware)`: layers, one beside the other. */
const router: Shape = {
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    const name = editor.need("effect/http/HttpRouter", false)
    for (const part of given) {
      if (/^HttpRouter\.(get|post)\(/.test(part.getText())) continue
      editor.insert(part.getStart(), `${name}.middleware(`)
      editor.insert(part.end, ", { global: true })")
    }
    return true
  }
}

/** `HttpApp.toWebHandlerLayer(router, layer)`: of layers, as routers are. */
const toWebHandlerLayer: Shape = {
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    editor.insert(given[0]!.getStart(), `${editor.need("effect/Layer", false)}.provideMerge(`)
    editor.insert(given.at(-1)!.end, ")")
    return true
  }
}

/** `timeoutFail({ duration, onTimeout })` is `timeoutOrElse({ duration, orElse })`, whose `orElse` is an effect. */
const timeoutFail: Shape = {
  onlyCalls: true,
  apply: ({ arguments: given }, editor) => {
    const options = given.at(-1)
    if (options === undefined || !ts.isObjectLiteralExpression(options)) return false
    for (const property of options.properties) {
      if (!ts.isPropertyAssignment(property) || property.name.getText() !== "onTimeout") continue
      const { initializer } = property
      editor.replace(property.name, "orElse")
      const effect = editor.need("effect/Effect", false)
      if (ts.isArrowFunction(initializer) && !ts.isBlock(initializer.body)) {
        editor.insert(initializer.body.getStart(), `${effect}.fail(`)
        editor.insert(initializer.body.end, ")")
      } else {
        editor.insert(initializer.getStart(), `() => ${effect}.fail((`)
        editor.insert(initializer.end, ")())")
      }
      return true
    }
    return false
  }
}

/** The parameters of a tool are a schema, and not its fields. */
const toolParameters: Shape = {
  apply: ({ arguments: given }, editor) => {
    const options = given[1]
    if (options === undefined || !ts.isObjectLiteralExpression(options)) return false
    for (const property of options.properties) {
      if (!ts.isPropertyAssignment(property) || property.name.getText() !== "parameters") continue
      if (!ts.isObjectLiteralExpression(property.initializer)) continue
      editor.insert(property.initializer.getStart(), `${editor.need("effect/Schema", false)}.Struct(`)
      editor.insert(property.initializer.end, ")")
      return true
    }
    return false
  }
}

/** `Schema<A, I, R>`: what decoding needs and what encoding needs are told apart. */
const services: Table["types"][string] = ({ typeArguments }, editor) => {
  if (typeArguments?.length !== 3) return
  editor.insert(typeArguments[2]!.end, `, ${typeArguments[2]!.getText()}`)
}

/** `Default<E, R>` has a name in Effect 3 only. */
const httpApp = ({ typeArguments }: ts.TypeReferenceNode, editor: Editor): void => {
  const [error, services] = typeArguments ?? []
  if (error === undefined || services === undefined) return
  const [response, request] = ["effect/http/HttpServerResponse", "effect/http/HttpServerRequest"].map((module) =>
    editor.need(module, true)
  )
  editor.insert(error.getStart(), `${response}.HttpServerResponse, `)
  editor.insert(services.end, ` | ${request}.HttpServerRequest`)
}

export const table: Table = {
  modules: {
    ...http(
      "FetchHttpClient",
      "Headers",
      "HttpBody",
      "HttpClient",
      "HttpClientError",
      "HttpClientRequest",
      "HttpClientResponse",
      "HttpServerRequest",
      "HttpServerResponse",
      "HttpMiddleware",
      "HttpRouter",
      "HttpServer",
      "UrlParams"
    ),
    ...httpApi(
      "HttpApi",
      "HttpApiClient",
      "HttpApiGroup"
    ),
    ...ai(
      "AiError",
      "Chat",
      "EmbeddingModel",
      "LanguageModel",
      "McpServer",
      "Model",
      "Prompt",
      "Response",
      "Telemetry",
      "Tool",
      "Toolkit"
    ),
    "@effect/platform-node/NodeContext": "@effect/platform-node/NodeServices",
    "@effect/platform/FileSystem": "effect/FileSystem",
    "@effect/platform/HttpApp": "effect/http/HttpEffect",
    "@effect/platform/HttpLayerRouter": "effect/http/HttpRouter",
    "@effect/platform/KeyValueStore": "effect/persistence/KeyValueStore",
    "effect/Either": "effect/Result",
    "effect/TestClock": "effect/testing/TestClock"
  },
  members: {
    // Effects.
    "effect/Effect.async": "effect/Effect.callback",
    "effect/Effect.catchAll": "effect/Effect.catch",
    "effect/Effect.catchAllCause": "effect/Effect.catchCause",
    "effect/Effect.catchAllDefect": "effect/Effect.catchDefect",
    "effect/Effect.clock": "effect/Clock.Clock",
    "effect/Effect.either": "effect/Effect.result",
    "effect/Effect.fork": "effect/Effect.forkChild",
    "effect/Effect.forkDaemon": "effect/Effect.forkDetach",
    "effect/Effect.locally": "effect/Effect.provideService",
    "effect/Effect.runtime": "effect/Effect.context",
    "effect/Effect.tapErrorCause": "effect/Effect.tapCause",
    "effect/Effect.timeoutFail": "effect/Effect.timeoutOrElse",
    "effect/Effect.unsafeMakeLatch": "effect/Latch.makeUnsafe",
    "effect/Effect.unsafeMakeSemaphore": "effect/Semaphore.makeUnsafe",
    "effect/Effect.whenEffect": "effect/Effect.when",
    "effect/Effect.withFiberRuntime": "effect/Effect.withFiber",
    "effect/Effect.withClock": "effect/Effect.provideService",
    "effect/Effect.withConfigProvider": "effect/Effect.provideService",
    "effect/Effect.zipLeft": "effect/Effect.tap",
    "effect/Effect.zipRight": "effect/Effect.andThen",
    "effect/Effect.Effect.Context": "effect/Effect.Services",
    "effect/Effect.Effect.Error": "effect/Effect.Error",
    "effect/Effect.Effect.Success": "effect/Effect.Success",

    // Services and what runs effects.
    "effect/Context.Tag": "effect/Context.Service",
    "effect/Context.TagClass": "effect/Context.ServiceClass",
    "effect/Runtime.runFork": "effect/Effect.runForkWith",
    "effect/Runtime.runPromise": "effect/Effect.runPromiseWith",
    "effect/Runtime.runSync": "effect/Effect.runSyncWith",
    "effect/Fiber.RuntimeFiber": "effect/Fiber.Fiber",
    "effect/Layer.catchAll": "effect/Layer.catch",
    "effect/Layer.scoped": "effect/Layer.effect",
    "effect/Layer.scopedDiscard": "effect/Layer.effectDiscard",
    "effect/Layer.toRuntime": "effect/Layer.build",
    "effect/Layer.unwrapEffect": "effect/Layer.unwrap",
    "effect/Layer.unwrapScoped": "effect/Layer.unwrap",
    "effect/Scope.CloseableScope": "effect/Scope.Closeable",
    "effect/Scope.extend": "effect/Scope.provide",

    "effect/TestServices.provideLive": "effect/testing/TestClock.withLive",

    // What went wrong.
    "effect/Cause.NoSuchElementException": "effect/Cause.NoSuchElementError",
    "effect/Cause.UnknownException": "effect/Cause.UnknownError",
    "effect/Cause.failureOption": "effect/Cause.findErrorOption",
    "effect/Cause.isDie": "effect/Cause.hasDies",
    "effect/Cause.isInterrupted": "effect/Cause.hasInterrupts",
    "effect/Exit.isInterrupted": "effect/Exit.hasInterrupts",
    "effect/ConfigError.ConfigError": "effect/Config.ConfigError",
    "effect/ParseResult.isParseError": "effect/Schema.isSchemaError",
    "effect/ParseResult.ParseError": "effect/Schema.SchemaError",

    // Logs.
    "effect/Logger.minimumLogLevel": "effect/Layer.succeed",
    "effect/Logger.remove": "effect/Logger.layer",
    "effect/Logger.replace": "effect/Logger.layer",
    "effect/Logger.withMinimumLogLevel": "effect/Effect.provideService",

    // Data.
    "effect/BigDecimal.unsafeFromString": "effect/BigDecimal.fromStringUnsafe",
    "effect/DateTime.unsafeMake": "effect/DateTime.makeUnsafe",
    "effect/DateTime.unsafeMakeZoned": "effect/DateTime.makeZonedUnsafe",
    "effect/DateTime.zoneUnsafeMakeNamed": "effect/DateTime.zoneMakeNamedUnsafe",
    "effect/Duration.decode": "effect/Duration.fromInputUnsafe",
    "effect/Duration.decodeUnknown": "effect/Duration.fromInput",
    "effect/Duration.DurationInput": "effect/Duration.Input",
    "effect/Either.Either": "effect/Result.Result",
    "effect/Either.isLeft": "effect/Result.isFailure",
    "effect/Either.isRight": "effect/Result.isSuccess",
    "effect/Either.left": "effect/Result.fail",
    "effect/Either.right": "effect/Result.succeed",
    "effect/LogLevel.Error": "\"Error\"",
    "effect/LogLevel.Info": "\"Info\"",
    "effect/LogLevel.None": "\"None\"",
    "effect/LogLevel.Warning": "\"Warn\"",
    "effect/Option.fromNullable": "effect/Option.fromNullishOr",
    "effect/Metric.tagged": "effect/Metric.withAttributes",
    "effect/Queue.unsafeOffer": "effect/Queue.offerUnsafe",
    "effect/Schedule.intersect": "effect/Schedule.max",
    "effect/Stream.repeatEffect": "effect/Stream.fromEffectRepeat",
    "effect/Stream.tapErrorCause": "effect/Stream.tapCause",
    "effect/Stream.unwrapScoped": "effect/Stream.unwrap",

    // Configuration and schemas.
    "effect/Config.Config.Wrap": "effect/Config.Wrap",
    "effect/Config.duration": "effect/Config.Duration",
    "effect/Config.redacted": "effect/Config.Redacted",
    "effect/Config.string": "effect/Config.String",
    "effect/ConfigProvider.fromMap": "effect/ConfigProvider.fromUnknown",
    "effect/ConfigProvider.fromJson": "effect/ConfigProvider.fromUnknown",
    "effect/Layer.setConfigProvider": "effect/ConfigProvider.layer",
    "effect/Schema.BigDecimalFromSelf": "effect/Schema.BigDecimal",
    "effect/Schema.DateFromSelf": "effect/Schema.Date",
    "effect/Schema.DateTimeUtcFromSelf": "effect/Schema.DateTimeUtc",
    "effect/Schema.DurationFromSelf": "effect/Schema.Duration",
    "effect/Schema.BigIntFromSelf": "effect/Schema.BigInt",
    "effect/Schema.HashMapFromSelf": "effect/Schema.HashMap",
    "effect/Schema.OptionFromSelf": "effect/Schema.Option",
    "effect/Schema.Schema": "effect/Schema.Codec",
    "effect/Schema.decode": "effect/Schema.decodeEffect",
    "effect/Schema.encode": "effect/Schema.encodeEffect",
    "effect/Schema.decodeUnknown": "effect/Schema.decodeUnknownEffect",
    "effect/Schema.decodeUnknownEither": "effect/Schema.decodeUnknownResult",
    "effect/Schema.UUID": "effect/Schema.String.check(Schema.isUUID())",
    "effect/Schema.filter": "effect/Schema.check",
    "effect/Schema.optionalWith": "\"\"",
    "effect/Schema.parseJson": "effect/Schema.fromJsonString",
    "effect/Schema.transformOrFail": "\"\"",

    // Models.
    "@effect/ai/EmbeddingModel.Service": "effect/ai/EmbeddingModel.EmbeddingModel",
    "@effect/ai/LanguageModel.Service": "effect/ai/LanguageModel.LanguageModel",

    // HTTP.
    "@effect/platform-node/NodeHttpClient.layer": "@effect/platform-node/NodeHttpClient.layerNodeHttp",
    "@effect/platform/HttpApp.Default": "effect/Effect.Effect",
    "@effect/platform/Headers.unsafeFromRecord": "effect/http/Headers.fromRecordUnsafe",
    "@effect/platform/HttpBody.unsafeJson": "effect/http/HttpBody.jsonUnsafe",
    "@effect/platform/HttpClient.catchAll": "effect/http/HttpClient.catch",
    "@effect/platform/HttpClientRequest.bodyUnsafeJson": "effect/http/HttpClientRequest.bodyJsonUnsafe",
    "@effect/platform/HttpApp.toWebHandlerLayer": "effect/http/HttpRouter.toWebHandler",
    "@effect/platform/HttpRouter.empty.pipe": "effect/Layer.mergeAll",
    "@effect/platform/HttpRouter.get": "effect/http/HttpRouter.add",
    "@effect/platform/HttpRouter.post": "effect/http/HttpRouter.add",
    "@effect/platform/HttpServer.serve": "effect/http/HttpRouter.serve",
    "@effect/platform/HttpServerResponse.unsafeJson": "effect/http/HttpServerResponse.jsonUnsafe"
  },
  shapes: {
    "@effect/ai/Tool.make": toolParameters,
    "@effect/platform-node/NodeRuntime.runMain": runMain,
    "@effect/platform/HttpApp.toWebHandlerLayer": toWebHandlerLayer,
    "@effect/platform/HttpRouter.empty.pipe": router,
    "@effect/platform/HttpRouter.get": route("GET"),
    "@effect/platform/HttpRouter.post": route("POST"),
    "effect/ConfigProvider.fromMap": fromMap,
    "effect/Context.Tag": tag,
    "effect/Effect.timeoutFail": timeoutFail,
    "effect/Effect.gen": genOf,
    "effect/Effect.yieldNow": called,
    "effect/Logger.minimumLogLevel": minimumLogLevel,
    "effect/Logger.remove": loggers,
    "effect/Logger.replace": loggers,
    "effect/Logger.withMinimumLogLevel": minimumLogLevel,
    "effect/Metric.tagged": tagged,
    "effect/Stream.runFoldEffect": fold,
    "effect/Schema.Literal": listed("Literals"),
    "effect/Schema.HashMapFromSelf": record,
    "effect/Schema.Record": record,
    "effect/Schema.Tuple": listed(),
    "effect/Schema.Union": listed(),
    "effect/Schema.filter": filter,
    "effect/Schema.optionalWith": optionalWith,
    "effect/Schema.transformOrFail": transformOrFail,
    "effect/Schedule.intersect": listed(),
    "effect/Effect.withClock": withService("effect/Clock"),
    "effect/Effect.withConfigProvider": withService("effect/ConfigProvider")
  },
  types: {
    "@effect/platform/HttpApp.Default": httpApp,
    "effect/Schema.Schema": services
  },
  properties: {
    epochMillis: "epochMilliseconds",
    unsafeCurrentTimeMillis: "currentTimeMillisUnsafe",
    // The other one is the time of day, which may be set back.
    unsafeCurrentTimeNanos: "monotonicTimeNanosUnsafe"
  }
}
