import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import * as EmbeddedDatabase from "../src/EmbeddedDatabase.ts"
import * as PgliteHere from "../src/PgliteHere.ts"
import { Health } from "../src/Health.ts"
import * as Instances from "../src/Instances.ts"
import { migrate } from "../src/Migrations.ts"
import { opsMigrations } from "../src/OpsSchema.ts"

const Rows = Schema.Array(
  Schema.Struct({
    service: Schema.String,
    pid: Schema.Number,
    started: Schema.String,
    heartbeat: Schema.String,
    ready: Schema.Boolean
  })
)

const rows = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* Schema.decodeUnknownEffect(Rows)(
    yield* sql`select service, pid, to_char(started_at, 'HH24:MI:SS') as started,
      to_char(heartbeat_at, 'HH24:MI:SS') as heartbeat, ready from ops.service_instances order by service`
  )
})

/** Lets other fibers run: PGlite answers within microtasks, and would keep them waiting. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** The database answers in real time, whatever the test clock says: ask it until it holds. */
const eventually = (what: string, holds: (found: typeof Rows.Type) => boolean) =>
  Effect.gen(function* () {
    for (let round = 0; round < 2_000; round += 1) {
      if (holds(yield* rows)) return
      yield* turn
    }
    assert.fail(`never: ${what}, but ${JSON.stringify(yield* rows)}`)
  })

const layer = Layer.mergeAll(
  EmbeddedDatabase.layer(PgliteHere.open),
  Health.layer({ components: ["kafka"] }),
  Logger.layer([])
)
const stg = Instances.layer({ service: "stg", version: "1.2.3" })

describe("Instances", () => {
  it.effect(
    "keeps a row fresh by Effect's clock, with its readiness, and takes it away at the end",
    () =>
      Effect.gen(function* () {
        yield* migrate([opsMigrations])
        const scope = yield* Scope.make()
        yield* Layer.buildWithScope(stg, scope)
        yield* eventually("the first heartbeat", (found) => found.length === 1)
        assert.deepStrictEqual(yield* rows, [
          { service: "stg", pid: process.pid, started: "00:00:00", heartbeat: "00:00:00", ready: false }
        ])
        const health = yield* Health
        yield* TestClock.adjust("4 seconds")
        yield* health.report("kafka", "up")
        yield* eventually("it is ready at once", ([row]) => row?.heartbeat === "00:00:04" && row.ready)
        yield* TestClock.adjust("10 seconds")
        yield* eventually("the next heartbeat", ([row]) => row?.heartbeat === "00:00:14" && row.ready)
        yield* health.report("kafka", { down: "connection refused" })
        yield* eventually("it waits at once", ([row]) => row?.heartbeat === "00:00:14" && !row.ready)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(yield* rows, [])
      }).pipe(Effect.provide(layer)),
    30_000
  )

  it.effect(
    "goes without until the table is there, and sweeps up what ended a day ago",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* Layer.build(stg)
        yield* migrate([opsMigrations])
        yield* sql`insert into ops.service_instances values
        (gen_random_uuid(), 'cdm', 'h', 1, '1', '1969-12-29', '1969-12-30 12:00:00+00', true),
        (gen_random_uuid(), 'dds', 'h', 1, '1', '1969-12-30', '1969-12-31 12:00:00+00', true)`
        yield* TestClock.adjust("10 seconds")
        yield* eventually(
          "only the old row is gone",
          (found) => found.map(({ service }) => service).join() === "dds,stg"
        )
      }).pipe(Effect.scoped, Effect.provide(layer)),
    30_000
  )
})
