/**
 * The Kubernetes programs and schemas that checks need, of one version, built and fetched once from the Go module proxy
 * into a cache folder. Run as a program it prepares all of them.
 */
import { spawnSync } from "node:child_process"
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { basename, delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** As `go.mod` in tools/ says. */
export const kubernetesVersion = "v1.35.4"

const goModule = fileURLToPath(new URL("../tools", import.meta.url))
const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "metka")
const programs = join(cache, `kubernetes-${kubernetesVersion}`)

/** Something of this machine is missing. The message says what, and how to come by it. */
export class ToolMissing extends Error {
  override readonly name = "ToolMissing"
}

export const onPath = (program: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

const hasKustomize5 = (kubectl: string): boolean =>
  /Kustomize Version: v5/.test(spawnSync(kubectl, ["version", "--client"], { encoding: "utf8" }).stdout)

const ownKubectl = (): string | undefined => {
  const own = onPath("kubectl")
  return own !== undefined && hasKustomize5(own) ? own : undefined
}

/**
 * What a machine without Go lacks: the schemas, or a kubectl with kustomize 5, unless they are in the cache. Undefined
 * when nothing is missing.
 */
export const missingFor = (what: "kustomize" | "overlays"): string | undefined => {
  if (onPath("go") !== undefined) return undefined
  if (ownKubectl() === undefined && !existsSync(join(programs, "kubectl"))) {
    return "no kubectl with kustomize 5 on PATH: install it, or Go, which builds one"
  }
  const schemas = [kubernetes, ...customResources].flatMap(copiesOf)
  return what === "kustomize" || schemas.every(({ copy }) => existsSync(copy))
    ? undefined
    : "no go on PATH to fetch the schemas: install Go 1.25 or newer"
}

const go = (args: ReadonlyArray<string>, cwd: string): string => {
  const program = onPath("go")
  if (program === undefined) throw new ToolMissing("no go on PATH: install Go 1.25 or newer (https://go.dev/dl)")
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, CGO_ENABLED: "0" },
    maxBuffer: 64 * 1024 * 1024
  })
  if (status !== 0) throw new ToolMissing(`go ${args.join(" ")}: ${stderr.trim().split("\n").slice(-8).join("\n")}`)
  return stdout
}

/** In two steps, so that a file that is there is whole, whoever was killed while making it. */
const appear = (file: string, make: (unfinished: string) => void): string => {
  if (existsSync(file)) return file
  const unfinished = `${file}.${process.pid}`
  try {
    make(unfinished)
    renameSync(unfinished, file)
  } finally {
    rmSync(unfinished, { force: true })
  }
  return file
}

/** Builds it unless it has been built. The first one takes minutes, for most of it is shared. */
const program = (name: "kubectl" | "kube-apiserver"): string => {
  mkdirSync(programs, { recursive: true })
  return appear(join(programs, name), (unfinished) => {
    process.stderr.write(`building ${name} ${kubernetesVersion}, which takes minutes …\n`)
    go(["build", "-trimpath", "-ldflags=-s -w", "-o", unfinished, `k8s.io/kubernetes/cmd/${name}`], goModule)
  })
}

export const kubeApiserver = (): string => program("kube-apiserver")

/** The machine's own if its kustomize is of the version these overlays are written for. */
export const kubectl = (): string => ownKubectl() ?? program("kubectl")

export const etcd = (): string => {
  const found = onPath("etcd")
  if (found === undefined) throw new ToolMissing("no etcd on PATH: install it (Debian: apt-get install etcd-server)")
  return found
}

interface Schemas {
  readonly module: string
  readonly version: string
  readonly files: ReadonlyArray<string>
}

const customResources: ReadonlyArray<Schemas> = [
  {
    module: "github.com/kedacore/keda/v2",
    version: "v2.21.0",
    files: ["config/crd/bases/keda.sh_scaledobjects.yaml", "config/crd/bases/keda.sh_triggerauthentications.yaml"]
  },
  {
    module: "github.com/prometheus-operator/prometheus-operator",
    version: "v0.85.0",
    files: ["prometheusrules", "servicemonitors"].map(
      (kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`
    )
  },
  {
    module: "github.com/external-secrets/external-secrets",
    version: "v1.3.2",
    files: ["externalsecrets", "secretstores"].map((kind) => `config/crds/bases/external-secrets.io_${kind}.yaml`)
  },
  {
    module: "github.com/cloudnative-pg/cloudnative-pg",
    version: "v1.27.0",
    files: ["config/crd/bases/postgresql.cnpg.io_clusters.yaml"]
  }
]

const kubernetes: Schemas = {
  module: "k8s.io/kubernetes",
  version: kubernetesVersion,
  files: ["api/openapi-spec/swagger.json"]
}

const copiesOf = ({ module, version, files }: Schemas) => {
  const folder = join(cache, "schemas", `${module.replaceAll("/", "_")}@${version}`)
  return files.map((file) => ({ file, copy: join(folder, basename(file)) }))
}

const fetched = (schemas: Schemas): ReadonlyArray<string> => {
  const copies = copiesOf(schemas)
  if (copies.some(({ copy }) => !existsSync(copy))) {
    for (const { copy } of copies) mkdirSync(dirname(copy), { recursive: true })
    const { Dir }: { readonly Dir: string } = JSON.parse(
      go(["mod", "download", "-json", `${schemas.module}@${schemas.version}`], cache)
    )
    for (const { copy, file } of copies) appear(copy, (unfinished) => copyFileSync(join(Dir, file), unfinished))
  }
  return copies.map(({ copy }) => copy)
}

/** Kubernetes's own OpenAPI description. */
export const openApiFile = (): string => fetched(kubernetes)[0] ?? ""

/**
 * The definitions of every custom resource that an overlay uses. Strimzi has its own in no package: strimzi.yaml has
 * the part that is used.
 */
export const customResourceFiles = (): ReadonlyArray<string> => [
  ...customResources.flatMap(fetched),
  fileURLToPath(new URL("../test/strimzi.yaml", import.meta.url))
]

if (import.meta.main) {
  for (const file of [kubectl(), kubeApiserver(), openApiFile(), ...customResourceFiles()]) {
    process.stdout.write(`${file}\n`)
  }
}
