/** A real Prometheus, `prometheus` from PATH, with rules and targets of a test. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { onPath } from "./command.ts"
import { freePort } from "./freePort.ts"
import { makeGuard } from "./Guard.ts"
import { httpProbe } from "./httpProbe.ts"
import { type ServerFailed, ServerMissing } from "./ServerErrors.ts"
import { type ServerProcess, startServerProcess } from "./ServerProcess.ts"

export interface PrometheusServer extends ServerProcess {
  readonly url: string
}

export interface PrometheusOptions {
  /** `host:port` to scrape every second, by the job's name. */
  readonly jobs: Readonly<Record<string, string>>
  /** A rules file's content; its groups are evaluated every second. */
  readonly rules: string
}

const install = "Install Prometheus (Debian: apt-get install prometheus)."

/** Prometheus, with promtool beside it. */
export const prometheusExecutable: Effect.Effect<string, ServerMissing> = Effect.suspend(() => {
  const found = onPath("prometheus")
  return found === undefined || onPath("promtool") === undefined
    ? Effect.fail(new ServerMissing({ server: "prometheus", missing: "no prometheus with promtool on PATH", install }))
    : Effect.succeed(found)
})

// JSON is YAML.
const configuration = ({ jobs }: PrometheusOptions): string =>
  JSON.stringify({
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ["rules.yaml"],
    scrape_configs: Object.entries(jobs).map(([name, target]) => ({
      job_name: name,
      static_configs: [{ targets: [target] }]
    }))
  })

export const ownPrometheusServer = Effect.fnUntraced(function* (
  options: PrometheusOptions
): Effect.fn.Return<PrometheusServer, ServerMissing | ServerFailed, Scope.Scope> {
  const executable = yield* prometheusExecutable
  const guard = yield* makeGuard({ prefix: "prometheus", signal: "KILL" })
  const port = yield* freePort
  const url = `http://127.0.0.1:${port}`
  yield* Effect.promise(async () => {
    await writeFile(join(guard.folder, "prometheus.yaml"), configuration(options))
    await writeFile(join(guard.folder, "rules.yaml"), options.rules)
  })
  const server = yield* startServerProcess({
    server: "prometheus",
    guard,
    executable,
    args: [
      "--config.file=prometheus.yaml",
      "--storage.tsdb.path=data",
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn"
    ],
    stopSignal: "SIGTERM",
    discardSignal: "SIGKILL",
    answers: httpProbe(`${url}/-/ready`)
  })
  return { ...server, url }
})
