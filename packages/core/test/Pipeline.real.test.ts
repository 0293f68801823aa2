import { assert, describe, it } from "@effect/vitest"
import { clientOf } from "@metka/testing/databaseLayers"
import { eventuallyTrue } from "@metka/testing/eventually"
import { isMissing } from "@metka/testing/realServers"
import { ownPostgresServer, type PostgresServer, tcpProxy } from "@metka/testing/servers"
import { Effect, Fiber, Ref } from "effect"
import { SqlClient } from "effect/sql"
import { Health } from "../src/Health.ts"
import { Kafka } from "../src/Kafka.ts"
import { migrate } from "../src/Migrations.ts"
import { opsMigrations } from "../src/OpsSchema.ts"
import {
  isDone,
  isReady,
  letters,
  outgoing,
  runStage,
  surroundings,
  taken,
  takenMigrations,
  topics
} from "./PipelineHarness.ts"

/** A server that dies once, the way it is told, in the middle of the first batch's transaction. */
const outageInTransaction = (how: "stop" | "kill") =>
  Effect.gen(function* () {
    const server = yield* ownPostgresServer
    yield* Effect.gen(function* () {
      const kafka = yield* Kafka
      yield* migrate([opsMigrations, takenMigrations])
      const died = yield* Ref.make(false)
      const dieOnce = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into ops.taken (value) values ('half done')`
        if (yield* Ref.getAndSet(died, true)) return yield* sql`delete from ops.taken where value = 'half done'`
        return yield* server[how]
      })
      yield* kafka.publish(topics.topic, [outgoing("1"), outgoing("bad"), outgoing("2")])
      const fiber = yield* Effect.forkChild(runStage({ store: () => dieOnce }))
      const stage = Effect.sync(() => fiber.pollUnsafe()).pipe(
        Effect.tap((exit) => (exit === undefined ? Effect.void : exit))
      )
      // The session of a killed server may live on for a moment, long enough to finish the batch.
      const isDownOrDone = Effect.map(
        Effect.all([Ref.get(died), isReady, isDone]),
        ([dead, ready, done]) => dead && (!ready || done)
      )
      yield* eventuallyTrue("not ready, or done", Effect.andThen(stage, isDownOrDone))
      yield* server.start
      yield* eventuallyTrue("the input is committed", Effect.andThen(stage, isDone))
      yield* eventuallyTrue("ready", isReady)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* taken, ["1", "2"])
      assert.deepStrictEqual(
        (yield* letters).map(({ value }) => value),
        ["bad"]
      )
    }).pipe(Effect.provide(clientOf(server.url)), Effect.provide(surroundings()))
  })

/** Has it come back as a standby, as an old primary does after a switchover. */
const becomeStandby = Effect.fnUntraced(function* (server: PostgresServer) {
  yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql.unsafe(`do $$ begin
      execute format('copy (select) to %L', current_setting('data_directory') || '/standby.signal'); end $$`)
  ).pipe(Effect.provide(clientOf(server.url)))
  yield* server.restart
})

describe.skipIf(isMissing("postgres"))("The pipeline on a real server", () => {
  it.live("a server shut down in the middle of a transaction is waited out, and makes no dead letter", () =>
    outageInTransaction("stop")
  )

  it.live("a server killed in the middle of a transaction is waited out, and makes no dead letter", () =>
    outageInTransaction("kill")
  )

  it.live(
    "an old primary that comes back as a standby is left as soon as the address leads to the new one",
    () =>
      Effect.gen(function* () {
        const [old, fresh] = yield* Effect.all([ownPostgresServer, ownPostgresServer], { concurrency: 2 })
        const portOf = ({ url }: PostgresServer) => Number(new URL(url).port)
        for (const { url } of [old, fresh]) {
          yield* Effect.provide(migrate([opsMigrations, takenMigrations]), clientOf(url))
        }
        const address = yield* tcpProxy(portOf(old))
        yield* Effect.gen(function* () {
          const kafka = yield* Kafka
          const { readiness } = yield* Health
          const fiber = yield* Effect.forkChild(runStage())
          yield* kafka.publish(topics.topic, [outgoing("1")])
          yield* eventuallyTrue("the old primary has taken it", isDone)
          yield* becomeStandby(old)
          yield* kafka.publish(topics.topic, [outgoing("2")])
          yield* eventuallyTrue(
            "the stage is with the standby",
            Effect.map(readiness, ({ components }) => /25006/.test(JSON.stringify(components["postgres"])))
          )
          yield* address.leadTo(portOf(fresh))
          yield* eventuallyTrue("the new primary has taken it", isDone)
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual(yield* taken, ["2"])
        }).pipe(
          Effect.provide(clientOf(Object.assign(new URL(old.url), { port: String(address.port) }).href)),
          Effect.provide(surroundings())
        )
      }),
    90_000
  )

  it.live("a session ended by the administrator in the middle of a transaction is waited out", () =>
    Effect.gen(function* () {
      const server = yield* ownPostgresServer
      yield* Effect.gen(function* () {
        const kafka = yield* Kafka
        yield* migrate([opsMigrations, takenMigrations])
        const ended = yield* Ref.make(false)
        const endOnce = Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          if (!(yield* Ref.getAndSet(ended, true))) yield* sql`select pg_terminate_backend(pg_backend_pid())`
        })
        yield* kafka.publish(topics.topic, [outgoing("1")])
        const fiber = yield* Effect.forkChild(runStage({ store: () => endOnce }))
        const stage = Effect.tap(
          Effect.sync(() => fiber.pollUnsafe()),
          (exit) => exit ?? Effect.void
        )
        yield* eventuallyTrue("the input is committed", Effect.andThen(stage, isDone))
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* taken, ["1"])
        assert.deepStrictEqual(yield* letters, [])
      }).pipe(Effect.provide(clientOf(server.url)), Effect.provide(surroundings()))
    })
  )
})
