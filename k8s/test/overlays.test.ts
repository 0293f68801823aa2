import { assert, describe, it } from "@effect/vitest"
import { createStatements, databaseRoles } from "@metka/cli/roles"
import { maxConnections } from "@metka/core/Database"
import { rightsOfPage } from "@metka/testing/aclsOfPage"
import { deployedBrokerSettings, deployedSettings } from "@metka/testing/servers"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { quantity } from "../cost/quantity.ts"
import { build, type Manifest, type Overlay, overlays } from "../src/manifests.ts"
import { makeValidate } from "../src/schemas.ts"
import { missingFor } from "../src/tools.ts"
import { containersOf, type Workload, workloads } from "../src/workloads.ts"
import { builtOverlays } from "./builtOverlays.ts"

const isCi = ["true", "1"].includes(process.env["CI"] ?? "")
const missing = isCi ? undefined : missingFor("overlays")

/** The paths that a service serves, and as whom it may run: packages/core/src/HttpServer.ts and the Dockerfile. */
const [live, ready] = ["/health/live", "/health/ready"]

/** A topic has so many, and a consumer more than that would have nothing to do: .env.example. */
const partitions = 6

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

/** The components that README.md leaves out at first: of each place that does so. */
const selectors = [...readme.matchAll(/component notin \(([^)]+)\)/g)].map(([, list = ""]) => list.split(", "))

const leftOut = [...new Set(selectors.flat())]

/** Whole manifests that it has for others to apply. */
const examples = [...readme.matchAll(/```yaml\n([^`]*)```/g)]
  .map(([, text = ""]): Partial<Manifest> => parse(text))
  .filter((example): example is Manifest => example.kind !== undefined && example.apiVersion !== undefined)

describe("The overlays", () => {
  const { all, ofKind } = builtOverlays(missing)
  const isOurs = ({ labels }: Workload) => labels["app.kubernetes.io/name"] === "metka"
  const ours = (overlay: Overlay) => workloads(all(overlay)).filter(isOurs)
  const isService = ({ kind, labels }: Workload) =>
    kind === "Deployment" && labels["app.kubernetes.io/component"] !== "operator"
  const services = (overlay: Overlay) => ours(overlay).filter(isService)

  interface PolicySpec {
    readonly podSelector: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly ingress?: ReadonlyArray<unknown>
    readonly egress?: ReadonlyArray<{ readonly to?: unknown }>
  }
  const policiesOf = (overlay: Overlay) =>
    ofKind(overlay, "NetworkPolicy").map(({ metadata, spec }) => ({ metadata, spec: spec as PolicySpec }))

  it("are as Kubernetes and the custom resources describe them, like those in README.md, without a field that nobody knows", () => {
    const validate = makeValidate()
    assert.deepStrictEqual(
      overlays.flatMap((overlay) => all(overlay).flatMap((manifest) => validate(manifest))),
      []
    )
    assert.sameMembers(
      examples.map(({ kind }) => kind),
      ["KafkaUser", "NetworkPolicy"]
    )
    assert.deepStrictEqual(
      examples.flatMap((manifest) => validate(manifest)),
      []
    )
    // And the check is one: a field that is misspelt is found.
    const [service] = ofKind("local", "Service")
    assert.isDefined(service)
    assert.lengthOf(validate({ ...service, spec: { selectr: {} } }), 1)
  }, 120_000)

  for (const overlay of overlays) {
    describe(overlay, () => {
      it("builds without a warning of kustomize", () => {
        assert.strictEqual(build(overlay).warnings, "")
      })

      it("gives a PostgreSQL of its own the settings that it is measured with", () => {
        const containers = workloads(all(overlay))
          .filter(({ name }) => name === "postgres")
          .flatMap(containersOf)
        const clusters = ofKind(overlay, "Cluster").filter(({ metadata }) => metadata.name === "metka-postgres")
        for (const [name, value] of Object.entries(deployedSettings)) {
          for (const container of containers) assert.include(JSON.stringify(container), `"${name}=${value}"`)
          for (const { spec } of clusters) assert.include(JSON.stringify(spec), `"${name}":"${value}"`)
        }
        assert.strictEqual(containers.length + clusters.length, overlay === "yandex" ? 0 : 1)
      })

      it("keeps everything in one namespace, where Pod Security is restricted", () => {
        const [namespace, ...others] = ofKind(overlay, "Namespace")
        assert.isEmpty(others)
        assert.strictEqual(namespace?.metadata.name, "metka")
        for (const mode of ["enforce", "warn", "audit"]) {
          assert.strictEqual(namespace?.metadata.labels?.[`pod-security.kubernetes.io/${mode}`], "restricted")
        }
        for (const { kind, metadata } of all(overlay)) {
          if (kind !== "Namespace") assert.strictEqual(metadata.namespace, "metka", `${kind} ${metadata.name}`)
        }
      })

      it("runs no container as root, with a privilege, or from an image of no exact version", () => {
        for (const workload of workloads(all(overlay))) {
          assert.isTrue(workload.pod.securityContext?.runAsNonRoot, workload.name)
          for (const { image, name, securityContext } of containersOf(workload)) {
            assert.isFalse(securityContext?.allowPrivilegeEscalation, name)
            assert.deepStrictEqual(securityContext?.capabilities?.drop, ["ALL"], name)
            assert.match(image, /:\d+\.\d+|@sha256:[0-9a-f]{64}$/, `${name} names a version or a digest`)
          }
        }
      })

      it("gives Metka a root file system it cannot write to, and no way to the Kubernetes API", () => {
        assert.isNotEmpty(ours(overlay))
        for (const workload of ours(overlay)) {
          assert.isFalse(workload.pod.automountServiceAccountToken, workload.name)
          assert.strictEqual(workload.pod.serviceAccountName, "metka")
          for (const { name, securityContext } of containersOf(workload)) {
            assert.isTrue(securityContext?.readOnlyRootFilesystem, `${workload.name}/${name}`)
          }
        }
      })

      it("says of every container how much it needs and how much it may take", () => {
        for (const workload of workloads(all(overlay))) {
          for (const { name, resources } of containersOf(workload)) {
            for (const value of [resources?.requests, resources?.limits]) {
              assert.isDefined(value?.cpu, `${workload.name}/${name}`)
              assert.isDefined(value?.memory, `${workload.name}/${name}`)
            }
          }
        }
      })

      it("probes the endpoints that there are, and restarts nothing because a server is down", () => {
        assert.isNotEmpty(services(overlay))
        for (const { name, pod } of services(overlay)) {
          const [container] = pod.containers
          assert.strictEqual(container?.startupProbe?.httpGet?.path, live, name)
          assert.strictEqual(container?.livenessProbe?.httpGet?.path, live, name)
          assert.strictEqual(container?.readinessProbe?.httpGet?.path, ready, name)
          const ports = (container?.ports ?? []).map((port) => port.name)
          for (const probe of [container?.startupProbe, container?.livenessProbe, container?.readinessProbe]) {
            assert.include(ports, probe?.httpGet?.port ?? "none")
          }
        }
      })

      it("gives a process longer to end than it takes", () => {
        for (const { name, pod } of services(overlay)) {
          // A batch gets 0.85 s (packages/core/src/Pipeline.ts), and the process ends within 1.8 s (Service.ts).
          assert.isAtLeast(pod.terminationGracePeriodSeconds ?? 0, 10, name)
        }
      })

      it("holds no password: whatever is secret comes from a Secret that is not in the manifests", () => {
        assert.isEmpty(ofKind(overlay, "Secret"))
        for (const workload of workloads(all(overlay))) {
          for (const { env = [], name } of containersOf(workload)) {
            for (const { name: variable, value } of env) {
              if (/PASSWORD|SECRET|TOKEN|DATABASE_URL|REDIS_URL/.test(variable)) {
                assert.isUndefined(value, `${workload.name}/${name} ${variable}`)
              }
            }
          }
        }
        for (const { metadata, ...map } of ofKind(overlay, "ConfigMap")) {
          assert.notMatch(JSON.stringify(map["data"]), /:\/\/[^/"]*:[^/"]*@/, metadata.name)
        }
      })

      it("gives each service a Secret of its own, so that none has the rights of another", () => {
        const secrets = ours(overlay).map(({ pod }) =>
          (pod.containers[0]?.envFrom ?? []).flatMap(({ secretRef }) => secretRef?.name ?? [])
        )
        assert.strictEqual(new Set(secrets.flat()).size, secrets.flat().length)
        for (const names of secrets) assert.lengthOf(names, 1)
      })

      it("lets nothing in or out of a pod but what a policy names", () => {
        const policies = ofKind(overlay, "NetworkPolicy").map(({ metadata, spec }) => ({ metadata, spec }))
        const deny = policies.find(({ metadata }) => metadata.name === "default-deny")
        assert.deepStrictEqual(deny?.spec, { podSelector: {}, policyTypes: ["Ingress", "Egress"] })
        for (const { metadata, spec } of policies) {
          if (metadata.name === "default-deny") continue
          assert.notMatch(JSON.stringify(spec), /"(ingress|egress)":\[\{\}/, `${metadata.name} opens everything`)
        }
      })

      it("lets nothing call wherever it likes but what watches the Kubernetes API, whose address is the cloud's", () => {
        const anywhere = policiesOf(overlay).filter(({ spec }) => spec.egress?.some(({ to }) => to === undefined))
        assert.sameMembers(
          anywhere.map(({ metadata }) => metadata.name),
          overlay === "portable" ? ["kafka-entity-operator", "postgres"] : []
        )
      })
    })
  }

  for (const overlay of ["local", "budget", "portable"] as const) {
    it(`${overlay}: clients of Kafka and Redis need no more than their label, in the namespace metka too`, () => {
      const servers = JSON.stringify([
        ...policiesOf(overlay).map(({ spec }) => spec.ingress ?? []),
        ...ofKind(overlay, "Kafka")
      ])
      for (const label of ["metka/kafka-client", "metka/redis-client"]) {
        assert.include(servers, `{"namespaceSelector":{},"podSelector":{"matchLabels":{"${label}":"true"}}}`)
        assert.lengthOf(
          policiesOf(overlay).filter(
            ({ spec }) => spec.egress !== undefined && spec.podSelector.matchLabels?.[label] === "true"
          ),
          1,
          label
        )
      }
    })
  }

  for (const overlay of ["local", "budget"] as const) {
    const broker = (overlay: Overlay) => {
      const [kafka] = workloads(all(overlay)).filter(({ name }) => name === "kafka")
      const env = new Map(kafka?.pod.containers[0]?.env?.map(({ name, value = "" }) => [name, value]))
      return { volume: quantity(kafka?.storage[0] ?? "none"), setting: (name: string) => env.get(name) ?? "none" }
    }

    it(`${overlay}: the broker calls itself by a name that pods of other namespaces find`, () => {
      assert.strictEqual(broker(overlay).setting("KAFKA_ADVERTISED_LISTENERS"), "PLAINTEXT://kafka.metka.svc:9092")
    })

    it(`${overlay}: the broker has the settings that it is measured with`, () => {
      for (const [name, value] of Object.entries(deployedBrokerSettings)) {
        assert.strictEqual(broker(overlay).setting(`KAFKA_${name.toUpperCase().replaceAll(".", "_")}`), value)
      }
    })

    it(`${overlay}: full topics leave room on the broker's volume for what it keeps of its own`, () => {
      const { setting, volume } = broker(overlay)
      const ofPartition = quantity(setting("KAFKA_LOG_RETENTION_BYTES")) + quantity(setting("KAFKA_LOG_SEGMENT_BYTES"))
      assert.isAtMost(4 * partitions * ofPartition, volume - 2 ** 30)
    })
  }

  for (const overlay of overlays) {
    it(`${overlay}: what a server keeps is mounted where its image declares a volume, which would hide any mount above`, () => {
      const declared: Readonly<Record<string, string>> = {
        "apache/kafka": "/var/lib/kafka/data",
        postgres: "/var/lib/postgresql/data",
        redis: "/data"
      }
      for (const { name, pod, storage } of workloads(all(overlay)).filter(({ kind }) => kind === "StatefulSet")) {
        const [container] = pod.containers
        assert.deepStrictEqual(
          container?.volumeMounts?.filter((mount) => mount.name === "data").map(({ mountPath }) => mountPath),
          storage.map(() => declared[container?.image.split(":")[0] ?? ""] ?? "not known"),
          name
        )
      }
    })
  }

  for (const overlay of ["local", "yandex", "portable"] as const) {
    describe(`${overlay}: the three services and the console`, () => {
      const names = ["metka-cdm", "metka-console", "metka-dds", "metka-stg"]

      it("are there, each with a Service", () => {
        assert.sameMembers(
          services(overlay).map(({ name }) => name),
          names
        )
        assert.includeMembers(
          ofKind(overlay, "Service").map(({ metadata }) => metadata.name),
          names
        )
      })

      it("have a PodDisruptionBudget where there is more than one replica: of one it would hold up a node", () => {
        assert.sameMembers(
          ofKind(overlay, "PodDisruptionBudget").map(({ metadata }) => metadata.name),
          names.filter((name) => name !== "metka-console")
        )
      })

      it("do not hold up a node while a server is away and no replica is ready", () => {
        for (const { spec } of ofKind(overlay, "PodDisruptionBudget")) {
          assert.propertyVal(spec, "unhealthyPodEvictionPolicy", "AlwaysAllow")
        }
      })

      it("can be left out by their label, so that the migration is applied and done before them", () => {
        const components = leftOut.filter((component) => component !== "migrate")
        const first = all(overlay).filter(
          ({ metadata }) => !components.includes(metadata.labels?.["app.kubernetes.io/component"] ?? "")
        )
        const names = (kind: string) =>
          first.filter((manifest) => manifest.kind === kind).map(({ metadata }) => metadata.name)
        assert.deepStrictEqual(names("Deployment"), ["metka-operator"])
        assert.deepStrictEqual(names("Job"), ["metka-migrate"])
        assert.isEmpty(names("ScaledObject"), "a scaler comes with what it scales")
        for (const kind of ["ServiceAccount", "ConfigMap", "NetworkPolicy"]) assert.isNotEmpty(names(kind), kind)
      })

      it("have a Secret each that README.md says how to fill", () => {
        for (const { name, pod } of ours(overlay)) {
          for (const { secretRef } of pod.containers[0]?.envFrom ?? []) {
            if (secretRef !== undefined) assert.include(readme, `\`${secretRef.name}\``, name)
          }
        }
      })

      it("have an operator's pod beside them, at rest, with the rights of the operator", () => {
        const [operator, ...others] = ours(overlay).filter(({ name }) => name === "metka-operator")
        assert.isEmpty(others)
        assert.strictEqual(operator?.replicas, 0)
        assert.deepStrictEqual(
          operator?.pod.containers[0]?.envFrom?.flatMap(({ secretRef }) => secretRef?.name ?? []),
          ["metka-operator"]
        )
      })

      it("are replaced one by one, the new one ready before the old one goes", () => {
        for (const { name, strategy } of services(overlay)) {
          assert.deepStrictEqual(
            strategy,
            { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
            name
          )
        }
      })

      it("are spread over nodes and zones", () => {
        for (const { name, pod } of services(overlay)) {
          assert.deepStrictEqual(
            pod.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey),
            ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
            name
          )
        }
      })
    })
  }

  it("README.md leaves out, and waits for, every service in every place", () => {
    const components = services("portable").map(({ labels }) => labels["app.kubernetes.io/component"])
    assert.isNotEmpty(selectors)
    for (const list of selectors) {
      assert.sameMembers(
        list.filter((component) => component !== "migrate"),
        components
      )
    }
    const [, waitedFor = ""] = /for service in ([a-z ]+); do kubectl -n metka rollout status/.exec(readme) ?? []
    assert.sameMembers(waitedFor.split(" "), components)
  })

  it("yandex: every Secret that a pod reads comes from the Lockbox secret of its name, with what README.md says", () => {
    interface ExternalSecretSpec {
      readonly target: { readonly name: string }
      readonly data: ReadonlyArray<{
        readonly secretKey: string
        readonly remoteRef: { readonly key: string; readonly property: string }
      }>
    }
    const external = ofKind("yandex", "ExternalSecret").map(({ spec }) => spec as ExternalSecretSpec)
    const keys = new Map(external.map(({ data, target }) => [target.name, data.map(({ secretKey }) => secretKey)]))
    const kafka = ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"]
    assert.deepStrictEqual(Object.fromEntries(keys), {
      "metka-migrate": ["DATABASE_URL"],
      "metka-stg": ["DATABASE_URL", "REDIS_URL", ...kafka],
      "metka-dds": ["DATABASE_URL", ...kafka],
      "metka-cdm": ["DATABASE_URL", ...kafka],
      "metka-console": ["DATABASE_URL"],
      "metka-operator": ["DATABASE_URL", "REDIS_URL", ...kafka],
      "kafka-ca": ["ca.crt"]
    })
    for (const { data, target } of external) {
      for (const { remoteRef, secretKey } of data) {
        assert.deepStrictEqual(remoteRef, { key: target.name.replace("kafka-ca", "metka-ca"), property: secretKey })
      }
    }
  })

  interface ScaledObjectSpec {
    readonly scaleTargetRef: { readonly name: string }
    readonly minReplicaCount: number
    readonly maxReplicaCount: number
    readonly triggers: ReadonlyArray<{ readonly type: string; readonly metadata: Readonly<Record<string, string>> }>
  }

  for (const overlay of ["yandex", "portable"] as const) {
    describe(`${overlay}: in the cloud`, () => {
      it("as many replicas as the lag of the service's own topic and group asks for, at most one a partition", () => {
        const scaled = ofKind(overlay, "ScaledObject").map(({ spec }) => spec as ScaledObjectSpec)
        assert.deepStrictEqual(
          scaled.map(({ scaleTargetRef, triggers }) => [
            scaleTargetRef.name,
            ...triggers.flatMap(({ metadata, type }) => [type, metadata["topic"], metadata["consumerGroup"]])
          ]),
          [
            ["metka-cdm", "kafka", "cdm-service-stats", "cdm-service"],
            ["metka-dds", "kafka", "stg-service-orders", "dds-service"],
            ["metka-stg", "kafka", "order-service_orders", "stg-service"]
          ]
        )
        for (const { maxReplicaCount, minReplicaCount } of scaled) {
          assert.isAtLeast(minReplicaCount, 2)
          assert.isAtMost(maxReplicaCount, partitions)
        }
        // A number in the Deployment would undo the scaler's at each apply.
        for (const { name, replicas } of services(overlay)) assert.isUndefined(replicas, name)
      })

      it("Prometheus finds the services and has alerts", () => {
        assert.lengthOf(ofKind(overlay, "ServiceMonitor"), 1)
        assert.isNotEmpty(ofKind(overlay, "PrometheusRule"))
      })

      it("alerts and dashboard know the job of every Service that is scraped", () => {
        const jobs = [
          JSON.stringify(ofKind(overlay, "PrometheusRule")),
          ...ofKind(overlay, "ConfigMap").flatMap(
            (manifest) => (manifest["data"] as Readonly<Record<string, string>>)["metka.json"] ?? []
          )
        ].map((text) => [...text.matchAll(/job=~\\+"([^"\\]+)\\+"/g)].map(([, job]) => new RegExp(`^(${job})$`)))
        assert.lengthOf(jobs, 2)
        const scraped = ofKind(overlay, "Service").filter(
          ({ metadata }) => metadata.labels?.["app.kubernetes.io/name"] === "metka"
        )
        for (const patterns of jobs) {
          assert.isNotEmpty(patterns)
          for (const pattern of patterns) for (const { metadata } of scraped) assert.match(metadata.name, pattern)
        }
      })

      it("Prometheus leaves the labels of Metka as they are: `service` is stg, dds or cdm to alerts and dashboard", () => {
        const endpoints = ofKind(overlay, "ServiceMonitor").flatMap(
          ({ spec }) => (spec as { readonly endpoints: ReadonlyArray<{ readonly honorLabels?: boolean }> }).endpoints
        )
        assert.isNotEmpty(endpoints)
        for (const { honorLabels } of endpoints) assert.isTrue(honorLabels)
      })

      it("Kafka is over TLS, and asks for a password", () => {
        const data = ofKind(overlay, "ConfigMap").map(
          (manifest) => manifest["data"] as Readonly<Record<string, string>>
        )
        const configuration = data.find((each) => each["KAFKA_BROKERS"] !== undefined)
        assert.strictEqual(configuration?.["KAFKA_SSL"], "true")
        assert.strictEqual(configuration?.["KAFKA_SASL_MECHANISM"], "scram-sha-512")
      })
    })
  }

  for (const overlay of ["yandex", "portable"] as const) {
    it(`${overlay}: the brokers have names that KEDA finds from its own namespace`, () => {
      const data = ofKind(overlay, "ConfigMap").map((manifest) => manifest["data"] as Readonly<Record<string, string>>)
      const brokers = data.flatMap((each) => each["KAFKA_BROKERS"]?.split(",") ?? [])
      assert.isNotEmpty(brokers)
      for (const broker of brokers) assert.match(broker, /^[^.]+\.(metka\.svc|.+\.net):\d+$/)
    })
  }

  it("portable: full topics leave room on each broker's volume, which has a replica of every partition", () => {
    const ofTopic = ofKind("portable", "KafkaTopic").map(({ spec }) => {
      const { config, partitions } = spec as { readonly config: Readonly<Record<string, number>>; partitions: number }
      return partitions * ((config["retention.bytes"] ?? Infinity) + (config["segment.bytes"] ?? Infinity))
    })
    const [pool] = ofKind("portable", "KafkaNodePool").map(
      ({ spec }) => spec as { readonly storage: { readonly volumes: ReadonlyArray<{ readonly size: string }> } }
    )
    assert.isAtMost(
      ofTopic.reduce((sum, bytes) => sum + bytes, 0),
      quantity(pool?.storage.volumes[0]?.size ?? "none") - 2 ** 31
    )
  })

  it("portable: PostgreSQL has connections for all replicas at once, for new ones beside old, for people and for BI", () => {
    const scaled = ofKind("portable", "ScaledObject").map(({ spec }) => spec as ScaledObjectSpec)
    // A rollout has a quarter more of them for a while. Beside them: the console, the operator, the migration.
    const processes = scaled.reduce((sum, { maxReplicaCount }) => sum + Math.ceil(1.25 * maxReplicaCount), 3)
    const ofBi = Number(/connection limit (\d+)/.exec(databaseRoles.map(({ options }) => options).join())?.[1])
    const [postgres] = ofKind("portable", "Cluster").map(
      ({ spec }) => spec as { readonly postgresql: { readonly parameters: Readonly<Record<string, string>> } }
    )
    assert.isAtLeast(Number(postgres?.postgresql.parameters["max_connections"]), processes * maxConnections + ofBi)
  })

  it("portable: topics as many partitions as the scaler counts on, each message on two brokers at least", () => {
    for (const { metadata, spec } of ofKind("portable", "KafkaTopic")) {
      const topic = spec as { readonly partitions: number; readonly replicas: number }
      assert.deepStrictEqual([topic.partitions, topic.replicas], [partitions, 3], metadata.name)
    }
    assert.lengthOf(ofKind("portable", "KafkaTopic"), 4)
  })

  it("portable: no two brokers or instances of PostgreSQL share a node, and they spread over the zones that there are", () => {
    interface SpreadSpec {
      readonly topologySpreadConstraints?: ReadonlyArray<{
        readonly topologyKey: string
        readonly whenUnsatisfiable: string
      }>
      readonly kafka?: { readonly template: { readonly pod: SpreadSpec } }
    }
    for (const kind of ["Kafka", "Cluster"]) {
      const [spec] = ofKind("portable", kind).map((manifest) => manifest["spec"] as SpreadSpec)
      const { topologySpreadConstraints } = spec?.kafka?.template.pod ?? spec ?? {}
      assert.deepStrictEqual(
        topologySpreadConstraints?.map(({ topologyKey, whenUnsatisfiable }) => [topologyKey, whenUnsatisfiable]),
        [
          ["kubernetes.io/hostname", "DoNotSchedule"],
          ["topology.kubernetes.io/zone", "ScheduleAnyway"]
        ],
        kind
      )
    }
  })

  interface KafkaUserSpec {
    readonly authorization: {
      readonly acls: ReadonlyArray<{
        readonly resource: { readonly type: string; readonly name: string }
        readonly operations: ReadonlyArray<string>
      }>
    }
  }

  it("portable: users of Kafka may do what docs/kafka-acls.md gives them, and nothing else", async () => {
    const given = ofKind("portable", "KafkaUser").flatMap(({ metadata, spec }) =>
      (spec as KafkaUserSpec).authorization.acls.flatMap(({ operations, resource }) =>
        operations
          // Read and Write include it.
          .filter((operation) => operation !== "Describe" || operations.length === 1)
          .map((operation) => `${metadata.name} ${operation} ${resource.type} ${resource.name}`)
      )
    )
    const page = await Effect.runPromise(rightsOfPage)
    assert.sameMembers(
      given,
      page.map(({ name, operation, resource, user }) =>
        `${user} ${operation} ${resource} ${name}`.replace(/^metka/, "kafka")
      )
    )
  })

  it("portable: the reader of BI has the limits that `metka roles` sets, whoever makes it", () => {
    interface ClusterSpec {
      readonly bootstrap: { readonly initdb: { readonly postInitSQL: ReadonlyArray<string> } }
    }
    assert.deepStrictEqual(
      ofKind("portable", "Cluster").flatMap(({ spec }) => (spec as ClusterSpec).bootstrap.initdb.postInitSQL),
      databaseRoles.filter(({ name }) => name === "metka_bi").flatMap(createStatements)
    )
  })

  describe("budget", () => {
    const ranges = [
      "178.154.242.128/28",
      "178.154.242.144/28",
      "178.154.242.160/28",
      "178.154.242.176/28",
      "178.154.242.192/28",
      "178.154.242.208/28",
      "130.193.60.0/28"
    ]

    it("is one process of Metka, which migrates by itself", () => {
      assert.deepStrictEqual(
        ours("budget").map(({ name }) => name),
        ["metka-all"]
      )
      assert.isEmpty(ofKind("budget", "Job"))
    })

    it("opens PostgreSQL to DataLens's address ranges, and to nobody else outside", () => {
      const blocks = JSON.stringify(
        ofKind("budget", "NetworkPolicy").flatMap(({ spec }) => {
          const { ingress } = spec as { readonly ingress?: unknown }
          return ingress ?? []
        })
      ).matchAll(/"cidr":"([^"]+)"/g)
      assert.sameMembers(
        [...blocks].map(([, cidr]) => cidr),
        ranges
      )
      const outside = ofKind("budget", "Service").filter(
        ({ spec }) => !["ClusterIP", undefined].includes((spec as { readonly type?: string }).type)
      )
      assert.deepStrictEqual(
        outside.map(({ metadata }) => metadata.name),
        ["postgres-datalens"]
      )
    })

    it("lets DataLens in over TLS only, and as the reader of the views only", () => {
      const [hba] = ofKind("budget", "ConfigMap").flatMap(
        (manifest) => (manifest["data"] as Readonly<Record<string, string>>)["pg_hba.conf"] ?? []
      )
      const lines = (hba ?? "").split("\n").map((line) => line.split(/\s+/))
      const fromOutside = lines.filter(
        ([type, , , address]) => type?.startsWith("host") && ranges.includes(address ?? "")
      )
      assert.sameMembers(
        fromOutside.map(([, , , address]) => address ?? ""),
        ranges
      )
      for (const [type, , user, , method] of fromOutside) {
        assert.deepStrictEqual([type, user, method], ["hostssl", "metka_bi", "scram-sha-256"])
      }
      const [postgres] = workloads(all("budget")).filter(({ name }) => name === "postgres")
      assert.include(JSON.stringify(postgres?.pod.containers), "ssl=on")
    })

    it("keeps out of a dump which processes run: after a restore they would be shown as silent", () => {
      const [backup] = workloads(all("budget")).filter(({ kind }) => kind === "CronJob")
      const backedUp = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
      for (const text of [JSON.stringify(backup?.pod.containers), readme, backedUp]) {
        assert.match(text, /pg_dump [^"]*--exclude-table-data=ops\.service_instances/)
      }
    })
  })
})
