import { assert, layer } from "@effect/vitest"
import { embedded, emptied } from "@metka/testing/databaseLayers"
import { Clock, Deferred, Effect, Exit, Fiber, type Layer, Logger, Ref, Result, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { Health } from "../src/Health.ts"
import { Kafka, KafkaError, type KafkaRecord, KafkaRefused, KafkaUnavailable, RecordTooLarge } from "../src/Kafka.ts"
import { KafkaFaults } from "../src/KafkaFaults.ts"
import { opsMigrations } from "../src/OpsSchema.ts"
import { ReferenceUnavailable } from "../src/ReferenceData.ts"
import {
  failCommitOnce,
  isDone,
  isReady,
  letters,
  outgoing,
  passTimeUntil,
  progress,
  publishedCount,
  runStage,
  settle,
  stop,
  surroundings,
  taken,
  takenMigrations,
  topics,
  untilNow,
  valueOf
} from "./PipelineHarness.ts"

const connectionLost = new SqlError({ reason: new ConnectionError({ cause: new Error("the server went away") }) })

/** Fails the first `times` times. */
const failing = Effect.fnUntraced(function* <E>(times: number, error: E) {
  const left = yield* Ref.make(times)
  return Ref.getAndUpdate(left, (n) => n - 1).pipe(Effect.flatMap((n) => (n > 0 ? Effect.fail(error) : Effect.void)))
})

/** After so many minutes an attempt is begun anew that does not end and comes after these. */
const givenUpAfter = Effect.fnUntraced(function* (before: ReadonlyArray<Effect.Effect<never, SqlError>>) {
  const begunAt: Array<number> = []
  const attempts = [...before, Effect.never]
  yield* settle(["1"], {
    store: () =>
      Effect.gen(function* () {
        begunAt.push(yield* Clock.currentTimeMillis)
        yield* attempts[begunAt.length - 1] ?? Effect.void
      })
  })
  assert.deepStrictEqual(yield* taken, ["1"])
  const [begun = 0, again = 0] = begunAt.slice(before.length)
  return Math.round((again - begun) / 60_000)
})

/** The statement that PostgreSQL refuses for each of these values. */
const refusals: Readonly<Record<string, string>> = {
  "22P02": "select 'poison'::int",
  "22003": "select 2147483647 + 1",
  "23514": "insert into ops.taken (value, length) values ('x', 5)",
  "23505": "insert into ops.taken (value) values ('unique'), ('unique')",
  "54000": "do $$ begin raise exception 'too much' using errcode = '54000'; end $$"
}

const refuse = (state: string) => (values: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    if (values.includes(state)) yield* sql.unsafe(refusals[state] ?? "")
  })

layer(embedded(opsMigrations, { ...takenMigrations, schema: "ops" }), { timeout: "1 minute" })("The pipeline", (it) => {
  /** A test with Kafka and health of its own, on the shared database. */
  const test = (
    name: string,
    body: Effect.Effect<void, unknown, Layer.Success<ReturnType<typeof surroundings>> | SqlClient.SqlClient>
  ) => it.effect(name, () => emptied.pipe(Effect.andThen(body), Effect.provide(surroundings())), 20_000)

  test(
    "a bad record never fails its neighbours: it is a dead letter with its bytes, and its offset moves on",
    Effect.gen(function* () {
      yield* settle(["1", "bad \u0416", "2", "bad", "3"])
      assert.deepStrictEqual(yield* taken, ["1", "2", "3"])
      assert.deepStrictEqual(yield* letters, [
        { value: "bad Ж", reason: "not_json", detail: "not JSON: bad Ж" },
        { value: "bad", reason: "not_json", detail: "not JSON: bad" }
      ])
      assert.strictEqual(yield* publishedCount, 3)
    })
  )

  test(
    "a batch of nothing but bad records moves on",
    Effect.gen(function* () {
      yield* settle(["bad", "bad"])
      assert.strictEqual((yield* letters).length, 2)
      assert.strictEqual(yield* publishedCount, 0)
    })
  )

  test(
    "a decoder that throws makes a dead letter of its record alone",
    Effect.gen(function* () {
      const decode = (record: KafkaRecord) => {
        if (valueOf(record) === "throw") throw new RangeError("not foreseen \u0000")
        return Result.succeed(valueOf(record))
      }
      yield* settle(["1", "throw", "2"], { decode })
      assert.deepStrictEqual(yield* taken, ["1", "2"])
      const [kept, ...others] = yield* letters
      assert.deepStrictEqual([kept?.value, others.length], ["throw", 0])
      assert.include(kept?.detail, "not foreseen")
    })
  )

  for (const state of Object.keys(refusals)) {
    test(
      `what PostgreSQL refuses with ${state} is split off until the record stands alone; the others are stored`,
      Effect.gen(function* () {
        const values = ["1", "bad", "2", "3", state, "4", "5"]
        yield* settle(values, { store: refuse(state) })
        assert.deepStrictEqual(yield* taken, ["1", "2", "3", "4", "5"])
        const kept = yield* letters
        assert.deepStrictEqual(
          kept.map(({ reason, value }) => [value, reason]),
          [
            ["bad", "not_json"],
            [state, "refused_by_database"]
          ]
        )
        assert.include(kept[1]?.detail, state)
      })
    )
  }

  test(
    "a batch of which every record is refused ends as dead letters, each once",
    Effect.gen(function* () {
      yield* settle(["22P02", "22P02", "bad", "22P02"], { store: refuse("22P02") })
      assert.deepStrictEqual(
        (yield* letters).map(({ value }) => value),
        ["22P02", "22P02", "bad", "22P02"]
      )
    })
  )

  test(
    "a record that Kafka refuses for its size stands alone; its neighbours are published",
    Effect.gen(function* () {
      const grow = (value: string) => (value === "large" ? "x".repeat(3_000) : value)
      yield* settle(["1", "2", "large", "3"], { publish: grow })
      assert.deepStrictEqual(
        (yield* letters).map(({ reason, value }) => [value, reason]),
        [["large", "refused_by_kafka"]]
      )
      assert.isAtLeast(yield* publishedCount, 3)
    })
  )

  test(
    "no offset is committed before all that the batch publishes is there",
    Effect.gen(function* () {
      const faults = yield* KafkaFaults
      const kafka = yield* Kafka
      yield* kafka.publish(topics.topic, [outgoing("1"), outgoing("2"), outgoing("3")])
      yield* faults.breakNextPublishAfter(1)
      const fiber = yield* Effect.forkChild(runStage())
      const isStored = Effect.map(taken, (values) => values.length === 3)
      yield* untilNow(
        "the batch is stored, and publishing it has failed",
        Effect.zipWith(isStored, publishedCount, (stored, count) => stored && count === 1)
      )
      yield* TestClock.adjust("50 millis")
      assert.strictEqual((yield* progress).committed, 0)
      yield* passTimeUntil("the input is committed", isDone)
      yield* stop(fiber)
      assert.strictEqual(yield* publishedCount, 4, "the first record was written before the connection broke")
    })
  )

  test(
    "nothing is published of a transaction whose commit fails until it is committed",
    Effect.gen(function* () {
      const fail = yield* failCommitOnce
      yield* settle(["1", "2"], { store: () => fail })
      assert.deepStrictEqual(yield* taken, ["1", "2"])
      assert.deepStrictEqual(yield* letters, [])
      assert.strictEqual(yield* publishedCount, 2)
    })
  )

  test(
    "an outage of PostgreSQL is waited out, and makes no dead letter",
    Effect.gen(function* () {
      const outage = yield* failing(12, connectionLost)
      yield* settle(["1", "2"], { store: () => outage })
      assert.deepStrictEqual(yield* taken, ["1", "2"])
      assert.deepStrictEqual(yield* letters, [])
      assert.strictEqual(yield* publishedCount, 2)
    })
  )

  test(
    "a number that a sequence has given before is waited out, and makes no dead letter",
    Effect.gen(function* () {
      const left = yield* Ref.make(3)
      const collide = Effect.flatMap(SqlClient.SqlClient, (sql) =>
        sql.unsafe(`insert into ops.dead_letters overriding system value
          select 1, '', '', 0, number, now(), null, null, '{}', '', '', now(), null from generate_series(1, 2) number`)
      )
      const store = () =>
        Effect.flatMap(
          Ref.getAndUpdate(left, (n) => n - 1),
          (n) => (n > 0 ? collide : Effect.void)
        )
      yield* settle(["1", "2"], { store })
      assert.deepStrictEqual(yield* taken, ["1", "2"])
      assert.deepStrictEqual(yield* letters, [])
    })
  )

  test(
    "a dead letter that PostgreSQL refuses in its turn does not end the service: it is told of, and tried again",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { readiness } = yield* Health
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1"), outgoing("22P02"), outgoing("2")])
      yield* sql`alter table ops.dead_letters add constraint refused check (false) not valid`
      const fiber = yield* Effect.forkChild(runStage({ store: refuse("22P02") }))
      yield* passTimeUntil(
        "it says what PostgreSQL refuses",
        Effect.map(readiness, ({ components }) => /SQLSTATE 23514/.test(JSON.stringify(components["postgres"])))
      )
      yield* sql`alter table ops.dead_letters drop constraint refused`
      yield* passTimeUntil("the input is committed", isDone)
      yield* stop(fiber)
      assert.deepStrictEqual(yield* taken, ["1", "2"])
      assert.deepStrictEqual(
        (yield* letters).map(({ value }) => value),
        ["22P02"]
      )
    })
  )

  test(
    "a transaction that waits for a lock is told of until it ends, and no longer, though Kafka is away then",
    Effect.gen(function* () {
      const faults = yield* KafkaFaults
      const lock = yield* Deferred.make<void>()
      const { readiness } = yield* Health
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1")])
      const fiber = yield* Effect.forkChild(runStage({ store: () => Deferred.await(lock) }))
      yield* passTimeUntil(
        "it says where to look",
        Effect.map(readiness, ({ components }) =>
          /pg_locks.*standby.*pg_stat_activity/.test(JSON.stringify(components["postgres"]))
        )
      )
      yield* faults.makeUnavailable
      yield* Deferred.succeed(lock, undefined)
      yield* passTimeUntil(
        "Kafka alone is down",
        Effect.map(readiness, ({ components }) => components["postgres"] === "up" && components["kafka"] !== "up")
      )
      yield* faults.makeAvailable
      yield* passTimeUntil("ready", isReady)
      yield* stop(fiber)
      assert.deepStrictEqual(yield* taken, ["1"])
    })
  )

  test(
    "a transaction that does not end is begun anew, given twice as long each time: its server may be gone, or be slow",
    Effect.gen(function* () {
      const begunAt: Array<number> = []
      yield* settle(["1"], {
        store: () =>
          Effect.gen(function* () {
            begunAt.push(yield* Clock.currentTimeMillis)
            if (begunAt.length < 3) yield* Effect.never
          })
      })
      assert.deepStrictEqual(yield* taken, ["1"])
      const waited = begunAt.slice(1).map((at, index) => Math.round((at - (begunAt[index] ?? 0)) / 60_000))
      assert.deepStrictEqual(waited, [1, 2])
      assert.isTrue(yield* isReady)
    })
  )

  test(
    "a connection that goes dead after a short outage costs a minute, however many attempts had failed by then",
    Effect.gen(function* () {
      const given = yield* givenUpAfter(Array.from({ length: 10 }, () => Effect.fail(connectionLost)))
      assert.strictEqual(given, 1)
    })
  )

  test(
    "so does one that goes dead after others have: what has failed by itself since is no sign of a slow batch",
    Effect.gen(function* () {
      const given = yield* givenUpAfter([Effect.never, Effect.never, Effect.fail(connectionLost)])
      assert.strictEqual(given, 1)
    })
  )

  test(
    "dead letters are told of in the log, by reason, and without what they quote",
    Effect.gen(function* () {
      const lines: Array<string> = []
      const keep = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel} ${String(message)}`)
      })
      yield* settle(["1", "bad Котова", "22P02", "bad"], { store: refuse("22P02") }).pipe(
        Effect.provide(Logger.layer([keep]))
      )
      assert.deepStrictEqual(
        lines.filter((line) => line.includes("dead letters")),
        ["Warn to the dead letters: 2 not_json, 1 refused_by_database; `npx metka dead-letters list` says why of each"]
      )
    })
  )

  test(
    "retries come at most 5 seconds apart, however long the outage lasts",
    Effect.gen(function* () {
      const attempts: Array<number> = []
      const outage = yield* failing(40, connectionLost)
      yield* settle(["1"], {
        store: () =>
          Effect.clockWith((clock) => clock.currentTimeMillis).pipe(
            Effect.tap((now) => Effect.sync(() => attempts.push(now))),
            Effect.andThen(outage)
          )
      })
      const gaps = attempts.slice(1).map((at, index) => at - (attempts[index] ?? at))
      assert.strictEqual(gaps.length, 40)
      // Jitter adds at most a fifth.
      assert.isAtMost(Math.max(...gaps), 6_100)
      assert.isAbove(Math.max(...gaps), 3_000)
      // A tenth, and the steps of the clock in which the attempt itself ended.
      assert.isAtMost(gaps[0] ?? 0, 320)
    })
  )

  test(
    "health turns down with an outage and up with its end",
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const health = yield* Health
      const isUp = yield* Ref.make(true)
      const store = () => Effect.flatMap(Ref.get(isUp), (up) => (up ? Effect.void : Effect.fail(connectionLost)))
      const fiber = yield* Effect.forkChild(runStage({ store }))
      assert.isFalse(yield* isReady)
      yield* kafka.publish(topics.topic, [outgoing("1")])
      yield* passTimeUntil("ready after the first batch", isReady)
      yield* Ref.set(isUp, false)
      yield* kafka.publish(topics.topic, [outgoing("2")])
      yield* passTimeUntil(
        "not ready",
        Effect.map(isReady, (ready) => !ready)
      )
      const { components } = yield* health.readiness
      assert.strictEqual(components["kafka"], "up")
      assert.match(JSON.stringify(components["postgres"]), /down/)
      yield* Ref.set(isUp, true)
      yield* passTimeUntil("ready again", isReady)
      yield* stop(fiber)
    })
  )

  test(
    "health turns up again with the end of an outage, though no batch follows the one that was announced meanwhile",
    Effect.gen(function* () {
      const isUp = yield* Ref.make(false)
      const announce = Effect.flatMap(Ref.get(isUp), (up) => (up ? Effect.void : Effect.fail(connectionLost)))
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1")])
      const fiber = yield* Effect.forkChild(runStage({ announce }))
      const { readiness } = yield* Health
      yield* passTimeUntil(
        "PostgreSQL is found down",
        Effect.map(readiness, ({ components }) => /went away/.test(JSON.stringify(components["postgres"])))
      )
      yield* Ref.set(isUp, true)
      yield* passTimeUntil("ready", isReady)
      yield* stop(fiber)
    })
  )

  test(
    "an outage of Redis while enriching, and of Kafka while publishing, announcing or starting, is waited out",
    Effect.gen(function* () {
      const faults = yield* KafkaFaults
      const redis = yield* failing(5, new ReferenceUnavailable({ message: "no Redis" }))
      const announce = yield* failing(
        5,
        new KafkaError({ operation: "publish", reason: new KafkaUnavailable({ message: "no Kafka" }) })
      )
      const kafka = yield* Kafka
      yield* kafka.publish(topics.topic, [outgoing("1"), outgoing("2"), outgoing("3")])
      yield* faults.breakNextPublishAfter(1)
      yield* faults.makeUnavailable
      const fiber = yield* Effect.forkChild(runStage({ enrich: () => redis, announce }))
      yield* TestClock.adjust("20 seconds")
      yield* faults.makeAvailable
      yield* passTimeUntil("the input is committed", isDone)
      yield* stop(fiber)
      assert.deepStrictEqual(yield* taken, ["1", "2", "3"])
      assert.deepStrictEqual(yield* letters, [])
      assert.strictEqual(yield* publishedCount, 4, "the first record was written before the connection broke")
    })
  )

  test(
    "a commit whose reply is lost does not stop the flow",
    Effect.gen(function* () {
      yield* (yield* KafkaFaults).loseNextCommitReply
      yield* settle(["1"])
      yield* settle(["2"])
      assert.deepStrictEqual(yield* taken, ["1", "2"])
    })
  )

  test(
    "interrupted in the middle of a batch, it finishes the batch and commits",
    Effect.gen(function* () {
      const inside = yield* Deferred.make<void>()
      const latch = yield* Deferred.make<void>()
      const kafka = yield* Kafka
      yield* kafka.publish(topics.topic, [outgoing("1"), outgoing("2")])
      const store = () => Effect.andThen(Deferred.succeed(inside, undefined), Deferred.await(latch))
      const fiber = yield* Effect.forkChild(runStage({ store, maxRecords: 1 }))
      yield* Deferred.await(inside)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("800 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(yield* taken, ["1"], "the next batch is not begun")
      assert.deepStrictEqual(yield* progress, { committed: 1, end: 2 })
      assert.strictEqual(yield* publishedCount, 1)
    })
  )

  test(
    "interrupted while a batch is announced, it commits before it leaves the group",
    Effect.gen(function* () {
      const announcing = yield* Deferred.make<void>()
      const latch = yield* Deferred.make<void>()
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1")])
      const announce = Effect.andThen(Deferred.succeed(announcing, undefined), Deferred.await(latch))
      const fiber = yield* Effect.forkChild(runStage({ announce }))
      yield* Deferred.await(announcing)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("800 millis")
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(yield* progress, { committed: 1, end: 1 })
    })
  )

  test(
    "interrupted while a batch is announced and the next one is stored, it commits both",
    Effect.gen(function* () {
      const announcing = yield* Deferred.make<void>()
      const storing = yield* Deferred.make<void>()
      const latch = yield* Deferred.make<void>()
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1"), outgoing("2"), outgoing("3")])
      const announce = Effect.andThen(Deferred.succeed(announcing, undefined), Deferred.await(latch))
      const store = (values: ReadonlyArray<string>) =>
        values.includes("2") ? Effect.andThen(Deferred.succeed(storing, undefined), Deferred.await(latch)) : Effect.void
      const fiber = yield* Effect.forkChild(runStage({ announce, store, maxRecords: 1 }))
      yield* Deferred.await(announcing)
      yield* Deferred.await(storing)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("800 millis")
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(yield* taken, ["1", "2"], "the next batch is not begun")
      assert.deepStrictEqual(yield* progress, { committed: 2, end: 3 })
    })
  )

  test(
    "an announcement that is refused ends the stage at once, though the next batch is being stored",
    Effect.gen(function* () {
      const storing = yield* Deferred.make<void>()
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1"), outgoing("2")])
      const refused = new KafkaError({ operation: "publish", reason: new RecordTooLarge({ message: "too large" }) })
      const announce = Effect.andThen(Deferred.await(storing), Effect.fail(refused))
      const store = (values: ReadonlyArray<string>) =>
        values.includes("2") ? Effect.andThen(Deferred.succeed(storing, undefined), Effect.never) : Effect.void
      const error = yield* Effect.flip(runStage({ announce, store, maxRecords: 1 }))
      assert.strictEqual(error, refused)
      assert.deepStrictEqual(yield* taken, ["1"])
      assert.deepStrictEqual(yield* progress, { committed: 0, end: 2 })
    })
  )

  test(
    "health turns up again when the topic may be read again, though no record comes",
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const { readiness, report } = yield* Health
      yield* report("kafka", "up")
      const status = Effect.map(readiness, ({ components }) => components["kafka"])
      const reason = new KafkaRefused({ message: "Not authorized to access topics" })
      const refuseOnce = yield* failing(1, new KafkaError({ operation: "consume", reason }))
      const consume: Kafka["Service"]["consume"] = (options) =>
        Stream.unwrap(Effect.as(refuseOnce, kafka.consume(options)))
      const fiber = yield* Effect.forkChild(Effect.provideService(runStage(), Kafka, { ...kafka, consume }))
      yield* untilNow(
        "refused",
        Effect.map(status, (now) => /Not authorized/.test(JSON.stringify(now)))
      )
      yield* passTimeUntil(
        "up",
        Effect.map(status, (now) => now === "up")
      )
      yield* stop(fiber)
    })
  )

  test(
    "a batch that cannot end within 0.85 s of the interruption is given up whole: nothing stored, nothing committed",
    Effect.gen(function* () {
      const inside = yield* Deferred.make<void>()
      const kafka = yield* Kafka
      yield* kafka.publish(topics.topic, [outgoing("1"), outgoing("bad")])
      const store = () => Effect.andThen(Deferred.succeed(inside, undefined), Effect.never)
      const fiber = yield* Effect.forkChild(runStage({ store }))
      yield* Deferred.await(inside)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(yield* taken, [])
      assert.deepStrictEqual(yield* letters, [])
      assert.deepStrictEqual(yield* progress, { committed: 0, end: 2 })
    })
  )

  test(
    "offsets that could not be committed are committed later, though no record follows, and are never moved back",
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const refused = new KafkaError({ operation: "commit", reason: new KafkaUnavailable({ message: "no Kafka" }) })
      const fail = yield* failing(6, refused)
      const unsteady = Kafka.of({
        ...kafka,
        commit: (group, batch) => Effect.andThen(fail, kafka.commit(group, batch))
      })
      yield* kafka.publish(topics.topic, [outgoing("1"), outgoing("2")])
      const fiber = yield* Effect.forkChild(runStage({ maxRecords: 1 }).pipe(Effect.provideService(Kafka, unsteady)))
      yield* passTimeUntil(
        "both records are taken in",
        Effect.map(publishedCount, (count) => count === 2)
      )
      yield* passTimeUntil("the input is committed", isDone)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* progress, { committed: 2, end: 2 })
      yield* stop(fiber)
      assert.deepStrictEqual(yield* taken, ["1", "2"])
    })
  )

  test(
    "offsets are committed after publishing and announcing: a crash before the commit delivers the batch again",
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const steps: Array<string> = []
      const note = (step: string) => Effect.sync(() => void steps.push(step))
      const crashing = Kafka.of({
        ...kafka,
        publish: (topic, records) => Effect.andThen(note("publish"), kafka.publish(topic, records)),
        commit: () => Effect.andThen(note("commit"), Effect.die(new Error("the process is gone")))
      })
      yield* kafka.publish(topics.topic, [outgoing("1"), outgoing("2")])
      const fiber = yield* Effect.forkChild(
        runStage({
          store: () => note("store"),
          onCommitted: () => steps.push("committed"),
          announce: note("announce")
        }).pipe(Effect.provideService(Kafka, crashing))
      )
      yield* passTimeUntil(
        "the stage has crashed",
        Effect.sync(() => fiber.pollUnsafe() !== undefined)
      )
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(steps, ["store", "committed", "publish", "announce", "commit"])
      assert.deepStrictEqual(yield* progress, { committed: 0, end: 2 })
      yield* settle([])
      assert.strictEqual(yield* publishedCount, 4)
    })
  )

  test(
    "the offset of a record alone waits a moment: the stages behind have the machine for themselves",
    Effect.gen(function* () {
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1")])
      const announced = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(runStage({ announce: Deferred.succeed(announced, undefined) }))
      yield* Deferred.await(announced)
      assert.strictEqual(yield* publishedCount, 1)
      yield* TestClock.adjust("24 millis")
      assert.deepStrictEqual(yield* progress, { committed: 0, end: 1 })
      yield* TestClock.adjust("1 millis")
      yield* untilNow("the offset is committed", isDone)
      yield* stop(fiber)
    })
  )

  test(
    "no batch waits for the offsets of the one before to have waited long enough",
    Effect.gen(function* () {
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1"), outgoing("2"), outgoing("3")])
      const fiber = yield* Effect.forkChild(runStage({ maxRecords: 1 }))
      yield* untilNow(
        "all but the last offset are committed",
        Effect.map(progress, ({ committed }) => committed === 2)
      )
      assert.deepStrictEqual(yield* taken, ["1", "2", "3"])
      yield* stop(fiber)
      assert.deepStrictEqual(yield* progress, { committed: 3, end: 3 })
    })
  )

  test(
    "a crash between the transaction and the publishing publishes after the restart",
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const crashing = Kafka.of({ ...kafka, publish: () => Effect.die(new Error("the process is gone")) })
      yield* kafka.publish(topics.topic, [outgoing("1")])
      yield* Effect.exit(runStage().pipe(Effect.provideService(Kafka, crashing)))
      assert.deepStrictEqual(yield* taken, ["1"])
      yield* settle([])
      assert.strictEqual(yield* publishedCount, 1)
    })
  )

  test(
    "a stage learns nothing from a transaction that was rolled back",
    Effect.gen(function* () {
      const lost = yield* failing(2, connectionLost)
      const steps: Array<string> = []
      yield* settle(["1"], {
        store: () =>
          Effect.andThen(
            Effect.sync(() => steps.push("store")),
            lost
          ),
        onCommitted: () => steps.push("committed")
      })
      assert.deepStrictEqual(steps, ["store", "store", "store", "committed"])
    })
  )

  test(
    "a redelivered bad record is one dead letter",
    Effect.gen(function* () {
      yield* settle(["bad"])
      const faults = yield* KafkaFaults
      const fiber = yield* Effect.forkChild(runStage())
      yield* passTimeUntil("the member has joined", isDone)
      yield* faults.redeliver({ topic: topics.topic, group: topics.group, partition: 0, offset: 0 })
      yield* (yield* Kafka).publish(topics.topic, [outgoing("1")])
      yield* passTimeUntil(
        "the record after it",
        Effect.map(taken, (values) => values.includes("1"))
      )
      yield* stop(fiber)
      assert.strictEqual((yield* letters).length, 1)
    })
  )
})
