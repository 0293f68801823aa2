import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { type Manifest, type Overlay, overlays } from "../src/manifests.ts"
import { isSelected, openingsOf } from "../src/networkPolicies.ts"
import { missingFor } from "../src/tools.ts"
import { type Workload, workloads } from "../src/workloads.ts"
import { builtOverlays } from "./builtOverlays.ts"

const isCi = ["true", "1"].includes(process.env["CI"] ?? "")
const missing = isCi ? undefined : missingFor("kustomize")

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const namespace = (name: string) => ({ matchLabels: { "kubernetes.io/metadata.name": name } })

describe("A selector of labels", () => {
  const component = (operator: "In" | "NotIn" | "Exists" | "DoesNotExist", ...values: ReadonlyArray<string>) =>
    isSelected({ matchExpressions: [{ key: "component", operator, values }] }, { component: "console" })

  it("selects as Kubernetes does", () => {
    assert.isTrue(isSelected({}, {}))
    assert.isTrue(isSelected({ matchLabels: { a: "1" } }, { a: "1", b: "2" }))
    assert.isFalse(isSelected({ matchLabels: { a: "1", b: "1" } }, { a: "1", b: "2" }))
    assert.deepStrictEqual(
      [component("In", "stg"), component("In", "console"), component("NotIn", "stg"), component("NotIn", "console")],
      [false, true, true, false]
    )
    assert.deepStrictEqual([component("Exists"), component("DoesNotExist")], [true, false])
    assert.isTrue(isSelected({ matchExpressions: [{ key: "a", operator: "NotIn", values: ["1"] }] }, {}))
  })
})

describe("The pages, which have no login", () => {
  const { all, ofKind } = builtOverlays(missing)

  /** The one pod that serves them: of its own, or of everything in one process. */
  const served = (overlay: Overlay): Workload => {
    const [pages, ...others] = workloads(all(overlay)).filter(({ labels }) =>
      ["console", "all"].includes(labels["app.kubernetes.io/component"] ?? "")
    )
    if (pages === undefined || others.length > 0) throw new Error(`${overlay} has not one pod of pages`)
    return pages
  }

  interface ServiceSpec {
    readonly type?: string
    readonly selector: Readonly<Record<string, string>>
    readonly ports: ReadonlyArray<{ readonly port: number; readonly targetPort: number | string }>
  }
  const servicesOf = (overlay: Overlay) =>
    ofKind(overlay, "Service").filter(({ spec }) =>
      isSelected({ matchLabels: (spec as ServiceSpec).selector }, served(overlay).labels)
    )

  for (const overlay of overlays) {
    it(`${overlay}: nobody gets in but Prometheus`, () => {
      assert.deepStrictEqual(openingsOf(all(overlay), served(overlay).labels).ingress, [
        {
          peers: [
            {
              namespaceSelector: namespace("monitoring"),
              podSelector: { matchLabels: { "app.kubernetes.io/name": "prometheus" } }
            }
          ],
          ports: ["http"]
        }
      ])
    })

    it(`${overlay}: nothing leads to them from outside of the cluster`, () => {
      for (const { metadata, spec } of servicesOf(overlay)) {
        assert.include(["ClusterIP", undefined], (spec as ServiceSpec).type, metadata.name)
      }
      for (const kind of ["Ingress", "Gateway", "HTTPRoute"]) assert.isEmpty(ofKind(overlay, kind))
      for (const { hostPort } of served(overlay).pod.containers.flatMap(({ ports = [] }) => ports)) {
        assert.isUndefined(hostPort)
      }
    })

    it(`${overlay}: README.md says by which Service and port they are opened`, () => {
      assert.deepStrictEqual(
        servicesOf(overlay).map(({ spec }) =>
          (spec as ServiceSpec).ports.map(({ port, targetPort }) => [port, targetPort])
        ),
        [[[8080, "http"]]]
      )
      for (const { metadata } of servicesOf(overlay)) {
        assert.include(readme, `-n metka port-forward service/${metadata.name} 8080\n`)
      }
    })
  }

  for (const overlay of ["local", "yandex", "portable"] as const) {
    it(`${overlay}: the console is one process of the command line's image, with a database and nothing else`, () => {
      const { name, pod, replicas } = served(overlay)
      const [{ args, envFrom = [], env = [], image, ports } = { args: [], image: "", ports: [] }] = pod.containers
      assert.deepStrictEqual([name, replicas, args], ["metka-console", undefined, ["console"]])
      assert.match(image, /(^|\/)metka:/)
      assert.deepStrictEqual(ports, [{ name: "http", containerPort: 8080 }])
      assert.deepStrictEqual(
        envFrom.flatMap(({ secretRef }) => secretRef?.name ?? []),
        ["metka-console"]
      )
      assert.isEmpty(env)
    })

    it(`${overlay}: the console gets to names, the collector and PostgreSQL, and no further`, () => {
      const postgres = {
        local: { podSelector: { matchLabels: { "app.kubernetes.io/name": "postgres" } }, port: "postgres" },
        yandex: { ipBlock: { cidr: "10.128.0.0/14" }, port: 6432 },
        portable: { podSelector: { matchLabels: { "cnpg.io/cluster": "metka-postgres" } }, port: 5432 }
      } as const
      const { port, ...peer } = postgres[overlay]
      assert.sameDeepMembers(
        [...openingsOf(all(overlay), served(overlay).labels).egress],
        [
          { peers: [{ namespaceSelector: namespace("kube-system") }], ports: [53, 53] },
          { peers: [{ namespaceSelector: namespace("monitoring") }], ports: [4318] },
          { peers: [peer], ports: [port] }
        ]
      )
    })

    it(`${overlay}: the policy of README.md lets in one proxy, to the pages and nothing else`, () => {
      const [, text = ""] = /```yaml\n([^`]*name: proxy-to-console[^`]*)```/.exec(readme) ?? []
      const policy: Manifest = parse(text)
      assert.deepStrictEqual([policy.kind, policy.metadata.namespace], ["NetworkPolicy", "metka"])
      const proxy = { matchLabels: { "app.kubernetes.io/name": "oauth2-proxy" } }
      for (const { labels, name } of workloads(all(overlay))) {
        assert.deepStrictEqual(
          openingsOf([policy], labels),
          {
            ingress:
              name === served(overlay).name
                ? [{ peers: [{ namespaceSelector: namespace("proxy"), podSelector: proxy }], ports: ["http"] }]
                : [],
            egress: []
          },
          name
        )
      }
    })
  }

  it("portable: README.md gives every user of PostgreSQL a password, and the console the one of its own", () => {
    interface ClusterSpec {
      readonly managed: { readonly roles: ReadonlyArray<{ readonly name: string; readonly login: boolean }> }
    }
    const roles = ofKind("portable", "Cluster").flatMap(({ spec }) => (spec as ClusterSpec).managed.roles)
    const [, made = ""] = /for role in ([a-z ]+); do/.exec(readme) ?? []
    assert.sameMembers(
      roles.filter(({ login }) => login).map(({ name }) => name),
      made.split(" ").map((role) => `metka_${role}`)
    )
    const [, readers = ""] =
      /^ +([a-z |]+)\) secret metka-\$role .+metka_\$role:\$password@\$postgres" ;;$/m.exec(readme) ?? []
    assert.include(readers.split(" | "), "console")
  })
})
