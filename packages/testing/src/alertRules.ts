/** The alert rules and the dashboard of `k8s/components/monitoring`, as Prometheus and Grafana take them. */
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { repository } from "./servers/Maven.ts"

export const monitoringFolder = join(repository, "k8s", "components", "monitoring")

const Rule = Schema.Struct({
  alert: Schema.optionalKey(Schema.String),
  record: Schema.optionalKey(Schema.String),
  expr: Schema.String,
  for: Schema.optionalKey(Schema.String),
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
export type Rule = typeof Rule.Type

const PrometheusRule = Schema.Struct({
  spec: Schema.Struct({ groups: Schema.Array(Schema.Struct({ name: Schema.String, rules: Schema.Array(Rule) })) })
})

const Dashboard = Schema.Struct({
  panels: Schema.Array(
    Schema.Struct({
      title: Schema.String,
      targets: Schema.optionalKey(Schema.Array(Schema.Struct({ expr: Schema.String })))
    })
  )
})

const read = (name: string): string => readFileSync(join(monitoringFolder, name), "utf8")

/** The groups, as the operator hands them to Prometheus. */
export const alertGroups = () => Schema.decodeUnknownSync(PrometheusRule)(parse(read("rules.yaml"))).spec.groups

export const alertRules = (): ReadonlyArray<Rule> => alertGroups().flatMap(({ rules }) => rules)

/** Every expression of the dashboard by its panel, Grafana's variables filled in. */
export const dashboardExpressions = () =>
  Schema.decodeUnknownSync(Schema.fromJsonString(Dashboard))(read("dashboard.json")).panels.flatMap(
    ({ targets = [], title }) =>
      targets.map(({ expr }) => ({
        title,
        expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "3h").replaceAll("$namespace", ".*")
      }))
  )
