/** A CPU profile as V8 writes it → where the time went, by function and by call path. All of it is pure. */

/** As `node --cpu-prof` writes it: a tree by ids, and a sample of it every so many microseconds. */
export interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: ReadonlyArray<number>
  }>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

/** A call path's end. Times in microseconds. */
export interface Frame {
  readonly name: string
  readonly total: number
  readonly self: number
  /** The dearest first. */
  readonly children: ReadonlyArray<Frame>
}

/** Short enough for a line: the file in its package, from the last `node_modules` or `packages` on. */
const place = (url: string, lineNumber: number): string => {
  const path = url.replace(/^file:\/\//, "")
  const file = /(?:.*\/node_modules\/|.*\/(?=packages\/))(.*)$/.exec(path)?.[1] ?? path
  return file === "" ? "" : ` ${file}:${lineNumber + 1}`
}

const nameOf = ({ functionName, lineNumber, url }: CpuProfile["nodes"][number]["callFrame"]): string =>
  `${functionName === "" ? "(anonymous)" : functionName}${place(url, lineNumber)}`

/** Waiting is not work. */
const idle = new Set(["(idle)", "(program)"])

/** The tree of calls. Functions that a path enters twice under one parent are one frame. */
export const callTree = ({ nodes, samples, timeDeltas }: CpuProfile): Frame => {
  const selfTimes = new Map<number, number>()
  for (const [index, id] of samples.entries()) {
    selfTimes.set(id, (selfTimes.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0))
  }
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const frame = (name: string, ids: ReadonlyArray<number>): Frame => {
    const below = new Map<string, Array<number>>()
    let self = 0
    for (const id of ids) {
      self += selfTimes.get(id) ?? 0
      for (const child of byId.get(id)?.children ?? []) {
        const node = byId.get(child)
        if (node === undefined || idle.has(node.callFrame.functionName)) continue
        const childName = nameOf(node.callFrame)
        const others = below.get(childName)
        if (others === undefined) below.set(childName, [child])
        else others.push(child)
      }
    }
    const children = [...below].map(([name, ids]) => frame(name, ids)).sort((a, b) => b.total - a.total)
    return { name, self, total: children.reduce((sum, { total }) => sum + total, self), children }
  }
  const root = nodes[0]
  return root === undefined ? { name: "nothing", self: 0, total: 0, children: [] } : frame("all", [root.id])
}

export interface FunctionTime {
  readonly name: string
  readonly self: number
}

/** Functions by their own time, the dearest first. */
export const dearestFunctions = (root: Frame, count: number): ReadonlyArray<FunctionTime> => {
  const selfTimes = new Map<string, number>()
  const visit = (frame: Frame): void => {
    if (frame !== root) selfTimes.set(frame.name, (selfTimes.get(frame.name) ?? 0) + frame.self)
    frame.children.forEach(visit)
  }
  visit(root)
  return [...selfTimes]
    .map(([name, self]) => ({ name, self }))
    .sort((a, b) => b.self - a.self)
    .slice(0, count)
}
