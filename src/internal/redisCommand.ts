/**
 * The one function through which this library talks to Redis: the program's own client, whichever that is.
 */

/**
 * Sends one command to Redis and gives its reply.
 *
 * @since 0.1.0
 * @category models
 */
export interface RedisCommand {
  (parts: [command: string, ...rest: Array<string>]): PromiseLike<unknown>
}
