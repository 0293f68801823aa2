/** What the pods of an overlay ask for together, those that operators make from custom resources included. */
import type { Manifest } from "../src/manifests.ts"
import { type Resources, type Workload, workloads } from "../src/workloads.ts"
import { quantity } from "./quantity.ts"

/** Cores and bytes. */
export interface Demand {
  readonly name: string
  readonly replicas: number
  readonly cpu: number
  readonly memory: number
  /** What it may take at most, where it is held to that. */
  readonly memoryLimit: number
  /** What it claims as volumes. */
  readonly storage: number
  /** What it may take of its node's own disk: its `emptyDir`s. */
  readonly scratch: number
}

const requested = (name: string, resources: Resources | undefined, field: keyof Resources): number => {
  const value = resources?.[field]
  if (value === undefined) throw new Error(`${name} does not say how much ${field}`)
  return quantity(value)
}

/** Init containers run one after another, before the others: the largest counts, if it is larger than those together. */
const ofPod = (workload: Workload, kind: "requests" | "limits", field: keyof Resources): number => {
  const of = (containers: Workload["pod"]["containers"]) =>
    containers.map(({ resources }) => requested(workload.name, resources?.[kind], field))
  const main = of(workload.pod.containers).reduce((sum, value) => sum + value, 0)
  return Math.max(main, ...of(workload.pod.initContainers ?? []))
}

const scratchOf = ({ name, pod }: Workload): number =>
  (pod.volumes ?? []).reduce((sum, { emptyDir, name: volume }) => {
    if (emptyDir === undefined) return sum
    if (emptyDir.sizeLimit === undefined) throw new Error(`${name} does not say how large ${volume} may be`)
    return sum + quantity(emptyDir.sizeLimit)
  }, 0)

interface ScaledObjectSpec {
  readonly scaleTargetRef: { readonly name: string }
  readonly minReplicaCount: number
}

interface ManagedSpec {
  readonly replicas?: number
  readonly instances?: number
  readonly resources: { readonly requests: Resources; readonly limits: Resources }
  readonly storage: { readonly size?: string; readonly volumes?: ReadonlyArray<{ readonly size: string }> }
}

/** Kinds whose operator makes pods of them. */
const managed = new Set(["KafkaNodePool", "Cluster"])

const ofManaged = (manifest: Manifest): Demand => {
  const { instances, replicas, resources, storage } = manifest["spec"] as ManagedSpec
  const sizes = storage.volumes?.map(({ size }) => size) ?? (storage.size === undefined ? [] : [storage.size])
  return {
    name: manifest.metadata.name,
    replicas: replicas ?? instances ?? 1,
    cpu: requested(manifest.metadata.name, resources.requests, "cpu"),
    memory: requested(manifest.metadata.name, resources.requests, "memory"),
    memoryLimit: requested(manifest.metadata.name, resources.limits, "memory"),
    storage: sizes.reduce((sum, size) => sum + quantity(size), 0),
    scratch: 0
  }
}

export const demands = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<Demand> => {
  const scaled = new Map(
    manifests
      .filter(({ kind }) => kind === "ScaledObject")
      .map((manifest) => {
        const spec = manifest["spec"] as ScaledObjectSpec
        return [spec.scaleTargetRef.name, spec.minReplicaCount] as const
      })
  )
  const ours = workloads(manifests)
    // A migration takes the room that a service has before and after it.
    .filter(({ kind }) => kind !== "Job")
    .map((workload): Demand => ({
      name: workload.name,
      replicas: scaled.get(workload.name) ?? workload.replicas ?? 1,
      cpu: ofPod(workload, "requests", "cpu"),
      memory: ofPod(workload, "requests", "memory"),
      memoryLimit: ofPod(workload, "limits", "memory"),
      storage: workload.storage.reduce((sum, size) => sum + quantity(size), 0),
      scratch: scratchOf(workload)
    }))
  return [...ours, ...manifests.filter(({ kind }) => managed.has(kind)).map(ofManaged)]
}

export const total = (all: ReadonlyArray<Demand>, field: Exclude<keyof Demand, "name" | "replicas">): number =>
  all.reduce((sum, demand) => sum + demand.replicas * demand[field], 0)
