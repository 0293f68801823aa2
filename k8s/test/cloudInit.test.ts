import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { folderOf } from "../src/manifests.ts"
import { kubernetesVersion } from "../src/tools.ts"

interface CloudConfig {
  readonly users: ReadonlyArray<{
    readonly name: string
    readonly sudo?: string
    readonly shell: string
    readonly ssh_authorized_keys: ReadonlyArray<string>
  }>
  readonly write_files: ReadonlyArray<{ readonly path: string; readonly permissions: string; readonly content: string }>
  readonly runcmd: ReadonlyArray<string>
}

describe("The machine that cloud-init makes", () => {
  const text = readFileSync(join(folderOf("budget"), "cloud-init.yaml"), "utf8")
  const { runcmd, users, write_files }: CloudConfig = parse(text)
  const contentOf = (file: string) => write_files.find(({ path }) => path === file)?.content ?? ""

  it("is told to by a file that cloud-init takes for one", () => {
    assert.match(text, /^#cloud-config\n/)
  })

  it("runs scripts that a shell can read", () => {
    const scripts = [...write_files.flatMap(({ content }) => (content.startsWith("#!") ? [content] : [])), ...runcmd]
    assert.lengthOf(scripts, 5)
    for (const script of scripts) {
      const { status, stderr } = spawnSync("sh", ["-n"], { input: script, encoding: "utf8" })
      assert.strictEqual(status, 0, stderr)
    }
  })

  it("notices a download that failed: none goes straight into a shell", () => {
    assert.notMatch(text, /\|[^|\n]*\bsh\b/)
  })

  it("has the Kubernetes that the overlays are tested on", () => {
    assert.match(contentOf("/etc/metka/deployment"), new RegExp(`^K3S_VERSION=${kubernetesVersion}\\+k3s\\d+$`, "m"))
  })

  it("carries no password: it makes them, and only root reads what could", () => {
    assert.notMatch(text, /password=[^"$]/i)
    assert.include(contentOf("/usr/local/sbin/metka-secrets"), "openssl rand")
    for (const { path, permissions } of write_files) {
      if (!["/etc/metka/deployment", "/etc/systemd/system/metka-way-in.service"].includes(path)) {
        assert.match(permissions, /00$/, path)
      }
    }
  })

  it("lets the app through to Kafka and Redis, and to nothing else: no shell, no other port", () => {
    const [operator, app, ...others] = users
    assert.isEmpty(others)
    assert.isDefined(operator?.sudo)
    assert.isUndefined(app?.sudo)
    assert.strictEqual(app?.shell, "/usr/sbin/nologin")
    const ports = [...contentOf("/usr/local/sbin/metka-way-in").matchAll(/^keep \w+ (\d+) &$/gm)].map(
      ([, port]) => port
    )
    assert.lengthOf(ports, 2)
    for (const key of app?.ssh_authorized_keys ?? []) {
      const opens = ports.map((port) => `,permitopen="127.0.0.1:${port}"`).join("")
      assert.isTrue(key.startsWith(`restrict,port-forwarding${opens} ssh-`), key)
    }
    assert.lengthOf(app?.ssh_authorized_keys ?? [], 1)
  })
})
