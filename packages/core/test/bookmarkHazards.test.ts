/** What can happen between two steps of moving or placing a bookmark, step by step. */
import { assert, layer } from "@effect/vitest"
import { becomeAnother } from "@metka/testing/becomeAnother"
import { embedded } from "@metka/testing/databaseLayers"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { makeBookmarks } from "../src/Bookmarks.ts"
import { type Assignment, illegalGeneration, type Kafka, KafkaError, KafkaUnavailable } from "../src/Kafka.ts"
import * as KafkaMemory from "../src/KafkaMemory.ts"
import { MemoryBroker } from "../src/MemoryBroker.ts"
import { opsMigrations } from "../src/OpsSchema.ts"

const input = "orders"
const output = "enriched"
const group = "first"
const nextGroup = "second"

const setBookmark = Effect.fnUntraced(function* (ofGroup: string, topic: string, offset: number, database: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    insert into ops.bookmarks values (${ofGroup}, ${topic}, 0, ${offset}::int, ${database}, now())
    on conflict (consumer_group, topic, partition) do update set "offset" = excluded."offset", database = excluded.database`
})

const bookmark = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ held: string }>`
    select database || ' ' || "offset" as held from ops.bookmarks where consumer_group = ${group} and topic = ${input}`
  return rows[0]?.held
})

/** A broker with topics of one partition, a member of the first group, and a process of the stage. */
const makeWorld = () => {
  const broker = new MemoryBroker(1, 1_000_000)
  const client = Symbol("client")
  const member = broker.join(group, input, client)
  const generation = broker.generation(group)
  let beforeLag: Effect.Effect<void, never, SqlClient.SqlClient> = Effect.void
  const kafka = KafkaMemory.connect(broker)
  const append = (topic: string, count: number) =>
    broker.append(
      topic,
      Array.from({ length: count }, () => ({ key: null, value: "", headers: {} })),
      0
    )
  const commit = (offset: number) => {
    const isCommitted = broker.commit(client, group, input, generation, new Map([[0, offset]]))
    assert.isTrue(isCommitted)
  }
  const assignment: Assignment = {
    partitions: [0],
    goOnAt: (offsets) =>
      Effect.suspend(() =>
        broker.goOnAt(member, generation, offsets) ? Effect.void : Effect.fail(illegalGeneration(group, input))
      )
  }
  const makeProcess = Effect.map(SqlClient.SqlClient, (sql) => {
    const lag: Kafka["Service"]["lag"] = (topic, ofGroup) =>
      Effect.andThen(Effect.provideService(beforeLag, SqlClient.SqlClient, sql), kafka.lag(topic, ofGroup))
    return makeBookmarks({ ...kafka, lag }, { topic: input, group, output, isFirst: true, nextGroup })
  })
  return {
    append,
    assignment,
    commit,
    commitUntold: (offsets: ReadonlyMap<number, number>) => {
      broker.commit(client, group, input, generation, offsets)
      return new KafkaError({ operation: "commit", reason: new KafkaUnavailable({ message: "connection closed" }) })
    },
    readTo: (offset: number) => broker.seek(group, input, 0, offset),
    position: () => member.positions.get(0),
    committed: () => broker.lag(input, group)[0]?.committed,
    makeProcess,
    makeAnew: (topic: string) => void broker.topic(topic).partitions[0]?.splice(0),
    onNextLag: (effect: typeof beforeLag) => {
      beforeLag = Effect.suspend(() => {
        beforeLag = Effect.void
        return effect
      })
    }
  }
}

/** A process that has noted the tenth offset, to become the bookmark once the next stage has ten messages. */
const placedAndNoted = Effect.fnUntraced(function* (world: ReturnType<typeof makeWorld>) {
  const process = yield* world.makeProcess
  yield* process.place(world.assignment)
  world.append(input, 10)
  world.append(output, 10)
  world.commit(10)
  yield* process.keep
  return process
})

layer(embedded(opsMigrations))("A bookmark", (it) => {
  const test = <E>(
    name: string,
    body: (world: ReturnType<typeof makeWorld>) => Effect.Effect<void, E, SqlClient.SqlClient>
  ) =>
    it.effect(name, () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`truncate ops.bookmarks`
        yield* becomeAnother("A")
        yield* body(makeWorld())
      })
    )

  test("moves only once the next stage is past what was in its topic by then", (world) =>
    Effect.gen(function* () {
      const process = yield* placedAndNoted(world)
      yield* setBookmark(nextGroup, output, 9, "A")
      yield* process.keep
      assert.strictEqual(yield* bookmark, "A 0")
      yield* setBookmark(nextGroup, output, 10, "A")
      yield* process.keep
      assert.strictEqual(yield* bookmark, "A 10")
    }))

  test("waits for the group that reads the topic now, not for one that has another name", (world) =>
    Effect.gen(function* () {
      yield* setBookmark("renamed before", output, 10, "A")
      yield* setBookmark("renamed long before", output, 1, "A")
      const process = yield* placedAndNoted(world)
      yield* process.keep
      assert.strictEqual(yield* bookmark, "A 0")
      yield* setBookmark(nextGroup, output, 10, "A")
      yield* process.keep
      assert.strictEqual(yield* bookmark, "A 10")
    }))

  test("does not wait for ends of a topic that was made anew, nor trust how far the next stage was in it", (world) =>
    Effect.gen(function* () {
      const process = yield* world.makeProcess
      yield* process.place(world.assignment)
      world.append(input, 20)
      world.append(output, 10)
      world.commit(10)
      yield* process.keep
      yield* setBookmark(nextGroup, output, 10, "A")
      world.makeAnew(output)
      world.append(output, 3)
      yield* process.keep
      yield* process.keep
      assert.strictEqual(yield* bookmark, "A 0")
      world.commit(13)
      yield* setBookmark(nextGroup, output, 3, "A")
      yield* process.keep
      yield* process.keep
      assert.strictEqual(yield* bookmark, "A 13")
    }))

  test("is not written where a member that ends has said that it went back, and has not", (world) =>
    Effect.gen(function* () {
      yield* setBookmark(group, input, 4, "A")
      world.append(input, 10)
      world.commit(10)
      yield* becomeAnother("B")
      const process = yield* world.makeProcess
      yield* process.place({ partitions: [0], goOnAt: () => Effect.void })
      assert.strictEqual(yield* bookmark, "A 4")
      yield* process.place(world.assignment)
      assert.deepStrictEqual([yield* bookmark, world.committed()], ["B 4", 4])
    }))

  test("is read from though the answer to going back to it was lost", (world) =>
    Effect.gen(function* () {
      yield* setBookmark(group, input, 4, "A")
      world.append(input, 10)
      world.commit(10)
      world.readTo(10)
      yield* becomeAnother("B")
      const process = yield* world.makeProcess
      const unanswered: Assignment = {
        partitions: [0],
        goOnAt: (offsets) => Effect.suspend(() => Effect.fail(world.commitUntold(offsets)))
      }
      yield* Effect.flip(process.place(unanswered))
      yield* process.place(world.assignment)
      assert.deepStrictEqual([yield* bookmark, world.committed(), world.position()], ["B 4", 4, 4])
    }))

  test("is read again where the database goes back once more while the group is taken back", (world) =>
    Effect.gen(function* () {
      yield* setBookmark(group, input, 9, "A")
      world.append(input, 10)
      world.commit(10)
      yield* becomeAnother("B")
      world.onNextLag(Effect.orDie(Effect.andThen(becomeAnother("C"), setBookmark(group, input, 4, "A"))))
      yield* (yield* world.makeProcess).place(world.assignment)
      assert.deepStrictEqual([yield* bookmark, world.committed()], ["C 4", 4])
    }))

  test("does not move to what another process had committed before the database went back", (world) =>
    Effect.gen(function* () {
      const process = yield* placedAndNoted(world)
      yield* becomeAnother("B")
      yield* (yield* world.makeProcess).place(world.assignment)
      assert.deepStrictEqual([yield* bookmark, world.committed()], ["B 0", 0])
      yield* setBookmark(nextGroup, output, 10, "A")
      yield* process.keep
      assert.strictEqual(yield* bookmark, "B 0")
    }))

  test("that is deleted has the orders read anew, though they had been confirmed", (world) =>
    Effect.gen(function* () {
      const process = yield* placedAndNoted(world)
      yield* setBookmark(nextGroup, output, 10, "A")
      const deleted = Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`delete from ops.bookmarks where topic = ${input}`
      )
      world.onNextLag(Effect.orDie(deleted))
      yield* process.keep
      assert.isUndefined(yield* bookmark)
      yield* process.place(world.assignment)
      yield* process.keep
      assert.deepStrictEqual([yield* bookmark, world.committed()], ["A 0", 0])
    }))

  test("of a new primary is gone back to by a process that was with the old one until now", (world) =>
    Effect.gen(function* () {
      const cutOff = yield* world.makeProcess
      yield* cutOff.place(world.assignment)
      yield* setBookmark(group, input, 4, "B")
      world.append(input, 10)
      world.commit(10)
      yield* becomeAnother("B")
      yield* cutOff.place(world.assignment)
      assert.strictEqual(world.committed(), 4)
    }))

  test("that is gone is told of once, until the partitions are placed again", (world) =>
    Effect.gen(function* () {
      const process = yield* world.makeProcess
      yield* process.place(world.assignment)
      yield* becomeAnother("B")
      yield* process.keep
      yield* process.untilGoneBack
      yield* process.keep
      assert.isTrue((yield* Effect.timeoutOption(process.untilGoneBack, 0))._tag === "None")
    }))
})
