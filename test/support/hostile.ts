/**
 * Values that throw when they are looked at.
 */

/** A revoked Proxy: whatever is asked throws, `instanceof` and `Array.isArray` too. */
export const revoked = <A extends object>(target = {} as A): A => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const traps: ReadonlyArray<keyof ProxyHandler<object>> = [
  "get",
  "has",
  "ownKeys",
  "getOwnPropertyDescriptor",
  "getPrototypeOf",
  "set",
  "defineProperty"
]

/** A Proxy of which every trap throws a revoked Proxy: what is caught may not be looked at either. */
export const throwsRevoked = <A extends object>(target = {} as A): A =>
  new Proxy(
    target,
    Object.fromEntries(traps.map((trap) => [trap, () => {
      throw revoked()
    }]))
  )
