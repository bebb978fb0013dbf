/**
 * What a process has once, however often this package is loaded. A process may hold it twice, as ES module and as
 * CommonJS, or once for each registry of modules that a test runner makes, and a value of one copy must mean the same
 * to the other.
 *
 * @since 0.1.0
 */

/**
 * The value under a name; made by the copy that asks first. For classes whose instances pass between copies:
 * `instanceof` and private members know the instances of one class only. Change the name when the shape changes.
 */
export const shared = <A>(name: string, make: () => A): A => {
  const store = globalThis as { [key: symbol]: unknown }
  return (store[Symbol.for(`effect-posthog/${name}`)] ??= make()) as A
}
