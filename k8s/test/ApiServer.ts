/** A Kubernetes API server over an etcd, without anything that would run a pod: it accepts, refuses and warns. */
import { generateKeyPairSync } from "node:crypto"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { etcd, kubeApiserver, kubectl } from "../src/tools.ts"

export interface Answer {
  readonly status: number | null
  readonly stdout: string
  /** Warnings of the API server, and errors. */
  readonly stderr: string
}

export interface ApiServer {
  /** Runs kubectl against it. */
  readonly kubectl: (args: ReadonlyArray<string>, input?: string) => Answer
  readonly stop: () => Promise<void>
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const patienceSeconds = 120

const token = "metka-test"

const kubeconfig = (url: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server: url, "insecure-skip-tls-verify": true } }],
    users: [{ name: "test", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test"
  })

export const startApiServer = async (): Promise<ApiServer> => {
  const programs = { etcd: etcd(), apiserver: kubeApiserver(), kubectl: kubectl() }
  const folder = mkdtempSync(join(tmpdir(), "metka-kubernetes-"))
  const [client, peer, secure] = [await freePort(), await freePort(), await freePort()]
  const children: Array<ChildProcess> = []
  const start = (name: string, program: string, args: ReadonlyArray<string>): void => {
    const log = openSync(join(folder, `${name}.log`), "a")
    children.push(spawn(program, args, { cwd: folder, stdio: ["ignore", log, log] }))
  }
  const stop = async (): Promise<void> => {
    await Promise.all(
      children.toReversed().map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve()
            child.once("exit", () => resolve())
            child.kill("SIGKILL")
          })
      )
    )
    rmSync(folder, { recursive: true, force: true })
  }

  const key = join(folder, "service-accounts.pem")
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }))
  writeFileSync(join(folder, "tokens.csv"), `${token},admin,admin,system:masters\n`)
  writeFileSync(join(folder, "kubeconfig"), kubeconfig(`https://127.0.0.1:${secure}`))

  start("etcd", programs.etcd, [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`
  ])
  start("kube-apiserver", programs.apiserver, [
    `--etcd-servers=http://127.0.0.1:${client}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${secure}`,
    `--cert-dir=${folder}`,
    `--token-auth-file=${join(folder, "tokens.csv")}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    "--service-cluster-ip-range=10.96.0.0/16"
  ])

  const ask = (args: ReadonlyArray<string>, input?: string): Answer => {
    const { status, stderr, stdout } = spawnSync(
      programs.kubectl,
      [`--kubeconfig=${join(folder, "kubeconfig")}`, ...args],
      { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...(input === undefined ? {} : { input }) }
    )
    return { status, stdout, stderr }
  }

  for (let waited = 0; ask(["get", "--raw", "/readyz"]).status !== 0; waited++) {
    if (waited === patienceSeconds || children.some(({ exitCode }) => exitCode !== null)) {
      const log = readFileSync(join(folder, "kube-apiserver.log"), "utf8").split("\n").slice(-15).join("\n")
      await stop()
      throw new Error(`kube-apiserver did not become ready:\n${log}`)
    }
    await setTimeout(1_000)
  }
  return { kubectl: ask, stop }
}
