import { assert, describe, it } from "@effect/vitest"
import { Kafka } from "@metka/core/Kafka"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import { alertGroups, alertRules, dashboardExpressions, monitoringFolder } from "@metka/testing/alertRules"
import { eventually, eventuallyTrue } from "@metka/testing/eventually"
import type { ServiceProcess } from "@metka/testing/processes"
import { applyRulesFile, clientsOf, startServices, temporaryFolder } from "@metka/testing/processSystem"
import { realEnvironment } from "@metka/testing/realEnvironment"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ownPostgresServer, ownPrometheusServer } from "@metka/testing/servers"
import { Effect, Schema } from "effect"
import { execFile } from "node:child_process"
import { copyFile, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { stringify } from "yaml"
import { broken, order, references } from "./tracedOrders.ts"

/** What promtool says, and whether it was content. */
const promtool = (args: ReadonlyArray<string>, options: { readonly cwd?: string; readonly input?: string } = {}) =>
  Effect.callback<{ readonly output: string; readonly isContent: boolean }>((resume) => {
    const child = execFile("promtool", args, { cwd: options.cwd }, (error, stdout, stderr) =>
      resume(Effect.succeed({ output: stdout + stderr, isContent: error === null }))
    )
    child.stdin?.end(options.input ?? "")
  })

const Alerts = Schema.fromJsonString(
  Schema.Struct({
    data: Schema.Struct({
      alerts: Schema.Array(
        Schema.Struct({
          state: Schema.String,
          labels: Schema.Record(Schema.String, Schema.String),
          annotations: Schema.Record(Schema.String, Schema.String)
        })
      )
    })
  })
)

const Answer = Schema.fromJsonString(Schema.Struct({ data: Schema.Struct({ result: Schema.Array(Schema.Unknown) }) }))

const fetchText = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(url)
    const text = await response.text()
    if (!response.ok) throw new Error(`${url}: ${text}`)
    return text
  })

/** Alerts that fire now. */
const firing = (prometheus: string) =>
  fetchText(`${prometheus}/api/v1/alerts`).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Alerts)),
    Effect.map(({ data }) => data.alerts.filter(({ state }) => state === "firing"))
  )

/** How many series the expression has; fails when Prometheus cannot read it. */
const seriesOf = (prometheus: string, expression: string) =>
  fetchText(`${prometheus}/api/v1/query?query=${encodeURIComponent(expression)}`).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Answer)),
    Effect.map(({ data }) => data.result.length)
  )

/** The same rules, with seconds for minutes of patience, so that a test can wait for them. */
const impatient = () => ({
  groups: alertGroups().map((group) => ({
    ...group,
    rules: group.rules.map((rule) => (rule.for === undefined ? rule : { ...rule, for: "1s" }))
  }))
})

const targetOf = ({ port }: ServiceProcess): string => `127.0.0.1:${port}`

/** The metrics an expression names; `messaging_destination_…` and `messaging_consumer_…` are labels. */
const metricsIn = (expression: string): ReadonlyArray<string> =>
  [...expression.matchAll(/\b(?:metka[_:]|messaging_(?!destination|consumer))[a-z_:]+|\bup(?=\{)/g)].map(
    ([name]) => name
  )

describe.skipIf(isMissing("prometheus"))("The alert rules", () => {
  it.live("are what promtool takes, and fire when they should, and only then", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(async () => {
        await writeFile(join(folder, "metka.rules.yaml"), stringify({ groups: alertGroups() }))
        await copyFile(join(monitoringFolder, "rules.test.yaml"), join(folder, "rules.test.yaml"))
      })
      for (const args of [
        ["check", "rules", "metka.rules.yaml"],
        ["test", "rules", "rules.test.yaml"]
      ]) {
        const { isContent, output } = yield* promtool(args, { cwd: folder })
        assert.isTrue(isContent, output)
      }
      const tests = yield* Effect.promise(() => readFile(join(folder, "rules.test.yaml"), "utf8"))
      for (const { alert } of alertRules()) {
        if (alert !== undefined)
          assert.include(tests, `alertname: ${alert}\n        eval_time`, `${alert} is seen to fire`)
      }
    }).pipe(Effect.scoped)
  )

  it.live("tell a person what happened, and where to read what to do", () =>
    Effect.gen(function* () {
      const runbook = yield* Effect.promise(() => readFile(join(monitoringFolder, "README.md"), "utf8"))
      for (const { alert, annotations = {}, labels = {} } of alertRules()) {
        if (alert === undefined) continue
        assert.include(["warning", "critical"], labels["severity"], alert)
        assert.isAbove(annotations["description"]?.length ?? 0, annotations["summary"]?.length ?? Infinity, alert)
        assert.strictEqual(annotations["runbook"], `k8s/components/monitoring/README.md#${alert.toLowerCase()}`, alert)
        assert.include(runbook, `\n## ${alert}\n`)
      }
    })
  )
})

describe.skipIf(isMissing("kafka", "redis", "postgres", "prometheus"))("A Prometheus that scrapes the services", () => {
  it.live(
    "finds every metric that alerts and dashboard name; alerts fire while a server and a service are down, and resolve",
    () =>
      Effect.gen(function* () {
        const postgres = yield* ownPostgresServer
        const env = yield* realEnvironment(postgres.url)
        const services = yield* startServices(env)
        const prometheus = yield* ownPrometheusServer({
          jobs: Object.fromEntries(services.map((service) => [service.service, targetOf(service)])),
          rules: stringify(impatient())
        })
        // An order that gives a tag, and messages that are broken: all that is measured happens.
        yield* applyRulesFile(env, [{ tag: "Ел суп", category: "Супы", threshold: 0 }])
        yield* Effect.gen(function* () {
          const store = yield* ReferenceData
          yield* store.load(references.map((document) => ({ id: document._id, json: JSON.stringify(document) })))
          const kafka = yield* Kafka
          const { orders } = yield* Topology
          yield* kafka.publish(
            orders,
            [...broken, order(1)].map((value) => ({ key: null, value, headers: {} }))
          )
        }).pipe(Effect.provide(clientsOf(env)))

        const named = [
          ...alertRules().map(({ alert, expr, record }) => ({ title: alert ?? record ?? "", expr })),
          ...dashboardExpressions()
        ]
        for (const { expr, title } of named) {
          yield* seriesOf(prometheus.url, expr)
          const metrics = metricsIn(expr)
          assert.isTrue(metrics.length > 0 || /ALERTS|kubelet_/.test(expr), `${title}: ${expr}`)
          for (const metric of metrics) {
            yield* eventuallyTrue(
              `Prometheus has ${metric}, which "${title}" names`,
              Effect.map(seriesOf(prometheus.url, metric), (series) => series > 0)
            )
          }
        }
        for (const { get, service } of services) {
          const { text } = yield* get("/metrics")
          const { isContent, output } = yield* promtool(["check", "metrics"], { input: text })
          assert.isTrue(isContent, `${service}: ${output}`)
        }

        yield* eventuallyTrue(
          "dead letters fire",
          Effect.map(firing(prometheus.url), (alerts) =>
            alerts.some(({ labels }) => labels["alertname"] === "MetkaDeadLetters" && labels["reason"] === "not_json")
          )
        )
        const serversDown = Effect.map(firing(prometheus.url), (alerts) =>
          alerts
            .filter(({ labels }) => ["MetkaNotReady", "MetkaInstanceDown"].includes(labels["alertname"] ?? ""))
            .map(({ annotations, labels }) => `${labels["alertname"]} ${labels["job"]}: ${annotations["summary"]}`)
            .toSorted()
        )
        const become = (what: string, expected: ReadonlyArray<string>) =>
          eventually(
            what,
            Effect.map(serversDown, (found) =>
              found.join("\n") === expected.join("\n") ? [] : ["firing now:", ...found]
            ),
            "40 seconds"
          )
        yield* become("nothing is down", [])

        yield* postgres.kill
        yield* become(
          "the alert fires when PostgreSQL is killed",
          ["cdm", "dds", "stg"].map((job) => `MetkaNotReady ${job}: ${job} has waited for a server for 5 minutes`)
        )
        yield* postgres.start
        yield* become("it resolves when PostgreSQL is back", [])

        const [stg] = services
        if (stg === undefined) return assert.fail("no STG")
        yield* stg.signal("SIGKILL")
        yield* become("the alert fires when a service is killed", [`MetkaInstanceDown stg: stg does not answer`])
      }).pipe(Effect.scoped, Effect.provide(RealServers.layer)),
    120_000
  )
})
