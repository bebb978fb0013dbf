/**
 * Which flags and cohorts refer to each other in a circle, and how deep the others nest. Definitions come from a
 * server: neither may overflow the stack, so the walk keeps a stack of its own.
 *
 * @since 0.1.0
 */
import type { Cohort, Flag } from "./model.js"

/** What nests deeper is evaluated from its leaves upwards, or in the case of cohorts not at all. */
export const maxDepth = 100

type Node = Flag | Cohort

interface Visit {
  readonly node: Node
  next: number
}

/** Tarjan's algorithm: strongly connected components, those that others refer to first. */
export const survey = (nodes: Iterable<Node>): void => {
  const order = new Map<Node, number>()
  const lowest = new Map<Node, number>()
  const open: Array<Node> = []
  const isOpen = new Set<Node>()
  let cycles = 0

  const close = (component: ReadonlyArray<Node>): void => {
    const isCycle = component.length > 1 || component[0]!.refers.includes(component[0]!)
    const cycle = isCycle ? cycles++ : undefined
    const members = new Set(component)
    let weight = 0
    let [depth, nesting] = [0, 0]
    let isUnsupported = false
    for (const node of component) {
      weight += node.weight
      isUnsupported ||= node.kind === "cohort" && node.isUnsupported
      for (const other of node.refers) {
        if (members.has(other)) continue
        depth = Math.max(depth, other.depth)
        if (other.kind !== "cohort") continue
        nesting = Math.max(nesting, other.nesting)
        if (node.kind === "cohort") isUnsupported ||= other.isUnsupported
        else node.isUnsupported ||= other.isUnsupported
      }
    }
    for (const node of component) {
      node.cycle = cycle
      node.depth = depth + weight
      node.nesting = nesting + weight
      node.refused = isCycle && weight > maxDepth
      if (node.kind === "cohort") node.isUnsupported = isUnsupported
      else if (isUnsupported) {
        node.isUnsupported ||= node.refers.some((other) => other.kind === "cohort" && members.has(other))
      }
    }
  }

  for (const root of nodes) {
    if (order.has(root)) continue
    const path: Array<Visit> = []
    const enter = (node: Node) => {
      order.set(node, order.size)
      lowest.set(node, order.size - 1)
      open.push(node)
      isOpen.add(node)
      path.push({ node, next: 0 })
    }
    enter(root)
    while (path.length > 0) {
      const visit = path[path.length - 1]!
      const { node } = visit
      if (visit.next < node.refers.length) {
        const other = node.refers[visit.next++]!
        if (!order.has(other)) enter(other)
        else if (isOpen.has(other)) lowest.set(node, Math.min(lowest.get(node)!, order.get(other)!))
        continue
      }
      path.pop()
      const parent = path.at(-1)?.node
      if (parent !== undefined) lowest.set(parent, Math.min(lowest.get(parent)!, lowest.get(node)!))
      if (lowest.get(node) !== order.get(node)) continue
      const component = open.splice(open.lastIndexOf(node))
      for (const member of component) isOpen.delete(member)
      close(component)
    }
  }
}

/**
 * The flags that a flag depends on and that were not visited, each after those that it depends on itself, but for its
 * own cycle.
 */
export const dependencies = (flag: Flag, visited: Set<Node>): ReadonlyArray<Flag> => {
  const found: Array<Flag> = []
  const path: Array<Visit> = [{ node: flag, next: 0 }]
  visited.add(flag)
  while (path.length > 0) {
    const visit = path[path.length - 1]!
    if (visit.next < visit.node.refers.length) {
      const other = visit.node.refers[visit.next++]!
      if (visited.has(other)) continue
      visited.add(other)
      path.push({ node: other, next: 0 })
      continue
    }
    path.pop()
    if (visit.node.kind === "flag" && visit.node !== flag) found.push(visit.node)
  }
  // In the order of the walk, a member of a cycle would come before what another member of it depends on.
  return found.sort((a, b) => a.depth - b.depth)
}
