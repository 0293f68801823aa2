import { assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import { setTimeout } from "node:timers/promises"
import { build, manifestsOf, type Overlay, overlays } from "../src/manifests.ts"
import { customResourceFiles, ToolMissing } from "../src/tools.ts"
import { workloads } from "../src/workloads.ts"
import { type ApiServer, startApiServer } from "./ApiServer.ts"

const isCi = ["true", "1"].includes(process.env["CI"] ?? "")

const documents = (items: ReadonlyArray<object>): string => JSON.stringify({ apiVersion: "v1", kind: "List", items })

/** Pods name one, and no controller makes the default one here. */
const defaultAccount = documents([
  { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "metka" } }
])

/** The pods that controllers would make. */
const podsOf = (overlay: Overlay): string =>
  documents(
    workloads(manifestsOf(overlay)).map(({ labels, name, pod }) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "metka", labels },
      // A claim's volume is the controller's to name.
      spec: { ...pod, containers: pod.containers.map((container) => ({ ...container, volumeMounts: [] })) }
    }))
  )

const namespaceOf = (overlay: Overlay) => manifestsOf(overlay).filter(({ kind }) => kind === "Namespace")

const withoutNamespace = (overlay: Overlay): string =>
  documents(manifestsOf(overlay).filter(({ kind }) => kind !== "Namespace"))

describe("A Kubernetes API server", { timeout: 120_000 }, () => {
  let server: ApiServer
  let missing: string | undefined
  beforeEach(({ skip }) => skip(missing !== undefined, missing))
  beforeAll(async () => {
    try {
      server = await startApiServer()
    } catch (error) {
      if (!(error instanceof ToolMissing) || isCi) throw error
      missing = error.message
      return undefined
    }
    for (const file of customResourceFiles()) {
      const { status, stderr } = server.kubectl(["apply", "--server-side", "-f", file])
      assert.strictEqual(status, 0, stderr)
    }
    for (const { status, stderr } of [
      server.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]),
      server.kubectl(["apply", "-f", "-"], documents(namespaceOf("local"))),
      server.kubectl(["apply", "-f", "-"], defaultAccount)
    ]) {
      assert.strictEqual(status, 0, stderr)
    }
    // Admission learns of the namespace's labels from a cache.
    for (let tries = 0; server.kubectl(["-n", "metka", "get", "sa", "default"]).status !== 0; tries++) {
      assert.isBelow(tries, 50)
      await setTimeout(100)
    }
    return server.stop
  }, 900_000)

  it("enforces Pod Security: what is not restricted is refused", () => {
    const { status, stderr } = server.kubectl(
      ["create", "--dry-run=server", "-f", "-"],
      documents([
        {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: "root", namespace: "metka" },
          spec: { containers: [{ name: "root", image: "metka", securityContext: { runAsUser: 0 } }] }
        }
      ])
    )
    assert.notStrictEqual(status, 0)
    assert.match(stderr, /violates PodSecurity "restricted/)
  })

  for (const overlay of overlays) {
    it(`takes all of ${overlay}, without a warning`, ({ onTestFinished }) => {
      // Another overlay has some of the same names, and changes what cannot be changed.
      onTestFinished(() => {
        const { status, stderr } = server.kubectl(["delete", "--wait=false", "-f", "-"], withoutNamespace(overlay))
        assert.strictEqual(status, 0, stderr)
      })
      const applied = server.kubectl(["apply", "--server-side", "-f", "-"], build(overlay).text)
      assert.strictEqual(applied.stderr, "")
      assert.strictEqual(applied.status, 0)
      const pods = server.kubectl(["create", "--dry-run=server", "-f", "-"], podsOf(overlay))
      assert.strictEqual(pods.stderr, "")
      assert.strictEqual(pods.status, 0)
      // Again, as an operator does who changed nothing.
      const again = server.kubectl(["apply", "--server-side", "-f", "-"], build(overlay).text)
      assert.strictEqual(again.stderr, "")
    })
  }
})
