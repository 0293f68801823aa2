import { assert, layer } from "@effect/vitest"
import { finalReferences, type MessyStream, messyStream, shuffle } from "@metka/testing/messyStream/messyStream"
import { Effect } from "effect"
import { endsAs, loadReferences, oracle, send } from "@metka/testing/againstOracle"
import { memoryDatabase, sendStream, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { dumpChanges, dumpMarts, dumpTables } from "@metka/testing/tableDump"

/** One order a batch is slow where other tests keep the cores busy. */
const patience = "60 seconds"

/** Sends the stream, lets the late references come when all is in, and waits for the end. */
const takeIn = Effect.fnUntraced(function* (stream: MessyStream) {
  yield* sendStream(stream)
  const before = yield* oracle(stream.initialReferences, stream.rules)
  yield* settled(before.parked.length, patience)
  yield* loadReferences(stream.lateReferences)
  const expected = yield* oracle(finalReferences(stream), stream.rules)
  yield* settled(expected.parked.length, patience)
  yield* endsAs(expected)
  return { before, expected }
})

layer(memoryDatabase, { excludeTestServices: true, timeout: "60 seconds" })("The three services together", (it) => {
  it.effect(
    "end a messy stream in the oracle's state, and its replay, whole and shuffled, changes no row",
    () => {
      const stream = messyStream(42)
      return withMemorySystem(
        {},
        Effect.gen(function* () {
          const { before, expected } = yield* takeIn(stream)
          assert.isAbove(before.parked.length, expected.parked.length, "orders that waited for late references")
          assert.isAbove(expected.parked.length, 0)
          assert.isAbove(expected.userTags.length, 100)

          const held = yield* dumpTables
          assert.isAbove(held.get("stg.order_events")?.length ?? 0, 1_900)
          yield* send(stream.deliveries)
          yield* settled(expected.parked.length, patience)
          assert.deepStrictEqual(dumpChanges(held, yield* dumpTables), [], "replayed whole")
          yield* send(shuffle(7, stream.deliveries))
          yield* settled(expected.parked.length, patience)
          assert.deepStrictEqual(dumpChanges(held, yield* dumpTables), [], "replayed shuffled")
          yield* endsAs(yield* oracle(finalReferences(stream), stream.rules))
        })
      )
    },
    180_000
  )

  it.effect(
    "end in the same marts whatever the batch size, the number of partitions and the order of arrival",
    () => {
      const stream = messyStream(7, 120)
      const marts = (options: { readonly partitions: number; readonly maxBatchRecords: number }, seed: number) =>
        withMemorySystem(
          options,
          Effect.gen(function* () {
            yield* takeIn({ ...stream, deliveries: shuffle(seed, stream.deliveries) })
            return yield* dumpMarts
          })
        )
      return Effect.gen(function* () {
        const first = yield* marts({ partitions: 1, maxBatchRecords: 2_000 }, 1)
        assert.isAbove(first.tags.length, 10)
        assert.deepStrictEqual(yield* marts({ partitions: 3, maxBatchRecords: 1 }, 2), first)
        assert.deepStrictEqual(yield* marts({ partitions: 6, maxBatchRecords: 7 }, 3), first)
        assert.deepStrictEqual(yield* marts({ partitions: 25, maxBatchRecords: 100 }, 4), first)
      })
    },
    180_000
  )
})
