import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Redacted, Schedule, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Kafka, logLevel } from "kafkajs"
import { spawn } from "node:child_process"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type TestContext, vi } from "vitest"
import { isMissing } from "../src/realServers.ts"
import { freshDatabase, ownKafkaServer, ownPostgresServer, ownRedisServer, type ServerMissing } from "../src/servers.ts"
import { embeddedPostgres } from "../src/servers/postgresBinaries.ts"
import { postgresFrom } from "../src/servers/Postgres.ts"
import { probe } from "../src/servers/probe.ts"
import { embeddedRedis, redisFrom } from "../src/servers/Redis.ts"
import { unprivilegedUser } from "../src/servers/SystemUser.ts"

const portOf = (url: string): number => Number(new URL(url).port)

const redis = (url: string, command: string, answer: string) =>
  probe({
    port: portOf(url),
    question: Buffer.from(`${command}\r\n`),
    isAnswer: (received) => received.toString("latin1").startsWith(answer)
  })

const onDatabase = <A, E>(url: string, effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  effect.pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })))

const Names = Schema.Array(Schema.Struct({ name: Schema.String }))
const names = (query: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(query)).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Names)),
    Effect.map((rows) => rows.map(({ name }) => name))
  )

const kafkaClient = (brokers: string) => new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })

const produce = (brokers: string, topic: string, value: string) =>
  Effect.promise(async () => {
    const producer = kafkaClient(brokers).producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ key: "k", value, partition: 0 }] })
    await producer.disconnect()
  })

const endOffset = (brokers: string, topic: string) =>
  Effect.promise(async () => {
    const admin = kafkaClient(brokers).admin()
    await admin.connect()
    const offsets = await admin.fetchTopicOffsets(topic)
    await admin.disconnect()
    return offsets.find(({ partition }) => partition === 0)?.high
  })

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const until = (what: string, condition: () => Promise<boolean>) =>
  Effect.promise(condition).pipe(
    Effect.filterOrFail(
      (holds) => holds,
      () => new Error(`still not so: ${what}`)
    ),
    Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "10 seconds" })))
  )

/** A folder for temporary folders, so that those of another run on this machine are not taken for ours. */
const ownTmpdir = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "metka-test-"))),
  (folder) =>
    Effect.promise(async () => {
      vi.unstubAllEnvs()
      await rm(folder, { recursive: true, force: true })
    })
).pipe(Effect.tap((folder) => Effect.sync(() => vi.stubEnv("TMPDIR", folder))))

const skipIfMissing = (context: TestContext) => (error: ServerMissing) =>
  process.env["CI"] === "true" ? Effect.die(error) : Effect.sync(() => context.skip(error.message))

describe.skipIf(isMissing("redis"))("Redis of our own", () => {
  it.live("comes back on the same port with what was acknowledged, after a restart and after SIGKILL", () =>
    Effect.gen(function* () {
      const server = yield* ownRedisServer
      yield* redis(server.url, "SET guest Kotova", "+OK")
      yield* server.restart
      yield* redis(server.url, "GET guest", "$6\r\nKotova")
      yield* redis(server.url, "SET guest Ivanova", "+OK")
      yield* server.kill
      assert.isTrue(Option.isNone(yield* server.pid))
      yield* Effect.flip(redis(server.url, "GET guest", "$"))
      yield* server.start
      yield* redis(server.url, "GET guest", "$7\r\nIvanova")
    })
  )

  it.live("leaves no process and no folder behind when its scope closes, down or up", () =>
    Effect.gen(function* () {
      const folder = yield* ownTmpdir
      const scope = yield* Scope.make()
      const up = yield* Scope.provide(ownRedisServer, scope)
      const down = yield* Scope.provide(ownRedisServer, scope)
      const pid = Option.getOrThrow(yield* up.pid)
      yield* down.stop
      assert.lengthOf(yield* Effect.promise(() => readdir(folder)), 2)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isRunning(pid))
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(folder)), [])
    })
  )

  it.live("does not outlive the process that started it, even if that is killed with SIGKILL", () =>
    Effect.gen(function* () {
      const folder = yield* ownTmpdir
      const servers = new URL("../src/servers.ts", import.meta.url).href
      const program = `
        import { Effect, Option } from "effect"
        import { ownRedisServer } from "${servers}"
        await Effect.runPromise(ownRedisServer.pipe(
          Effect.flatMap((server) => Effect.map(server.pid, (pid) => console.log(Option.getOrThrow(pid)))),
          Effect.andThen(Effect.never),
          Effect.scoped
        ))`
      const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
        cwd: fileURLToPath(new URL("..", import.meta.url)),
        stdio: ["ignore", "pipe", "inherit"]
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => parent.kill("SIGKILL")))
      const pid = yield* Effect.promise(
        () =>
          new Promise<number>((resolve) =>
            parent.stdout.once("data", (line: Buffer) => resolve(Number(line.toString())))
          )
      )
      assert.isTrue(isRunning(pid))
      parent.kill("SIGKILL")
      yield* until("the server is gone", () => Promise.resolve(!isRunning(pid)))
      yield* until("its folder is gone", async () => (await readdir(folder)).length === 0)
    })
  )
})

describe.skipIf(isMissing("postgres"))("PostgreSQL of our own", () => {
  it.live("comes back on the same port with what was committed, after a restart and after SIGKILL", () =>
    Effect.gen(function* () {
      const server = yield* ownPostgresServer
      const insert = (name: string) => names(`insert into guests values ('${name}') returning name`)
      yield* onDatabase(server.url, names("create table guests (name text)"))
      yield* onDatabase(server.url, insert("Kotova"))
      yield* server.restart
      yield* onDatabase(server.url, insert("Ivanova"))
      yield* server.kill
      assert.isTrue(Option.isNone(yield* server.pid))
      yield* server.start
      assert.deepStrictEqual(yield* onDatabase(server.url, names("select name from guests")), ["Kotova", "Ivanova"])
    })
  )

  it.live("is as durable as in production, and does not sort by bytes", () =>
    Effect.gen(function* () {
      const server = yield* ownPostgresServer
      const settings = yield* onDatabase(
        server.url,
        names("select name || '=' || setting as name from pg_settings where name in ('fsync', 'synchronous_commit')")
      )
      assert.sameMembers([...settings], ["fsync=on", "synchronous_commit=on"])
      const sorted = yield* onDatabase(
        server.url,
        names("select name from (values ('b'), ('B'), ('a')) v(name) order by 1")
      )
      assert.deepStrictEqual(sorted, ["a", "b", "B"])
    })
  )

  it.live("gives each test a database of its own, dropped with its scope though connections are open", () =>
    Effect.gen(function* () {
      const server = yield* ownPostgresServer
      const databases = onDatabase(server.url, names("select datname::text as name from pg_database order by 1"))
      const before = yield* databases
      const scope = yield* Scope.make()
      const [one, other] = yield* Scope.provide(
        Effect.all([freshDatabase(server.url), freshDatabase(server.url)]),
        scope
      )
      assert.notStrictEqual(one, other)
      yield* onDatabase(one, names("create table guests (name text)"))
      const kept = yield* Layer.build(
        PgClient.layer({ url: Redacted.make(other), minConnections: 1, maxConnections: 1 })
      )
      const tables = yield* names("select tablename::text as name from pg_tables where schemaname = 'public'").pipe(
        Effect.provide(kept)
      )
      assert.deepStrictEqual(tables, [])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* databases, before)
    })
  )
})

describe.skipIf(isMissing("kafka"))("Kafka of our own", () => {
  it.live("comes back on the same port with what was acknowledged, after a restart and after SIGKILL", () =>
    Effect.gen(function* () {
      const server = yield* ownKafkaServer
      yield* produce(server.brokers, "orders", "first")
      yield* server.restart
      yield* produce(server.brokers, "orders", "second")
      yield* server.kill
      assert.isTrue(Option.isNone(yield* server.pid))
      yield* server.start
      assert.strictEqual(yield* endOffset(server.brokers, "orders"), "2")
    })
  )
})

describe("Where nothing is installed", () => {
  it.live("Redis starts from what Maven fetches", (context) =>
    Effect.gen(function* () {
      const executable = yield* embeddedRedis
      const server = yield* redisFrom(executable)
      yield* redis(server.url, "SET guest Kotova", "+OK")
      yield* server.restart
      yield* redis(server.url, "GET guest", "$6\r\nKotova")
    }).pipe(Effect.catchTag("ServerMissing", skipIfMissing(context)))
  )

  it.live("PostgreSQL starts from what npm installs", (context) =>
    Effect.gen(function* () {
      const user = yield* unprivilegedUser
      const bin = yield* embeddedPostgres(user)
      assert.include(bin, join("native", "bin"))
      const server = yield* postgresFrom(bin, user)
      assert.deepStrictEqual(yield* onDatabase(server.url, names("select 'Kotova' as name")), ["Kotova"])
    }).pipe(Effect.catchTag("ServerMissing", skipIfMissing(context)))
  )
})
