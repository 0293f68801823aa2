/** Which of an overlay's policies are about a pod, and what they let in and out of it together. */
import type { Manifest } from "./manifests.ts"

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: ReadonlyArray<{
    readonly key: string
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist"
    readonly values?: ReadonlyArray<string>
  }>
}

export interface Peer {
  readonly namespaceSelector?: LabelSelector
  readonly podSelector?: LabelSelector
  readonly ipBlock?: { readonly cidr: string }
}

interface Port {
  readonly port: number | string
  readonly protocol: string
}

interface PolicySpec {
  readonly podSelector: LabelSelector
  readonly ingress?: ReadonlyArray<{ readonly from?: ReadonlyArray<Peer>; readonly ports?: ReadonlyArray<Port> }>
  readonly egress?: ReadonlyArray<{ readonly to?: ReadonlyArray<Peer>; readonly ports?: ReadonlyArray<Port> }>
}

type Labels = Readonly<Record<string, string>>

export const isSelected = ({ matchExpressions = [], matchLabels = {} }: LabelSelector, labels: Labels): boolean =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, operator, values = [] }) => {
    const value = labels[key]
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value)
      case "NotIn":
        return value === undefined || !values.includes(value)
      case "Exists":
        return value !== undefined
      case "DoesNotExist":
        return value === undefined
    }
  })

/** What is let in and out: who, and at which ports. A side without peers or ports means all of them. */
export interface Opening {
  readonly peers: ReadonlyArray<Peer> | "anyone"
  readonly ports: ReadonlyArray<number | string> | "any"
}

const opening = (peers: ReadonlyArray<Peer> | undefined, ports: ReadonlyArray<Port> | undefined): Opening => ({
  peers: peers ?? "anyone",
  ports: ports?.map(({ port }) => port) ?? "any"
})

export const openingsOf = (manifests: ReadonlyArray<Manifest>, labels: Labels) => {
  const specs = manifests
    .filter(({ kind }) => kind === "NetworkPolicy")
    .map(({ spec }) => spec as PolicySpec)
    .filter(({ podSelector }) => isSelected(podSelector, labels))
  return {
    ingress: specs.flatMap(({ ingress = [] }) => ingress.map(({ from, ports }) => opening(from, ports))),
    egress: specs.flatMap(({ egress = [] }) => egress.map(({ ports, to }) => opening(to, ports)))
  }
}
