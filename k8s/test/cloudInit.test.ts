import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { folderOf } from "../src/manifests.ts"
import { kubernetesVersion } from "../src/tools.ts"

interface CloudConfig {
  readonly write_files: ReadonlyArray<{ readonly path: string; readonly permissions: string; readonly content: string }>
  readonly runcmd: ReadonlyArray<string>
}

describe("The machine that cloud-init makes", () => {
  const text = readFileSync(join(folderOf("budget"), "cloud-init.yaml"), "utf8")
  const { runcmd, write_files }: CloudConfig = parse(text)
  const contentOf = (file: string) => write_files.find(({ path }) => path === file)?.content ?? ""

  it("is told to by a file that cloud-init takes for one", () => {
    assert.match(text, /^#cloud-config\n/)
  })

  it("runs scripts that a shell can read", () => {
    const scripts = [...write_files.flatMap(({ content }) => (content.startsWith("#!") ? [content] : [])), ...runcmd]
    assert.lengthOf(scripts, 4)
    for (const script of scripts) {
      const { status, stderr } = spawnSync("sh", ["-n"], { input: script, encoding: "utf8" })
      assert.strictEqual(status, 0, stderr)
    }
  })

  it("has the Kubernetes that the overlays are tested on", () => {
    assert.match(contentOf("/etc/metka/deployment"), new RegExp(`^K3S_VERSION=${kubernetesVersion}\\+k3s\\d+$`, "m"))
  })

  it("carries no password: it makes them, and only root reads what could", () => {
    assert.notMatch(text, /password=[^"$]/i)
    assert.include(contentOf("/usr/local/sbin/metka-secrets"), "openssl rand")
    for (const { path, permissions } of write_files) {
      if (path !== "/etc/metka/deployment") assert.match(permissions, /00$/, path)
    }
  })
})
