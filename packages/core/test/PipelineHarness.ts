/** A small stage over memory Kafka: it writes each value into `ops.taken`, and fails where a test tells it to. */
import { eventuallyTrue } from "@metka/testing/eventually"
import { Clock, Effect, Fiber, Layer, Result } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { Health } from "../src/Health.ts"
import { Kafka, type KafkaRecord, type OutgoingRecord } from "../src/Kafka.ts"
import * as KafkaMemory from "../src/KafkaMemory.ts"
import { BadRecord } from "../src/messages/BadRecord.ts"
import type { SchemaMigrations } from "../src/Migrations.ts"
import type { StageError } from "../src/Outage.ts"
import * as Pipeline from "../src/Pipeline.ts"
import type { Received } from "../src/Stage.ts"

export const takenMigrations: SchemaMigrations = {
  schema: "ops",
  migrations: {
    "9000_taken": `
create table ops.taken (id bigint generated always as identity, value text not null, length integer check (length < 5));
create unique index on ops.taken (value) where value like 'unique%';
create sequence ops.commits;
create table ops.probe (id integer);
create function ops.fail_first_commit() returns trigger language plpgsql as $$
begin
  if nextval('ops.commits') = 1 then raise exception 'disk full' using errcode = '53100'; end if;
  return null;
end $$;
create constraint trigger fail_first_commit after insert on ops.probe
  deferrable initially deferred for each row execute function ops.fail_first_commit();
`
  }
}

/** In a transaction: its COMMIT fails, the next one's with this in it does not. */
export const failCommitOnce = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`alter sequence ops.commits restart`
  return sql`insert into ops.probe values (1)`
})

export const valueOf = (record: { readonly value: Uint8Array | string | null }): string =>
  record.value === null ? "null" : Buffer.from(record.value).toString("utf8")

export const outgoing = (value: string, key: string | null = "a"): OutgoingRecord => ({ key, value, headers: {} })

export const topics = { topic: "in", group: "group", output: "out" }

/** What a test may change of the stage. */
export interface StageFaults {
  readonly decode?: (record: KafkaRecord) => Result.Result<string, BadRecord>
  readonly enrich?: (values: ReadonlyArray<string>) => Effect.Effect<void, StageError>
  /** Before the rows are written, in the transaction. */
  readonly store?: (values: ReadonlyArray<string>) => Effect.Effect<unknown, SqlError, SqlClient.SqlClient>
  readonly announce?: Effect.Effect<void, StageError>
  readonly onCommitted?: () => void
  readonly maxRecords?: number
  readonly nextGroup?: string
  /** The message that the output gets; as the value, unless told. */
  readonly publish?: (value: string) => string
}

const decode = (record: KafkaRecord): Result.Result<string, BadRecord> =>
  valueOf(record).startsWith("bad")
    ? Result.fail(new BadRecord({ reason: "not_json", detail: `not JSON: ${valueOf(record)}` }))
    : Result.succeed(valueOf(record))

const writeRows = Effect.fnUntraced(function* (values: ReadonlyArray<string>) {
  if (values.length === 0) return
  const sql = yield* SqlClient.SqlClient
  yield* sql`insert into ops.taken (value) select * from unnest(${values}::text[])`
})

/** Runs the stage until it is interrupted. */
export const runStage = (faults: StageFaults = {}) =>
  Pipeline.run({
    ...topics,
    service: "tests",
    isFirst: true,
    ...(faults.nextGroup === undefined ? {} : { nextGroup: faults.nextGroup }),
    maxRecords: faults.maxRecords ?? 100,
    decode: faults.decode ?? decode,
    enrich: (received: ReadonlyArray<Received<string>>) =>
      Effect.as(
        faults.enrich?.(received.map(({ message }) => message)) ?? Effect.void,
        received.map(({ message }) => message)
      ),
    store: (values) =>
      Effect.gen(function* () {
        yield* faults.store?.(values) ?? Effect.void
        yield* writeRows(values)
        const sql = yield* SqlClient.SqlClient
        yield* sql.afterCommit(Effect.sync(() => faults.onCommitted?.()))
        return {
          outgoing: values.map((value) => outgoing(faults.publish?.(value) ?? value)),
          outcomes: { accepted: values.length }
        }
      }),
    ...(faults.announce === undefined ? {} : { announce: faults.announce })
  })

/** Values in `ops.taken`, in the order of writing. */
export const taken = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ value: string }>`select value from ops.taken order by id`
  return rows.map(({ value }) => value)
})

export interface Letter {
  readonly value: string | null
  readonly reason: string
  readonly detail: string
}

/** What the dead letters hold, by offset. */
export const letters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Letter>`
    select convert_from(value, 'UTF8') as value, reason, detail from ops.dead_letters order by partition, "offset"`
})

/** The committed offset and the end of the input, over all partitions. */
export const progress = Effect.gen(function* () {
  const lag = yield* (yield* Kafka).lag(topics.topic, topics.group)
  return {
    committed: lag.reduce((sum, { committed }) => sum + committed, 0),
    end: lag.reduce((sum, { end }) => sum + end, 0)
  }
})

export const isDone = Effect.map(progress, ({ committed, end }) => committed === end && end > 0)

/** How many records the output has. */
export const publishedCount = Effect.gen(function* () {
  const lag = yield* (yield* Kafka).lag(topics.output, "nobody")
  return lag.reduce((sum, { end }) => sum + end, 0)
})

export const isReady = Effect.flatMap(Health, (health) => Effect.map(health.readiness, ({ ready }) => ready))

/** Kafka and health of one test's own; one partition, so that a batch is what was sent at once. */
export const surroundings = () =>
  Layer.mergeAll(
    KafkaMemory.layer({ partitions: 1, maxMessageBytes: 2_000 }),
    Health.layer({ components: ["kafka", "postgres"] })
  )

/** Lets time pass, a tenth of a second at a step, until the condition holds; what is not a timer gets its turn too. */
export const passTimeUntil = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>, steps = 3_000) =>
  Effect.gen(function* () {
    for (let step = 0; step < steps; step++) {
      if (yield* condition) return
      yield* TestClock.adjust("100 millis")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    const now = yield* Clock.currentTimeMillis
    return yield* Effect.die(new Error(`never, until ${new Date(now).toISOString()}: ${what}`))
  })

/** Waits until the condition holds, for real, while the test's clock stands still. */
export const untilNow = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) =>
  TestClock.withLive(eventuallyTrue(what, condition, "5 seconds"))

/** Interrupts the stage; what it does until its end goes by the test's clock. */
export const stop = Effect.fnUntraced(function* <A, E>(fiber: Fiber.Fiber<A, E>) {
  const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
  yield* passTimeUntil(
    "the stage has stopped",
    Effect.sync(() => stopping.pollUnsafe() !== undefined)
  )
})

/** Sends these to the input at once, runs the stage until all of it is committed, and stops it. */
export const settle = Effect.fnUntraced(function* (values: ReadonlyArray<string>, faults: StageFaults = {}) {
  const kafka = yield* Kafka
  yield* kafka.publish(
    topics.topic,
    values.map((value) => outgoing(value))
  )
  const fiber = yield* Effect.forkChild(runStage(faults))
  // Time has to pass for its end, or a test that fails would never end.
  yield* Effect.ensuring(passTimeUntil("the input is committed", isDone), stop(fiber))
})
