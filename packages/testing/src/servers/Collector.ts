/**
 * A real OpenTelemetry Collector, the one that `packages/testing/collector/build` makes. It receives over OTLP and sends
 * on, as OTLP's JSON, to where a test says.
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import { readFile, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { freePort } from "./freePort.ts"
import { makeGuard } from "./Guard.ts"
import { repository } from "./Maven.ts"
import { probe } from "./probe.ts"
import { type ServerFailed, ServerMissing } from "./ServerErrors.ts"
import { type ServerProcess, startServerProcess } from "./ServerProcess.ts"

export interface CollectorServer extends ServerProcess {
  /** As in `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string
}

const manifest = join(repository, "packages", "testing", "collector", "builder.yaml")

const built = (): string => join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "metka", "otelcol-0.165.0")

/** The collector that was built from the manifest as it is now. */
export const collectorExecutable: Effect.Effect<string, ServerMissing> = Effect.gen(function* () {
  const folder = built()
  const [wanted, found] = yield* Effect.promise(() =>
    Promise.all([readFile(manifest, "utf8"), readFile(join(folder, "builder.yaml"), "utf8").catch(() => undefined)])
  )
  if (wanted === found) return join(folder, "otelcol")
  return yield* new ServerMissing({
    server: "collector",
    missing: `no OpenTelemetry Collector in ${folder}`,
    install: "Install Go 1.26 and run packages/testing/collector/build."
  })
})

// JSON is YAML.
const configuration = (port: number, receiverUrl: string): string => {
  const pipeline = { receivers: ["otlp"], exporters: ["otlp_http"] }
  return JSON.stringify({
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { otlp_http: { endpoint: receiverUrl, encoding: "json", compression: "none" } },
    service: {
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
      pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline }
    }
  })
}

export const ownCollectorServer = Effect.fnUntraced(function* (
  receiverUrl: string
): Effect.fn.Return<CollectorServer, ServerMissing | ServerFailed, Scope.Scope> {
  const executable = yield* collectorExecutable
  const guard = yield* makeGuard({ prefix: "collector", signal: "KILL" })
  const port = yield* freePort
  const file = join(guard.folder, "collector.yaml")
  yield* Effect.promise(() => writeFile(file, configuration(port, receiverUrl)))
  const server = yield* startServerProcess({
    server: "collector",
    guard,
    executable,
    args: ["--config", file],
    stopSignal: "SIGTERM",
    discardSignal: "SIGKILL",
    answers: probe({
      port,
      question: Buffer.from("GET / HTTP/1.0\r\n\r\n"),
      isAnswer: (received) => received.toString("latin1").startsWith("HTTP/1.")
    })
  })
  return { ...server, endpoint: `http://127.0.0.1:${port}` }
})
