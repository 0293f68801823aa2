import { assert, describe, it } from "@effect/vitest"
import { finalReferences, messyStream, shuffle } from "@metka/testing/messyStream/messyStream"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ownPostgresServer } from "@metka/testing/servers"
import { Effect } from "effect"
import type { Scope } from "effect"
import { SqlClient } from "effect/sql"
import { readFile } from "node:fs/promises"
import { createServer } from "node:net"
import { join } from "node:path"
import { eventuallyTrue } from "@metka/testing/eventually"
import { tagsByTable, tagsByTopic } from "@metka/testing/guestTags"
import { differences, endsAs, loadReferences, oracle, send } from "@metka/testing/againstOracle"
import {
  type Environment,
  mainOf,
  metka,
  metkaMain,
  type Process,
  runProcess,
  type ServiceProcess
} from "@metka/testing/processes"
import { applyRulesFile, clientsOf, serviceNames, startServices, temporaryFolder } from "@metka/testing/processSystem"
import { realEnvironment } from "@metka/testing/realEnvironment"
import { settled, underWay } from "@metka/testing/settled"
import { dumpChanges, dumpTables } from "@metka/testing/tableDump"

/** As long as two cores may take at worst. */
const patience = "60 seconds"

const assertJsonLines = ({ stdout }: Process, service: string) => {
  const lines = stdout().trimEnd().split("\n")
  assert.isAbove(lines.length, 2)
  for (const line of lines) {
    const parsed: Readonly<Record<string, unknown>> = JSON.parse(line)
    assert.containsAllKeys(parsed, ["timestamp", "level", "message"], line)
    assert.strictEqual(parsed["service"], `metka-${service}`)
  }
}

const terminateAll = Effect.fnUntraced(function* (services: ReadonlyArray<ServiceProcess>) {
  const exits = yield* Effect.forEach(services, ({ terminate }) => terminate, { concurrency: "unbounded" })
  assert.deepStrictEqual(
    exits,
    services.map(() => ({ code: 0, signal: null }))
  )
})

/** The sum of a metric's series whose labels include all of these. */
const metric = Effect.fnUntraced(function* (
  service: ServiceProcess | undefined,
  name: string,
  ...labels: Array<string>
) {
  if (service === undefined) return yield* Effect.die(new Error("no such service"))
  const { text } = yield* service.get("/metrics")
  const series = text
    .split("\n")
    .filter(
      (line) =>
        (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && labels.every((label) => line.includes(label))
    )
  assert.isNotEmpty(series, `${name} of ${service.service}:\n${text}`)
  return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
})

const countOf = Effect.fnUntraced(function* (table: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ count: number }>`select count(*)::int as count from ${sql(table)}`
  return rows[0]?.count ?? 0
})

/** The demo week as files, its references in Redis and its rules applied, all by the command line. */
const demoFiles = Effect.fnUntraced(function* (env: Environment, orders: number) {
  const folder = yield* temporaryFolder
  yield* metka(env, "demo-data", folder, "--orders", String(orders))
  yield* metka(env, "references", "load", join(folder, "references.jsonl"))
  const documents = yield* Effect.promise(() => readFile(join(folder, "references.jsonl"), "utf8"))
  const references = new Map(
    documents
      .trimEnd()
      .split("\n")
      .map((line) => {
        const { _id }: { readonly _id: string } = JSON.parse(line)
        return [_id, line] as const
      })
  )
  return { references, rules: demoRules, orders: join(folder, "orders.jsonl") }
})

const demoRules = [
  { tag: "Напитки чаще двух раз", category: "Напитки", threshold: 2 },
  { tag: "Салаты хоть раз", category: "Салаты", threshold: 0 },
  { tag: "Десерты", category: "Десерты", threshold: 1 }
]

const onRealServers = <A, E>(use: Effect.Effect<A, E, RealServers | Scope.Scope>) =>
  Effect.scoped(use).pipe(Effect.provide(RealServers.layer))

describe.skipIf(isMissing("kafka", "redis", "postgres"))("The services as processes on real servers", () => {
  it.live(
    "end a messy stream in the oracle's state; its replay, shuffled, changes no row; logs, health and metrics tell",
    () =>
      onRealServers(
        Effect.gen(function* () {
          const servers = yield* RealServers
          const env = yield* realEnvironment(yield* servers.database)
          const stream = messyStream(2026)
          yield* applyRulesFile(env, stream.rules)
          const services = yield* startServices(env)
          yield* Effect.gen(function* () {
            yield* loadReferences(stream.initialReferences)
            yield* send(stream.deliveries)
            const before = yield* oracle(stream.initialReferences, stream.rules)
            yield* settled(before.parked.length, patience)
            yield* loadReferences(stream.lateReferences)
            const expected = yield* oracle(finalReferences(stream), stream.rules)
            yield* settled(expected.parked.length, patience)
            yield* endsAs(expected)
            assert.isAbove(new Set(expected.deadLetters.map(({ kind }) => kind)).size, 25)
            assert.isAbove(before.parked.length, expected.parked.length)
            assert.isAbove(expected.parked.length, 0)

            const given = yield* tagsByTable
            assert.isAbove(given.length, 100)
            assert.deepStrictEqual(yield* tagsByTopic, given)

            const [stg, dds, cdm] = services
            assert.strictEqual(yield* metric(stg, "metka_dead_letters_total"), expected.deadLetters.length)
            yield* eventuallyTrue(
              "the gauge of parked orders",
              Effect.map(metric(stg, "metka_parked_orders"), (parked) => parked === expected.parked.length)
            )
            assert.strictEqual(
              yield* metric(stg, "metka_records_total", 'outcome="dead_letter"'),
              expected.deadLetters.length
            )
            assert.strictEqual(
              (yield* metric(cdm, "metka_tags_total", 'action="given"')) -
                (yield* metric(cdm, "metka_tags_total", 'action="taken"')),
              given.length
            )
            for (const service of [stg, dds, cdm]) {
              assert.strictEqual(yield* metric(service, "metka_ready"), 1)
              assert.strictEqual(yield* metric(service, "metka_consumer_lag"), 0)
              assert.isAbove(yield* metric(service, "metka_records_total", 'outcome="accepted"'), 1_000)
              assert.isAbove(yield* metric(service, "metka_batch_size_count"), 0)
              assert.isAbove(yield* metric(service, "metka_stage_duration_seconds_count", 'stage="store"'), 0)
            }

            const held = yield* dumpTables
            yield* send(shuffle(5, stream.deliveries))
            yield* settled(expected.parked.length, patience)
            assert.deepStrictEqual(dumpChanges(held, yield* dumpTables), [])
          }).pipe(Effect.provide(clientsOf(env)))
          yield* terminateAll(services)
          for (const service of services) assertJsonLines(service, service.service)
        })
      ),
    120_000
  )

  it.live(
    "stopped by SIGTERM in the middle of a week of 20,000 orders they exit 0 within 2 s, and go on exactly",
    () =>
      onRealServers(
        Effect.gen(function* () {
          const servers = yield* RealServers
          const env = yield* realEnvironment(yield* servers.database)
          const week = yield* demoFiles(env, 20_000)
          yield* applyRulesFile(env, week.rules)
          yield* metka(env, "load", week.orders)
          const services = yield* startServices(env)
          yield* Effect.gen(function* () {
            yield* eventuallyTrue(
              "orders are in the marts",
              Effect.map(countOf("cdm.order_contributions"), (count) => count > 0)
            )
            yield* terminateAll(services)
            assert.isNotEmpty(yield* underWay(0), "they were stopped in the middle")
            yield* startServices(env)
            // The week once more: what is there already changes nothing, and --wait is how an operator waits.
            assert.match(yield* metka(env, "load", "--wait", week.orders), /The marts have everything/)
            yield* settled(0)
            const expected = yield* oracle(week.references, week.rules)
            assert.lengthOf(expected.stgOrderEvents, 20_000)
            assert.isAbove(expected.userTags.length, 100)
            assert.deepStrictEqual(yield* differences(expected), [])
            assert.deepStrictEqual(yield* tagsByTopic, yield* tagsByTable)
          }).pipe(Effect.provide(clientsOf(env)))
        })
      ),
    120_000
  )

  it.live(
    "wait for a PostgreSQL that is away in the middle of a load, not ready, and end exactly with no dead letter",
    () =>
      onRealServers(
        Effect.gen(function* () {
          const postgres = yield* ownPostgresServer
          const env = yield* realEnvironment(postgres.url)
          const week = yield* demoFiles(env, 5_000)
          yield* applyRulesFile(env, week.rules)
          const services = yield* startServices(env)
          yield* metka(env, "load", week.orders)
          yield* eventuallyTrue(
            "orders are in the marts",
            Effect.map(countOf("cdm.order_contributions"), (count) => count > 0)
          ).pipe(Effect.provide(clientsOf(env)))
          yield* postgres.stop
          // Messages keep coming while it is away.
          yield* metka(env, "load", week.orders)
          for (const service of services) yield* service.becomesUnready
          for (const service of services) assert.strictEqual(yield* metric(service, "metka_ready"), 0)
          yield* postgres.start
          yield* Effect.gen(function* () {
            yield* settled(0, patience)
            const expected = yield* oracle(week.references, week.rules)
            assert.lengthOf(expected.stgOrderEvents, 5_000)
            assert.deepStrictEqual(yield* differences(expected), [])
            assert.strictEqual(yield* countOf("ops.dead_letters"), 0)
            assert.deepStrictEqual(yield* tagsByTopic, yield* tagsByTable)
          }).pipe(Effect.provide(clientsOf(env)))
          for (const service of services) {
            yield* service.becomesReady
            assert.isUndefined(service.ended(), "it never ended")
          }
        })
      ),
    120_000
  )
})

const usable: Environment = {
  KAFKA_BROKERS: "127.0.0.1:1",
  REDIS_URL: "redis://127.0.0.1:1",
  DATABASE_URL: "postgres://metka@127.0.0.1:1/metka",
  HTTP_PORT: "0"
}

const without = (name: string): Environment =>
  Object.fromEntries(Object.entries(usable).filter(([key]) => key !== name))

const assertRefused = (service: "stg" | "dds" | "cdm", env: Environment, says: RegExp) =>
  assertProgramRefused([mainOf(service)], env, says)

const assertProgramRefused = Effect.fnUntraced(function* (
  program: ReadonlyArray<string>,
  env: Environment,
  says: RegExp
) {
  const { code, stderr } = yield* runProcess(program, env)
  assert.strictEqual(code, 1, stderr)
  assert.lengthOf(stderr.trimEnd().split("\n"), 1, stderr)
  assert.match(stderr, says)
})

describe("A service with a wrong configuration exits with one line", () => {
  for (const service of serviceNames) {
    it.live(`${service}: that names a variable that is not set`, () =>
      Effect.all([
        assertRefused(service, without("DATABASE_URL"), /DATABASE_URL/),
        assertRefused(service, without("KAFKA_BROKERS"), /KAFKA_BROKERS/)
      ])
    )
  }

  it.live("that names a variable whose value cannot be used", () =>
    Effect.all([
      assertRefused("stg", { ...usable, REDIS_URL: "http://127.0.0.1" }, /REDIS_URL/),
      assertRefused("dds", { ...usable, DATABASE_URL: "mysql://127.0.0.1/metka" }, /DATABASE_URL/),
      assertRefused("dds", { ...usable, KAFKA_BROKERS: "no port" }, /KAFKA_BROKERS/),
      assertRefused(
        "stg",
        { ...usable, KAFKA_SSL: "true", KAFKA_SSL_CA_FILE: "/no/ca.pem" },
        /KAFKA_SSL_CA_FILE.*no such/
      ),
      assertRefused(
        "stg",
        { ...usable, REDIS_URL: "rediss://localhost", REDIS_CA_FILE: "/no/ca.pem" },
        /REDIS_CA_FILE/
      ),
      assertRefused(
        "dds",
        { ...usable, DATABASE_URL: "postgres://metka@localhost/metka?sslmode=verify-full&sslrootcert=package.json" },
        /DATABASE_URL.*package.json holds no certificate/
      ),
      assertProgramRefused(
        [metkaMain, "console"],
        { ...usable, BUSINESS_TIME_ZONE: "Mars/Base" },
        /BUSINESS_TIME_ZONE/
      ),
      assertRefused("cdm", { ...usable, HTTP_PORT: "eighty" }, /HTTP_PORT/),
      assertRefused("cdm", { ...usable, LOG_LEVEL: "loud" }, /LOG_LEVEL/)
    ])
  )

  it.live("that names a port in use", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const port = yield* Effect.acquireRelease(
          Effect.callback<{ readonly number: number; readonly close: () => void }>((resume) => {
            const server = createServer().listen(0, "127.0.0.1", () => {
              const address = server.address()
              resume(
                Effect.succeed({
                  number: typeof address === "object" && address !== null ? address.port : 0,
                  close: () => void server.close()
                })
              )
            })
          }),
          ({ close }) => Effect.sync(close)
        )
        yield* assertRefused("dds", { ...usable, HTTP_PORT: String(port.number) }, new RegExp(`${port.number}.*in use`))
      })
    )
  )
})
