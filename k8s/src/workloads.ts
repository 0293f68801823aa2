/** What runs: the pods that manifests ask for, with all that is promised of them. */
import type { Manifest } from "./manifests.ts"

export interface Resources {
  readonly cpu?: string
  readonly memory?: string
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly command?: ReadonlyArray<string>
  readonly args?: ReadonlyArray<string>
  readonly resources?: { readonly requests?: Resources; readonly limits?: Resources }
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean
    readonly readOnlyRootFilesystem?: boolean
    readonly capabilities?: { readonly drop?: ReadonlyArray<string> }
  }
  readonly envFrom?: ReadonlyArray<{ readonly secretRef?: { readonly name: string } }>
  readonly env?: ReadonlyArray<{ readonly name: string; readonly value?: string }>
  readonly volumeMounts?: ReadonlyArray<{ readonly name: string; readonly mountPath: string }>
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
  readonly ports?: ReadonlyArray<{ readonly name: string; readonly containerPort: number; readonly hostPort?: number }>
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string }
}

export interface PodSpec {
  readonly serviceAccountName?: string
  readonly automountServiceAccountToken?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly securityContext?: { readonly runAsNonRoot?: boolean; readonly runAsUser?: number }
  readonly topologySpreadConstraints?: ReadonlyArray<{ readonly topologyKey: string }>
  readonly containers: ReadonlyArray<Container>
  readonly initContainers?: ReadonlyArray<Container>
  readonly volumes?: ReadonlyArray<{ readonly name: string; readonly emptyDir?: { readonly sizeLimit?: string } }>
}

export interface Workload {
  readonly kind: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** As the manifest says; Kubernetes makes 1 of undefined. */
  readonly replicas: number | undefined
  readonly strategy: unknown
  readonly pod: PodSpec
  /** GiB that each replica asks for. */
  readonly storage: ReadonlyArray<string>
}

interface PodTemplate {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> }
  readonly spec: PodSpec
}

interface WorkloadSpec {
  readonly replicas?: number
  readonly strategy?: unknown
  readonly template?: PodTemplate
  readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } }
  readonly volumeClaimTemplates?: ReadonlyArray<{
    readonly spec: { readonly resources: { readonly requests: { readonly storage: string } } }
  }>
}

const kinds = new Set(["Deployment", "StatefulSet", "Job", "CronJob"])

const workloadOf = (manifest: Manifest): Workload => {
  const spec = manifest["spec"] as WorkloadSpec
  const template = spec.template ?? spec.jobTemplate?.spec.template
  if (template === undefined) throw new Error(`${manifest.kind} ${manifest.metadata.name} has no pod template`)
  return {
    kind: manifest.kind,
    name: manifest.metadata.name,
    labels: template.metadata?.labels ?? {},
    replicas: spec.replicas,
    strategy: spec.strategy,
    pod: template.spec,
    storage: (spec.volumeClaimTemplates ?? []).map((claim) => claim.spec.resources.requests.storage)
  }
}

export const workloads = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<Workload> =>
  manifests.filter(({ kind }) => kinds.has(kind)).map(workloadOf)

export const containersOf = ({ pod }: Workload): ReadonlyArray<Container> => [
  ...(pod.initContainers ?? []),
  ...pod.containers
]
