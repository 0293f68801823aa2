/** From sending an order until its row in the marts is committed: on a quiet day, and behind a backlog. */
import { type Trickle, trickle } from "@metka/cli/demo/trickle"
import { Kafka } from "@metka/core/Kafka"
import { Topology } from "@metka/core/Topology"
import { Clock, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { onDatabase } from "../database.ts"
import { atMost, figureOf } from "../figures.ts"
import { loadReferences, publishOrders } from "../input.ts"
import { type LedgerWatch, watchLedger } from "../ledger.ts"
import { type Bench, type Measured, say, weekOf } from "../run.ts"
import { clientsOf, makeWorkplace, type Workplace } from "../servers.ts"
import { startReadyStages, untilAllThrough, whileRunning } from "../stages.ts"
import { percentile } from "../statistics.ts"

/** The first of them are not counted: connections open, code is compiled. */
const notCounted = 50
const counted = 300

/** 50 to 150 ms, so 5 to 20 orders a second, never in step with anybody's timer. */
const gapMillis = (index: number): number => 50 + ((index * 37) % 101)

const makeSend = Effect.fnUntraced(function* (ledger: LedgerWatch, orders: Trickle) {
  const kafka = yield* Kafka
  const topology = yield* Topology
  return Effect.gen(function* () {
    const { key, objectId, value } = orders.nextOrder(yield* Clock.currentTimeMillis)
    return yield* ledger.see(objectId, kafka.publish(topology.orders, [{ key, value, headers: {} }]))
  })
})

type Send = Effect.Success<ReturnType<typeof makeSend>>

const quiet = Effect.fnUntraced(function* (send: Send) {
  const sent: Array<Fiber.Fiber<Effect.Success<Send>, Effect.Error<Send>>> = []
  for (let index = 0; index < notCounted + counted; index++) {
    sent.push(yield* Effect.forkChild(send))
    yield* Effect.sleep(gapMillis(index))
  }
  const seen = yield* Effect.forEach(sent, Fiber.join)
  return seen.slice(notCounted).map(({ seenAt, sentAt }) => seenAt - sentAt)
})

const ordersInLedger = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ orders: number }>`select count(*)::int as orders from cdm.order_contributions`
  return row?.orders ?? 0
})

/** Orders sent twice a second behind a backlog, each with the orders that were ahead of it. */
const behindBacklog = Effect.fnUntraced(function* (send: Send, bench: Bench) {
  const before = yield* ordersInLedger
  const startedAt = performance.now()
  yield* publishOrders(weekOf(bench, bench.orders))
  const sent: Array<{ readonly ahead: number; readonly seen: Fiber.Fiber<Effect.Success<Send>, Effect.Error<Send>> }> =
    []
  for (;;) {
    const ahead = before + bench.orders + sent.length - (yield* ordersInLedger)
    if (sent.length > 0 && ahead <= bench.orders / 50) break
    sent.push({ ahead, seen: yield* Effect.forkChild(send) })
    yield* Effect.sleep("500 millis")
  }
  yield* untilAllThrough(startedAt)
  const ordersPerSecond = bench.orders / ((performance.now() - startedAt) / 1_000)
  return yield* Effect.forEach(sent, ({ ahead, seen }) =>
    Effect.map(Fiber.join(seen), ({ seenAt, sentAt }) => ({
      seconds: (seenAt - sentAt) / 1_000,
      allowed: ahead / ordersPerSecond + 1
    }))
  )
})

const measureOn = Effect.fnUntraced(function* (bench: Bench, workplace: Workplace) {
  yield* loadReferences(weekOf(bench, bench.orders))
  const programs = yield* startReadyStages(workplace, bench)
  const ledger = yield* watchLedger
  const send = yield* makeSend(ledger, trickle(bench))
  const measure = Effect.gen(function* () {
    yield* say(`live: ${counted} orders, 5 to 20 a second`)
    const latencies = yield* quiet(send)
    yield* say(`live: behind a backlog of ${bench.orders} orders`)
    return { latencies, behind: yield* behindBacklog(send, bench) }
  })
  return yield* whileRunning(programs, Effect.raceFirst(measure, ledger.watching))
})

export const measureLive = (bench: Bench) =>
  Effect.scoped(
    Effect.gen(function* () {
      const workplace = yield* makeWorkplace(bench.servers, bench.folder)
      const { behind, latencies } = yield* onDatabase(
        workplace.databaseUrl,
        // The listener gives its connection back before the pool waits for all of them.
        Effect.scoped(measureOn(bench, workplace)).pipe(Effect.provide(clientsOf(workplace)))
      )
      const result: Measured = {
        figures: [
          figureOf(
            "live.p50",
            "from sending until committed in the marts, p50",
            "ms",
            [percentile(latencies, 50)],
            atMost(15)
          ),
          figureOf("live.p99", "  p99", "ms", [percentile(latencies, 99)], atMost(50)),
          figureOf("live.max", "  longest", "ms", [Math.max(...latencies)]),
          figureOf(
            "live.backlog.seconds",
            "an order behind a backlog: waits",
            "s",
            behind.map(({ seconds }) => seconds)
          ),
          figureOf(
            "live.backlog.ratio",
            "  longest ÷ (orders ahead ÷ throughput + 1 s)",
            "×",
            [Math.max(...behind.map(({ allowed, seconds }) => seconds / allowed))],
            atMost(1, "ratio")
          )
        ]
      }
      return result
    })
  )
