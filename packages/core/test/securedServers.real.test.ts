import { assert, describe, it, layer } from "@effect/vitest"
import { isMissing } from "@metka/testing/realServers"
import {
  type Certificates,
  makeCertificates,
  securedKafkaServer,
  securedPostgresServer,
  securedRedisServer
} from "@metka/testing/servers"
import { eventuallyTrue } from "@metka/testing/eventually"
import { ConfigProvider, Context, Effect, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka as KafkaClient,
  logLevel,
  ResourcePatternTypes
} from "kafkajs"
import * as Database from "../src/Database.ts"
import { Kafka, type KafkaError } from "../src/Kafka.ts"
import * as KafkaJs from "../src/KafkaJs.ts"
import { ReferenceData } from "../src/ReferenceData.ts"
import * as RedisReferenceData from "../src/RedisReferenceData.ts"
import { refusalOf } from "../src/Outage.ts"
import { connected } from "./foreignClient.ts"
import { eventually, freshTopic, outgoing, startMember } from "./kafkaContract.ts"

const from = (environment: Readonly<Record<string, string>>) =>
  ConfigProvider.layer(ConfigProvider.fromUnknown(environment))

/** Two authorities: the one that the server's certificate is of, and one that it is not of. */
const authorities = Effect.all({ right: makeCertificates, wrong: makeCertificates })

interface Authorities {
  readonly right: Certificates
  readonly wrong: Certificates
}

const password = "secret"

const readBy = (user: string, topic: string): AclEntry => ({
  principal: `User:${user}`,
  host: "*",
  operation: AclOperationTypes.READ,
  permissionType: AclPermissionTypes.ALLOW,
  resourceType: AclResourceTypes.TOPIC,
  resourceName: topic,
  resourcePatternType: ResourcePatternTypes.LITERAL
})

class SecuredKafka extends Context.Service<
  SecuredKafka,
  Authorities & { readonly brokers: string; readonly administration: string }
>()("metka/test/SecuredKafka") {
  static readonly layer = Layer.effect(
    SecuredKafka,
    Effect.gen(function* () {
      const found = yield* authorities
      const server = yield* securedKafkaServer({
        certificates: found.right,
        users: { metka: "secret", stranger: "secret" },
        superUsers: ["metka"]
      })
      return { ...found, brokers: server.brokers, administration: server.administration }
    })
  )
}

describe.skipIf(isMissing("kafka"))("Kafka over TLS with SASL", () => {
  layer(SecuredKafka.layer, { excludeTestServices: true, timeout: "2 minutes" })("set up so", (it) => {
    const environmentOf = Effect.map(SecuredKafka, ({ brokers, right }) => ({
      KAFKA_BROKERS: brokers,
      KAFKA_SSL: "true",
      KAFKA_SSL_CA_FILE: right.authorityFile,
      KAFKA_SASL_MECHANISM: "scram-sha-512",
      KAFKA_SASL_USERNAME: "metka",
      KAFKA_SASL_PASSWORD: "secret"
    }))

    for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"]) {
      it.effect(`${mechanism}: records go out and come back`, () =>
        Effect.gen(function* () {
          const env = { ...(yield* environmentOf), KAFKA_SASL_MECHANISM: mechanism }
          yield* Effect.gen(function* () {
            const { group, kafka, topic } = yield* freshTopic
            yield* kafka.ping
            yield* kafka.publish(topic, [outgoing("a", "b")])
            const member = yield* startMember({ topic, group, maxRecords: 10 })
            yield* eventually("the record", () => member.records().length === 1)
          }).pipe(Effect.provide(Layer.provide(Layer.fresh(KafkaJs.layer), from(env))))
        })
      )
    }

    const badLogin = /authenticat.*KAFKA_SASL_PASSWORD.*restart/i
    const badAuthority = /certificate.*KAFKA_SSL_CA_FILE.*restart/i
    const wrong: ReadonlyArray<
      readonly [string, (servers: SecuredKafka["Service"]) => Readonly<Record<string, string>>, RegExp]
    > = [
      ["a wrong password (PLAIN)", () => ({ KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_PASSWORD: "no" }), badLogin],
      ["a wrong password (SCRAM)", () => ({ KAFKA_SASL_PASSWORD: "no" }), badLogin],
      ["an unknown user", () => ({ KAFKA_SASL_USERNAME: "nobody" }), badLogin],
      ["another authority", ({ wrong }) => ({ KAFKA_SSL_CA_FILE: wrong.authorityFile }), badAuthority],
      ["no authority but the public ones", () => ({ KAFKA_SSL_CA_FILE: "" }), badAuthority],
      [
        "a host name that is not the certificate's",
        ({ brokers }) => ({ KAFKA_BROKERS: brokers.replace("localhost", "127.0.0.1") }),
        /altnames|certificate/i
      ]
    ]
    for (const [what, changed, says] of wrong) {
      it.effect(`${what} is said to whoever asks, as what stays until somebody mends it`, () =>
        Effect.gen(function* () {
          const env = { ...(yield* environmentOf), ...changed(yield* SecuredKafka) }
          const ping = Effect.flatMap(Kafka, (kafka) => kafka.ping)
          const error = yield* Effect.flip(ping).pipe(
            Effect.provide(Layer.provide(Layer.fresh(KafkaJs.layer), from(env)))
          )
          assert.strictEqual(
            error._tag === "KafkaError" ? error.reason._tag : error._tag,
            "KafkaRefused",
            error.message
          )
          assert.match(error.message, says)
          assert.notInclude(error.message, "secret")
        })
      )
    }

    it.effect("who lacks a right is told on which topic, or on which group", () =>
      Effect.gen(function* () {
        const { administration } = yield* SecuredKafka
        const env = yield* environmentOf
        const as = (environment: Readonly<Record<string, string>>) =>
          Layer.provide(Layer.fresh(KafkaJs.layer), from(environment))
        const { group, topic } = yield* freshTopic.pipe(Effect.provide(as(env)))
        yield* Effect.gen(function* () {
          const kafka = yield* Kafka
          const told = <A>(operation: Effect.Effect<A, KafkaError>) =>
            Effect.map(Effect.flip(operation), ({ message }) => message)
          const consume = Stream.runDrain(kafka.consume({ topic, group, maxRecords: 10 }))
          for (const operation of [kafka.publish(topic, [outgoing("a", "b")]), kafka.lag(topic, group), consume]) {
            assert.include(yield* told(operation), `topic ${topic}`)
          }
          const client = new KafkaClient({ brokers: [administration], logLevel: logLevel.NOTHING })
          const admin = yield* connected(() => client.admin())
          yield* Effect.promise(() => admin.createAcls({ acl: [readBy("stranger", topic)] }))
          yield* eventuallyTrue(
            "the group is named once the topic may be read",
            Effect.map(told(kafka.lag(topic, group)), (message) => message.includes(`group ${group}`))
          )
        }).pipe(Effect.scoped, Effect.provide(as({ ...env, KAFKA_SASL_USERNAME: "stranger" })))
      })
    )
  })
})

describe.skipIf(isMissing("redis"))("Redis over TLS", () => {
  it.live("answers one who knows its authority, its name and its password, and says why to everybody else", () =>
    Effect.gen(function* () {
      const { right, wrong } = yield* authorities
      const { url } = yield* securedRedisServer({ certificates: right, password: "secret" })
      const ping = (env: Readonly<Record<string, string>>) =>
        Effect.flatMap(ReferenceData, (references) => references.ping).pipe(
          Effect.provide(Layer.provide(Layer.fresh(RedisReferenceData.layer), from(env)))
        )
      yield* ping({ REDIS_URL: url, REDIS_CA_FILE: right.authorityFile })
      const refused: ReadonlyArray<readonly [Readonly<Record<string, string>>, RegExp]> = [
        [{ REDIS_URL: url, REDIS_CA_FILE: wrong.authorityFile }, /certificate/],
        [{ REDIS_URL: url }, /certificate/],
        [{ REDIS_URL: url.replace("localhost", "127.0.0.1"), REDIS_CA_FILE: right.authorityFile }, /altnames/],
        [{ REDIS_URL: url.replace("secret", "no"), REDIS_CA_FILE: right.authorityFile }, /WRONGPASS/]
      ]
      for (const [env, says] of refused) {
        const error = yield* Effect.flip(ping(env))
        assert.strictEqual(error._tag, "ReferenceUnavailable")
        assert.match(error.message, says)
        assert.notInclude(error.message, "secret")
      }
    })
  )
})

describe.skipIf(isMissing("postgres"))("PostgreSQL over TLS", () => {
  it.live("sslmode and sslrootcert mean what they mean to libpq", () =>
    Effect.gen(function* () {
      const { right, wrong } = yield* authorities
      const { url } = yield* securedPostgresServer({ certificates: right, password })
      const select = (text: string) =>
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql<{ ssl: boolean }>`
          select ssl from pg_stat_ssl where pid = pg_backend_pid()`
        ).pipe(Effect.provide(Layer.provide(Layer.fresh(Database.layer("metka tests")), from({ DATABASE_URL: text }))))
      const at = (host: string, mode: string, authority?: Certificates) =>
        url.replace("localhost", host) +
        `?sslmode=${mode}` +
        (authority === undefined ? "" : `&sslrootcert=${encodeURIComponent(authority.authorityFile)}`)
      const letIn = [
        at("localhost", "require"),
        at("127.0.0.1", "require"),
        at("localhost", "require", right),
        at("127.0.0.1", "require", right),
        at("localhost", "verify-ca", right),
        at("127.0.0.1", "verify-ca", right),
        at("localhost", "verify-full", right)
      ]
      for (const text of letIn) assert.deepStrictEqual(yield* select(text), [{ ssl: true }], text)
      const refused: ReadonlyArray<readonly [string, RegExp]> = [
        [at("localhost", "disable"), /no pg_hba.conf entry/],
        // Stricter than libpq, which would not look at the certificate.
        [at("localhost", "prefer"), /certificate/],
        [at("localhost", "require", wrong), /certificate/],
        [at("localhost", "verify-ca"), /certificate/],
        [at("localhost", "verify-ca", wrong), /certificate/],
        [at("localhost", "verify-full"), /certificate/],
        [at("localhost", "verify-full", wrong), /certificate/],
        [at("127.0.0.1", "verify-full", right), /altnames/],
        [at("localhost", "verify-full", right).replace(password, "no"), /password/]
      ]
      for (const [text, says] of refused) {
        const error = yield* Effect.flip(select(text))
        assert.strictEqual(error._tag, "SqlError")
        assert.match(String(error._tag === "SqlError" ? error.reason.cause : error), says, text)
        assert.isUndefined(error._tag === "SqlError" ? refusalOf(error) : undefined, "waited out, no dead letter")
      }
    })
  )
})
