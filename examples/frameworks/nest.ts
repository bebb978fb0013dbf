/**
 * Nest, on Express: `PORT=3000 POSTHOG_API_KEY=phc_… npx tsx examples/frameworks/nest.ts`
 */
import "reflect-metadata"
import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  Get,
  HttpException,
  Inject,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  type NestModule,
  type OnApplicationShutdown,
  Post
} from "@nestjs/common"
import { APP_FILTER, BaseExceptionFilter, HttpAdapterHost, NestFactory } from "@nestjs/core"
import { ErrorTracking, PostHog, PostHogBridge, PostHogHttp, PostHogLive } from "effect-posthog"

type Bridge = PostHogBridge.Bridge<PostHog.PostHog>
const Bridge = Symbol("PostHog")

interface Incoming extends PostHogHttp.NodeRequest {
  readonly headers: { readonly [name: string]: string | undefined }
}

@Injectable()
class Context implements NestMiddleware {
  constructor(@Inject(Bridge) private readonly posthog: Bridge) {}

  use(request: Incoming, _: unknown, next: () => void) {
    // A program would ask its session for the user.
    this.posthog.withContext(
      PostHogHttp.contextOf(request),
      () => this.posthog.withContext({ distinctId: request.headers["x-user"] }, next)
    )
  }
}

@Catch()
class Exceptions extends BaseExceptionFilter {
  constructor(@Inject(Bridge) private readonly posthog: Bridge, @Inject(HttpAdapterHost) host: HttpAdapterHost) {
    super(host.httpAdapter)
  }

  override catch(error: unknown, host: ArgumentsHost) {
    const isOurs = !(error instanceof HttpException) || error.getStatus() >= 500
    if (isOurs) void this.posthog.run(ErrorTracking.capture(error, { handled: false }))
    super.catch(error, host)
  }
}

@Controller()
class Orders {
  constructor(@Inject(Bridge) private readonly posthog: Bridge) {}

  @Post("orders")
  async create(@Body() order: { readonly total: number }) {
    await this.posthog.run(PostHog.capture("order completed", { total: order.total }))
  }

  @Get("broken")
  broken() {
    throw new Error("out of hedgehogs")
  }
}

@Module({
  controllers: [Orders],
  providers: [
    // Nest waits for it, and does not start with options that cannot work.
    { provide: Bridge, useFactory: () => PostHogBridge.make(PostHogLive) },
    { provide: APP_FILTER, useClass: Exceptions }
  ]
})
class Shop implements NestModule, OnApplicationShutdown {
  constructor(@Inject(Bridge) private readonly posthog: Bridge) {}

  configure(consumer: MiddlewareConsumer) {
    consumer.apply(Context).forRoutes("*path")
  }

  // When all requests are answered.
  onApplicationShutdown() {
    return this.posthog.close()
  }
}

const app = await NestFactory.create(Shop, { logger: ["fatal"] })
app.enableShutdownHooks()
await app.listen(Number(process.env.PORT ?? 3000))
console.log("ready", app.getHttpServer().address())
