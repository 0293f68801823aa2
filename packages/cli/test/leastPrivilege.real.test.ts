import { assert, describe, layer } from "@effect/vitest"
import { biViews } from "@metka/cdm/BiSchema"
import { Kafka, type KafkaError } from "@metka/core/Kafka"
import * as KafkaJs from "@metka/core/KafkaJs"
import { administerKafka } from "@metka/testing/aclsOfPage"
import { endsAs, loadReferences, oracle, send } from "@metka/testing/againstOracle"
import { clientOf } from "@metka/testing/databaseLayers"
import { eventuallyTrue } from "@metka/testing/eventually"
import { finalReferences, messyStream } from "@metka/testing/messyStream/messyStream"
import type { UserTag } from "@metka/testing/oracle/State"
import {
  type Environment,
  metka,
  metkaMain,
  runProcess,
  type ServiceName,
  startConsole,
  startService
} from "@metka/testing/processes"
import { applyRulesFile, clientsOf, serviceNames } from "@metka/testing/processSystem"
import { isMissing } from "@metka/testing/realServers"
import {
  freePort,
  makeCertificates,
  securedKafkaServer,
  securedPostgresServer,
  securedRedisServer
} from "@metka/testing/servers"
import { settled } from "@metka/testing/settled"
import { ConfigProvider, Context, Effect, Layer, Option, Schema } from "effect"
import { databaseRoles } from "../src/roles.ts"
import { execute } from "./rolesDatabase.ts"

const topics = ["order-service_orders", "stg-service-orders", "cdm-service-stats", "guest-tags"]

const mechanisms: Readonly<Record<ServiceName | "operator", string>> = {
  stg: "plain",
  dds: "scram-sha-256",
  cdm: "scram-sha-512",
  operator: "scram-sha-512"
}

type User = keyof typeof mechanisms

const passwordOf = (user: string): string => `password of ${user}`.replaceAll(/[ _-]/g, ".")

/** Kafka, Redis and PostgreSQL that speak TLS only, each user with its own rights and no others. */
const makeSecuredServers = Effect.gen(function* () {
  const certificates = yield* makeCertificates
  const users = Object.fromEntries(Object.keys(mechanisms).map((user) => [`metka-${user}`, passwordOf(user)]))
  const { kafka, postgres, redis } = yield* Effect.all(
    {
      kafka: securedKafkaServer({ certificates, users }),
      postgres: securedPostgresServer({ certificates, password: "owner" }),
      redis: securedRedisServer({ certificates, password: "redis" })
    },
    { concurrency: "unbounded" }
  )
  const authority = certificates.authorityFile
  const owner = `${postgres.url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(authority)}`
  const redisOf: Environment = { REDIS_URL: redis.url, REDIS_CA_FILE: authority }

  const databaseUrl = (role: string) => owner.replace("postgres:owner@", `${role}:${passwordOf(role)}@`)
  const environmentOf = (user: User): Environment => ({
    KAFKA_BROKERS: kafka.brokers,
    KAFKA_SSL: "true",
    KAFKA_SSL_CA_FILE: authority,
    KAFKA_SASL_MECHANISM: mechanisms[user],
    KAFKA_SASL_USERNAME: `metka-${user}`,
    KAFKA_SASL_PASSWORD: passwordOf(user),
    DATABASE_URL: databaseUrl(`metka_${user}`),
    ...(user === "stg" ? redisOf : {})
  })

  yield* administerKafka(kafka.administration, topics)
  yield* metka({ DATABASE_URL: owner }, "migrate")
  yield* metka({ DATABASE_URL: owner }, "roles")
  yield* Effect.forEach(databaseRoles, ({ name }) =>
    execute(`alter role ${name} login password '${passwordOf(name)}'`)
  ).pipe(Effect.provide(clientOf(owner)))
  return {
    /** Of somebody who may do everything. */
    administrator: { KAFKA_BROKERS: kafka.administration, DATABASE_URL: owner, ...redisOf } satisfies Environment,
    environmentOf,
    databaseUrl
  }
})

class SecuredServers extends Context.Service<SecuredServers, Effect.Success<typeof makeSecuredServers>>()(
  "metka/test/SecuredServers"
) {
  static readonly layer = Layer.effect(SecuredServers, makeSecuredServers)
}

/** All that these tables hold, as text. */
const allOf = (tables: ReadonlyArray<string>) =>
  Effect.map(
    Effect.forEach(tables, (table) => execute(`select to_jsonb(held)::text as row from ${table} held`)),
    (rows) => JSON.stringify(rows.flat())
  )

const Guest = Schema.fromJsonString(
  Schema.Struct({ _id: Schema.String, name: Schema.String, login: Schema.String, menu: Schema.optional(Schema.Never) })
)

/** Ids, names and logins of guests in documents of Redis, but for those so short that they are part of other words. */
const personal = (documents: Iterable<string>): ReadonlyArray<string> =>
  [...documents].flatMap((document) =>
    Option.match(Schema.decodeUnknownOption(Guest)(document), {
      onNone: () => [],
      onSome: (guest) => [guest._id, guest.name, guest.login].filter((text) => text.length > 5)
    })
  )

/** Topics that each may read and write, and the group it may be in. */
const mayUse: Readonly<Record<ServiceName, { readonly read: string; readonly write: string; readonly group: string }>> =
  {
    stg: { read: "order-service_orders", write: "stg-service-orders", group: "stg-service" },
    dds: { read: "stg-service-orders", write: "cdm-service-stats", group: "dds-service" },
    cdm: { read: "cdm-service-stats", write: "guest-tags", group: "cdm-service" }
  }

/** Tries every topic and group of the others as this user; the refusals must be all. */
const foreignIsRefused = Effect.fnUntraced(function* (user: ServiceName, env: Environment) {
  const { group, read, write } = mayUse[user]
  yield* Effect.gen(function* () {
    const kafka = yield* Kafka
    const isRefused = (attempt: Effect.Effect<unknown, KafkaError>, says = /authoriz/i) =>
      Effect.map(Effect.flip(Effect.asVoid(attempt)), (error) => assert.match(error.message, says))
    yield* kafka.lag(read, group)
    for (const topic of topics) {
      if (topic !== write) yield* isRefused(kafka.publish(topic, [{ key: null, value: "x", headers: {} }]))
      if (topic !== read && topic !== write) yield* isRefused(kafka.lag(topic, group))
    }
    for (const other of Object.values(mayUse)) {
      // kafkajs keeps the broker's reason to itself.
      if (other.group !== group) yield* isRefused(kafka.lag(read, other.group), /find group coordinator/)
    }
    yield* isRefused(kafka.ensureTopics(["a-topic-of-its-own"]))
  }).pipe(
    Effect.provide(Layer.provide(Layer.fresh(KafkaJs.layer), ConfigProvider.layer(ConfigProvider.fromUnknown(env))))
  )
})

const letterOf = (service: string, offset: number, value: string) =>
  execute(`insert into ops.dead_letters
    (service, topic, partition, "offset", kafka_timestamp, value, headers, reason, detail, received_at)
    values ('${service}', 'cdm-service-stats', 0, ${offset}, '2023-04-08', ${value}, '{}', 'schema', '', '2023-04-08')`)

/** The operator lists, shows, replays and closes letters of every service. */
const replayLetters = Effect.fnUntraced(function* (operator: Environment, administrator: Environment) {
  const asAdministrator = Effect.provide(clientsOf(administrator))
  yield* asAdministrator(letterOf("cdm", 100_000, "'[]'"))
  yield* asAdministrator(letterOf("dds", 100_001, "'\\xff'"))
  yield* asAdministrator(letterOf("dds", 100_002, "null"))
  const deadLetters = (...args: ReadonlyArray<string>) => metka(operator, "dead-letters", ...args)
  const refused = (...args: ReadonlyArray<string>) =>
    Effect.map(runProcess([metkaMain, "dead-letters", ...args], operator), ({ code, stderr, stdout }) => {
      assert.strictEqual(code, 1, stdout)
      return stderr
    })

  const list = yield* deadLetters("list", "--service", "dds")
  const [withoutValue, odd] = Array.from(list.matchAll(/^\d+/gm), ([id]) => id)
  assert.strictEqual(yield* deadLetters("show", odd ?? "", "--raw"), "\uFFFD")
  assert.match(yield* deadLetters("show", odd ?? ""), /timestamp +2023-04-08T[\s\S]*0xff/)
  assert.match(yield* refused("show", "100000000000"), /there is no dead letter 100000000000/)
  assert.match(yield* refused("replay"), /say which: ids, --service, --reason, or --all/)
  assert.match(yield* refused("replay", odd ?? "", "--all"), /name ids, or say which by flags, and not both/)
  assert.match(yield* refused("replay", odd ?? "", "100000000000"), /there is no dead letter 100000000000/)

  const replayed = yield* deadLetters("replay", "--all")
  for (const topic of topics.slice(0, 3)) assert.include(replayed, `sent to ${topic} again`)
  assert.match(yield* deadLetters("replay", withoutValue ?? ""), /Nothing to send/)
  assert.match(yield* deadLetters("close", withoutValue ?? ""), /^1 dead letter closed/)
  yield* eventuallyTrue(
    "the message that DDS still cannot use comes back",
    Effect.map(deadLetters("list", "--service", "dds"), (text) =>
      /^\d+ +\S+ +dds +stg-service-orders .*not_utf8/m.test(text)
    )
  )
  assert.strictEqual(yield* deadLetters("list", "--service", "cdm"), "No dead letters.\n")
})

/** Each page and each answer of the API, by a role that reads neither payloads nor names. */
const consoleShows = Effect.fnUntraced(function* (databaseUrl: string, tagged: UserTag | undefined) {
  const { becomesReady, get } = yield* startConsole({ DATABASE_URL: databaseUrl }, yield* freePort)
  yield* becomesReady
  const tag = encodeURIComponent(tagged?.tag ?? "")
  const guest = encodeURIComponent(tagged?.user_id ?? "")
  const ofMarts = ["counts", "audiences", `audience?tag=${tag}`, `near?tag=${tag}`, "reach", `guest?id=${guest}`]
  const ofOperations = ["services", "parked", "dead-letters"]
  for (const path of [
    "/",
    "/audiences",
    `/audience?tag=${tag}`,
    `/audience.csv?tag=${tag}`,
    `/audience?tag=${tag}&orderedSince=2023-01-01`,
    `/near?tag=${tag}`,
    `/near.csv?tag=${tag}`,
    "/reach",
    `/guest?id=${guest}`,
    "/parked",
    "/dead-letters",
    ...[...ofMarts, ...ofOperations].map((name) => `/api/${name}`)
  ]) {
    const { status, text } = yield* get(path)
    assert.strictEqual(status, 200, `${path}: ${text}`)
    assert.notInclude(text, "The database is busy")
  }
  assert.include((yield* get(`/guest?id=${guest}`)).text, tagged?.tag ?? "no tag")
})

describe.skipIf(isMissing("kafka", "redis", "postgres"))("The services over TLS", () => {
  layer(SecuredServers.layer, { excludeTestServices: true, timeout: "2 minutes" })("each with its own rights", (it) => {
    it.effect(
      "end a messy stream in the oracle's state; the operator applies rules, sends again, replays, verifies and mends; the marketer asks why; the console shows its pages; BI sees nobody",
      () =>
        Effect.gen(function* () {
          const { administrator, databaseUrl, environmentOf } = yield* SecuredServers
          const operator = environmentOf("operator")
          const stream = messyStream(2027)
          yield* applyRulesFile(operator, stream.rules)
          const services = yield* Effect.forEach(
            serviceNames,
            (service) => Effect.flatMap(freePort, (port) => startService(service, environmentOf(service), port)),
            { concurrency: "unbounded" }
          )
          for (const { becomesReady } of services) yield* becomesReady
          const expected = yield* Effect.gen(function* () {
            yield* loadReferences(stream.initialReferences)
            yield* send(stream.deliveries)
            const before = yield* oracle(stream.initialReferences, stream.rules)
            yield* settled(before.parked.length, "60 seconds")
            yield* loadReferences(stream.lateReferences)
            const expected = yield* oracle(finalReferences(stream), stream.rules)
            yield* settled(expected.parked.length, "60 seconds")
            yield* endsAs(expected)
            yield* eventuallyTrue(
              "every service has its heartbeat",
              Effect.map(execute("select 1 from ops.service_instances where ready"), (rows) => rows.length === 3)
            )
            return expected
          }).pipe(Effect.provide(clientsOf(administrator)))
          assert.isNotEmpty(expected.deadLetters)
          for (const service of services) assert.notMatch(service.stdout(), /42501|permission denied|authoriz/i)

          assert.match(yield* metka(operator, "republish"), /DDS and CDM hold every order/)
          yield* replayLetters(operator, administrator)
          yield* Effect.provide(settled(expected.parked.length, "60 seconds"), clientsOf(administrator))
          yield* metka(operator, "verify")
          yield* Effect.provide(
            execute(
              "delete from cdm.user_product_counters where user_id = (select min(user_id::text)::uuid from cdm.user_tags)"
            ),
            clientsOf(administrator)
          )
          assert.match(yield* metka(operator, "rebuild"), /counters of dishes/)
          const marketer = { DATABASE_URL: databaseUrl("metka_marketer") }
          // It takes all rights that a tag can: its orders are read. Of a threshold of 0 there is no list of who is near.
          const asked = stream.rules.find(({ threshold, window }) => threshold > 0 && window !== undefined)
          const tagged = expected.userTags.find(({ tag }) => tag === asked?.tag)
          assert.include(yield* metka(marketer, "audience"), tagged?.tag ?? "no tag")
          yield* metka(marketer, "audience", tagged?.tag ?? "", "--near")
          yield* metka(marketer, "audience", tagged?.tag ?? "", "--ordered-since", "2023-01-01")
          assert.match(yield* metka(marketer, "why", tagged?.user_id ?? ""), /^Guest .* has \d+ tags?, [^]*given/)
          assert.include(yield* metka(marketer, "rules", "list"), tagged?.tag ?? "no tag")
          assert.match(yield* metka(operator, "bi", "refresh"), /as of now/)
          const shown = yield* Effect.provide(allOf(biViews), clientOf(databaseUrl("metka_bi")))
          assert.isNotEmpty(expected.userTags.filter(({ tag }) => shown.includes(tag)))
          const guests = personal(finalReferences(stream).values())
          assert.isAbove(guests.length, 100)
          assert.deepStrictEqual(
            guests.filter((text) => shown.includes(text)),
            []
          )
          yield* consoleShows(databaseUrl("metka_console"), tagged)
          yield* applyRulesFile(operator, [])
          for (const service of serviceNames) yield* foreignIsRefused(service, environmentOf(service))
        }),
      180_000
    )

    it.effect("wait where a password or a certificate is not accepted: not ready, with the reason, and running", () =>
      Effect.gen(function* () {
        const { environmentOf } = yield* SecuredServers
        const { authorityFile } = yield* makeCertificates
        const right = environmentOf("stg")
        const wrong: Environment = {
          ...right,
          KAFKA_SASL_PASSWORD: "no",
          REDIS_CA_FILE: authorityFile,
          DATABASE_URL: (right["DATABASE_URL"] ?? "").replace(passwordOf("metka_stg"), "no")
        }
        const stg = yield* startService("stg", wrong, yield* freePort)
        yield* eventuallyTrue(
          "it says what every server refuses",
          stg.get("/health/ready").pipe(
            Effect.map(
              ({ status, text }) =>
                status === 503 && ["uthenticat", "certificate", "password"].every((word) => text.includes(word))
            ),
            Effect.orElseSucceed(() => false)
          )
        )
        assert.isUndefined(stg.ended())
        assert.deepStrictEqual(yield* stg.terminate, { code: 0, signal: null })
        assert.strictEqual(stg.stderr(), "")
      })
    )
  })
})
