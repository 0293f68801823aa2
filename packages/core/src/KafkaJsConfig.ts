/** How to reach the brokers, from the environment (`KAFKA_*`). */
import { Config, Effect, Redacted } from "effect"
import type { KafkaConfig, SASLOptions } from "kafkajs"
import type { ConnectionOptions } from "node:tls"
import { readCaFile } from "./CaFile.ts"
import { invalid, optional, required } from "./configText.ts"

export interface KafkaJsConfig {
  readonly client: Pick<KafkaConfig, "ssl" | "sasl"> & { readonly brokers: Array<string> }
  /** Of a topic that is created. */
  readonly partitions: number
  readonly replication: number
}

/** kafkajs reads neither a scheme nor an IPv6 address. */
const brokerPattern = /^[^\s:/]+:(\d{1,5})$/

const parseBrokers = (text: string): Effect.Effect<Array<string>, Config.ConfigError> => {
  const brokers = text
    .split(",")
    .map((broker) => broker.trim())
    .filter((broker) => broker !== "")
  if (brokers.length === 0) return Effect.fail(invalid("KAFKA_BROKERS is empty: it must be host:port,host:port"))
  for (const broker of brokers) {
    const port = Number(brokerPattern.exec(broker)?.[1] ?? 0)
    if (port < 1 || port > 65_535) {
      return Effect.fail(invalid(`KAFKA_BROKERS: ${JSON.stringify(broker)} is not host:port`))
    }
  }
  return Effect.succeed(brokers)
}

const sslConfig = Config.all({
  enabled: Config.Boolean("KAFKA_SSL").pipe(Config.withDefault(false)),
  caFile: optional("KAFKA_SSL_CA_FILE")
}).pipe(
  Config.mapEffect(({ caFile, enabled }): Effect.Effect<boolean | ConnectionOptions, Config.ConfigError> => {
    if (caFile === "") return Effect.succeed(enabled)
    if (!enabled) return Effect.fail(invalid("KAFKA_SSL_CA_FILE is set, but KAFKA_SSL is not true"))
    return Effect.try({
      try: () => ({ ca: [readCaFile(caFile)] }),
      catch: (error) =>
        invalid(`KAFKA_SSL_CA_FILE cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    })
  })
)

const saslConfig = Config.all({
  mechanism: optional("KAFKA_SASL_MECHANISM"),
  username: optional("KAFKA_SASL_USERNAME"),
  password: Config.Redacted("KAFKA_SASL_PASSWORD").pipe(Config.withDefault(Redacted.make("")))
}).pipe(
  Config.mapEffect((sasl): Effect.Effect<SASLOptions | undefined, Config.ConfigError> => {
    const { mechanism, username } = sasl
    const password = Redacted.value(sasl.password)
    if (mechanism === "") {
      return username === "" && password === ""
        ? Effect.undefined
        : Effect.fail(invalid("KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set, but KAFKA_SASL_MECHANISM is not"))
    }
    if (mechanism !== "plain" && mechanism !== "scram-sha-256" && mechanism !== "scram-sha-512") {
      return Effect.fail(
        invalid(`KAFKA_SASL_MECHANISM must be plain, scram-sha-256 or scram-sha-512, not ${JSON.stringify(mechanism)}`)
      )
    }
    if (username === "" || password === "") {
      return Effect.fail(
        invalid(`KAFKA_SASL_MECHANISM is ${mechanism}: KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must be set`)
      )
    }
    switch (mechanism) {
      case "plain":
        return Effect.succeed({ mechanism, username, password })
      case "scram-sha-256":
        return Effect.succeed({ mechanism, username, password })
      case "scram-sha-512":
        return Effect.succeed({ mechanism, username, password })
    }
  })
)

const positive = (variable: string, fallback: number) =>
  Config.Int(variable).pipe(
    Config.withDefault(fallback),
    Config.mapEffect((value) =>
      value >= 1 ? Effect.succeed(value) : Effect.fail(invalid(`${variable} must be at least 1, not ${value}`))
    )
  )

/** Fails with `ConfigError`, whose message names the variable, before any connection is tried. */
export const kafkaJsConfig: Config.Config<KafkaJsConfig> = Config.all({
  brokers: required("KAFKA_BROKERS").pipe(Config.mapEffect(parseBrokers)),
  ssl: sslConfig,
  sasl: saslConfig,
  partitions: positive("KAFKA_TOPIC_PARTITIONS", 6),
  replication: positive("KAFKA_TOPIC_REPLICATION", 1)
}).pipe(
  Config.map(({ brokers, partitions, replication, sasl, ssl }) => ({
    client: { brokers, ssl, ...(sasl === undefined ? {} : { sasl }) },
    partitions,
    replication
  }))
)
