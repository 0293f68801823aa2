/**
 * Tells a version that is on its way from one that is lost. Whoever holds no Kafka message cannot tell; but a stage
 * publishes before it commits. So once each stage, from the first to the last, has committed all that was in its topic
 * after the snapshot, whatever was on its way then has arrived, and what has not will never.
 */
import { Kafka } from "@metka/core/Kafka"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Clock, Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import type { Waiting } from "./judgeOrder.ts"

/** What became of the versions that were waiting in the snapshot. */
export interface Fate {
  readonly lost: ReadonlyArray<Waiting>
  /** Their messages are in `ops.dead_letters`. */
  readonly deadLetters: ReadonlyArray<Waiting>
  /** On their way still, or nobody can tell. */
  readonly inFlight: ReadonlyArray<Waiting>
}

/** How long the stages may take: services that stand still are not worth waiting for. */
const patienceMillis = 10_000

/** A broker that has just made a topic, or is about to come back, answers when asked again. */
export const partitionLags = (topic: string, group: string) =>
  Effect.flatMap(Kafka, (kafka) =>
    Effect.retry(kafka.lag(topic, group), {
      schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: patienceMillis })),
      while: ({ reason }) => reason._tag === "KafkaUnavailable"
    })
  )

/** Waits until the group has committed all that the topic holds now; false when that takes too long. */
const catchesUp = Effect.fnUntraced(function* (topic: string, group: string, deadline: number) {
  let now = yield* partitionLags(topic, group)
  const ends = new Map(now.map(({ end, partition }) => [partition, end]))
  const isBehind = () => now.some(({ committed, partition }) => committed < (ends.get(partition) ?? 0))
  while (isBehind()) {
    if ((yield* Clock.currentTimeMillis) >= deadline) return false
    yield* Effect.sleep("100 millis")
    now = yield* partitionLags(topic, group)
  }
  return true
})

const objectIds = (waiting: ReadonlyArray<Waiting>): ReadonlyArray<string> => waiting.map(({ order }) => order)

/** Orders of which STG waits for its next attempt to publish them. */
const stillParked = Effect.fnUntraced(function* (waiting: ReadonlyArray<Waiting>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ object_id: string }>`
    select object_id::text as object_id from stg.parked_orders where object_id::text = any(${objectIds(waiting)}::text[])`
  return new Set(rows.map((row) => row.object_id))
})

/** Waiting versions whose message, or the message that follows from it, no retry could mend. */
const inDeadLetters = Effect.fnUntraced(function* (waiting: ReadonlyArray<Waiting>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ order: string }>`
    select object_id as order
    from unnest(${objectIds(waiting)}::text[], ${waiting.map(({ version }) => version)}::text[]) as asked (object_id, order_version)
    where exists (
      select 1 from ops.dead_letters letter
      where replayed_at is null and service <> 'stg' and headers ->> 'order-version' = asked.order_version
    ) or exists (
      select 1 from stg.order_events events join ops.dead_letters letter using (topic, partition, "offset", kafka_timestamp)
      where events.object_id::text = asked.object_id and events.order_version = asked.order_version
        and letter.replayed_at is null
    )`
  return new Set(rows.map((row) => row.order))
})

/** Versions that their stage holds by now, or has gone past. */
const arrived = Effect.fnUntraced(function* (waiting: ReadonlyArray<Waiting>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ order: string }>`
    select asked.object_id as order
    from unnest(${objectIds(waiting)}::text[], ${waiting.map(({ version }) => version)}::text[],
      ${waiting.map(({ stage }) => stage)}::text[]) as asked (object_id, order_version, stage)
    left join dds.h_order hub on hub.order_id::text = asked.object_id and asked.stage = 'dds'
    left join cdm.order_contributions ledger on ledger.order_id = asked.object_id and asked.stage = 'cdm'
    where coalesce(hub.order_version, ledger.order_version) >= asked.order_version collate "C"`
  return new Set(rows.map((row) => row.order))
})

const withoutDeadLetters = Effect.fnUntraced(function* (waiting: ReadonlyArray<Waiting>) {
  const dead = yield* inDeadLetters(waiting)
  return {
    deadLetters: waiting.filter(({ order }) => dead.has(order)),
    others: waiting.filter(({ order }) => !dead.has(order))
  }
})

/** Without Kafka nobody can tell: all of it may be on its way. */
export const assumeInFlight = Effect.fnUntraced(function* (waiting: ReadonlyArray<Waiting>) {
  const { deadLetters, others } = yield* withoutDeadLetters(waiting)
  const fate: Fate = { lost: [], deadLetters, inFlight: others }
  return fate
})

/** Runs outside of the snapshot, some time after it. */
export const lookAgain = Effect.fnUntraced(function* (waiting: ReadonlyArray<Waiting>) {
  if (waiting.length === 0) return yield* assumeInFlight(waiting)
  const inputs = inputsOf(yield* Topology)
  const deadline = (yield* Clock.currentTimeMillis) + patienceMillis
  if (!(yield* catchesUp(...inputs.stg, deadline))) return yield* assumeInFlight(waiting)
  // Read before the ends of the next topic: what is parked no more has been published.
  const parked = yield* stillParked(waiting)
  if (!(yield* catchesUp(...inputs.dds, deadline))) return yield* assumeInFlight(waiting)
  if (!(yield* catchesUp(...inputs.cdm, deadline))) return yield* assumeInFlight(waiting)
  const here = yield* arrived(waiting)
  const { deadLetters, others } = yield* withoutDeadLetters(waiting.filter(({ order }) => !here.has(order)))
  const fate: Fate = {
    lost: others.filter(({ order }) => !parked.has(order)),
    deadLetters,
    inFlight: [...waiting.filter(({ order }) => here.has(order)), ...others.filter(({ order }) => parked.has(order))]
  }
  return fate
})
