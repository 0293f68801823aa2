import { assert, describe, it, layer } from "@effect/vitest"
import { becomeAnother } from "@metka/testing/becomeAnother"
import { embedded } from "@metka/testing/databaseLayers"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { readAgainFrom } from "../src/Bookmarks.ts"
import { Kafka } from "../src/Kafka.ts"
import type { Health } from "../src/Health.ts"
import { KafkaFaults } from "../src/KafkaFaults.ts"
import { opsMigrations } from "../src/OpsSchema.ts"
import {
  isDone,
  outgoing,
  passTimeUntil,
  progress,
  runStage,
  stop,
  surroundings,
  taken,
  takenMigrations,
  topics
} from "./PipelineHarness.ts"

describe("A partition", () => {
  const lag = { partition: 0, start: 10, committed: 100, end: 120 }
  const from = (offset: number, isHere = false) => readAgainFrom(lag, { offset, database: "a database" }, isHere)

  it("goes on where its group is, in the database its bookmark was written in", () =>
    assert.isUndefined(from(40, true)))

  it("is read again from a bookmark of another database, as far as it is retained", () =>
    assert.deepStrictEqual([from(40), from(5)], [40, 10]))

  it("goes on where a bookmark of another database is the group's offset", () => assert.isUndefined(from(100)))

  it("is read again from its start where the database has no bookmark, or one of another log", () =>
    assert.deepStrictEqual([readAgainFrom(lag, undefined, false), from(101)], [10, 10]))

  it("is not read again where nothing of it was committed", () =>
    assert.isUndefined(readAgainFrom({ ...lag, committed: 10 }, undefined, false)))
})

/** What a standby that takes over does not have, or a dump that was restored. */
const goBackTo = Effect.fnUntraced(function* (values: ReadonlyArray<string>, timeline: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`delete from ops.taken where value <> all(${values}::text[])`
  yield* becomeAnother(timeline)
})

const forget = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`truncate ops.taken, ops.bookmarks`
})

const publish = Effect.fnUntraced(function* (...values: ReadonlyArray<string>) {
  const kafka = yield* Kafka
  yield* kafka.publish(
    topics.topic,
    values.map((value) => outgoing(value))
  )
})

const started = Effect.forkChild(runStage())
const done = passTimeUntil("the input is committed", isDone)
const hasTaken = (...values: ReadonlyArray<string>) =>
  passTimeUntil(
    `${values.join(" ")} are taken`,
    Effect.map(taken, (all) => all.join(" ") === values.join(" "))
  )

layer(embedded(opsMigrations, takenMigrations))("A stage whose database", (it) => {
  const test = <E>(name: string, effect: Effect.Effect<void, E, Kafka | KafkaFaults | Health | SqlClient.SqlClient>) =>
    it.effect(name, () =>
      Effect.gen(function* () {
        yield* forget
        yield* becomeAnother("first")
        yield* effect
      }).pipe(Effect.provide(surroundings()))
    )

  test(
    "has gone back reads again what came after its bookmark, by itself and within half a minute",
    Effect.gen(function* () {
      const fiber = yield* started
      yield* publish("1", "2", "3")
      yield* hasTaken("1", "2", "3")
      yield* TestClock.adjust("1 minute")
      yield* publish("4", "5")
      yield* hasTaken("1", "2", "3", "4", "5")
      yield* done
      yield* goBackTo(["1", "2", "3", "4"], "second")
      const before = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      // The fourth came after the bookmark: a real stage finds it there already.
      yield* hasTaken("1", "2", "3", "4", "4", "5")
      assert.isBelow((yield* Effect.clockWith((clock) => clock.currentTimeMillis)) - before, 31_000)
      yield* done
      yield* publish("6")
      yield* hasTaken("1", "2", "3", "4", "4", "5", "6")
      yield* stop(fiber)
    })
  )

  test(
    "went back while it did not run reads that again when it starts",
    Effect.gen(function* () {
      yield* stop(
        yield* Effect.tap(started, () => publish("1").pipe(Effect.andThen(hasTaken("1")), Effect.andThen(done)))
      )
      yield* goBackTo([], "second")
      const fiber = yield* started
      yield* hasTaken("1")
      yield* done
      yield* stop(fiber)
    })
  )

  test(
    "is a new and empty one reads its topic from the start",
    Effect.gen(function* () {
      const fiber = yield* started
      yield* publish("1", "2")
      yield* hasTaken("1", "2")
      yield* done
      yield* forget
      yield* hasTaken("1", "2")
      yield* stop(fiber)
    })
  )

  test(
    "is what it was reads nothing again, whoever joins the group or starts anew",
    Effect.gen(function* () {
      const faults = yield* KafkaFaults
      const fiber = yield* started
      yield* publish("1", "2")
      yield* hasTaken("1", "2")
      yield* done
      yield* faults.rebalance(topics.group)
      yield* publish("3")
      yield* hasTaken("1", "2", "3")
      yield* done
      yield* stop(fiber)
      const again = yield* started
      yield* publish("4")
      yield* hasTaken("1", "2", "3", "4")
      yield* stop(again)
    })
  )

  test(
    "has gone back reads again what the stage behind it did not have by then, though it had it itself",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const nextHas = (offset: number) => sql`
        insert into ops.bookmarks values ('next', ${topics.output}, 0, ${offset}::int, 'first', now())
        on conflict (consumer_group, topic, partition) do update set "offset" = excluded."offset"`
      const fiber = yield* Effect.forkChild(runStage({ nextGroup: "next" }))
      yield* publish("1", "2", "3")
      yield* hasTaken("1", "2", "3")
      yield* done
      yield* TestClock.adjust("1 minute")
      yield* nextHas(3)
      yield* TestClock.adjust("1 minute")
      yield* publish("4")
      yield* hasTaken("1", "2", "3", "4")
      yield* done
      yield* TestClock.adjust("2 minutes")
      yield* becomeAnother("second")
      yield* hasTaken("1", "2", "3", "4", "4")
      // Of the two times that it was sent the next stage has the first, which this database may lack.
      yield* nextHas(4)
      yield* TestClock.adjust("2 minutes")
      yield* becomeAnother("third")
      yield* hasTaken("1", "2", "3", "4", "4", "4")
      yield* done
      yield* stop(fiber)
    })
  )

  test(
    "goes back before the group knows of it, with the broker away, is asked again until the group is told",
    Effect.gen(function* () {
      const faults = yield* KafkaFaults
      const fiber = yield* started
      yield* publish("1", "2")
      yield* hasTaken("1", "2")
      yield* done
      yield* goBackTo(["1"], "second")
      yield* faults.makeUnavailable
      yield* TestClock.adjust("2 minutes")
      yield* faults.makeAvailable
      yield* hasTaken("1", "1", "2")
      yield* done
      assert.strictEqual((yield* progress).committed, 2)
      yield* stop(fiber)
    })
  )
})
