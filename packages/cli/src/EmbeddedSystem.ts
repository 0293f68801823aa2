/** The whole system in this process, with the demo week and then a trickle of orders. */
import { applyRules } from "@metka/cdm/ApplyRules"
import { activeRules } from "@metka/cdm/TagRepository"
import { consoleRoutes } from "@metka/console/Console"
import { readCounts } from "@metka/console/Counts"
import type { ConsoleState } from "@metka/console/MartReader"
import { number } from "@metka/console/words"
import * as EmbeddedCheckpoints from "@metka/core/EmbeddedCheckpoints"
import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import * as PgliteInThread from "@metka/core/PgliteInThread"
import { Health } from "@metka/core/Health"
import { Kafka, recordsBehind } from "@metka/core/Kafka"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { migrate } from "@metka/core/Migrations"
import { publish } from "@metka/core/publish"
import * as MemoryReferenceData from "@metka/core/MemoryReferenceData"
import { ReferenceData } from "@metka/core/ReferenceData"
import * as Service from "@metka/core/Service"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Clock, Console, Deferred, Effect, Layer, Logger, Option, References, Schedule } from "effect"
import { HttpServer } from "effect/http"
import { SqlClient } from "effect/sql"
import { allMigrations } from "./AllMigrations.ts"
import { runAll, serviceTables } from "./AllServices.ts"
import * as DataDirectory from "./DataDirectory.ts"
import { demoRules } from "./demo/demoRules.ts"
import { type DemoWeek, demoWeek, firstObjectId } from "./demo/demoWeek.ts"
import { trickle } from "./demo/trickle.ts"
import { withProgress } from "./Progress.ts"
import { lackingOrders, leftOutText, republish } from "./Republish.ts"
import { type StartedRules, startWithRules } from "./FollowRules.ts"
import { type KeptWeek, rememberWeek } from "./KeptWeek.ts"
import { summary } from "./Summary.ts"

const publishSize = 2_000
const everyOrder = "12 seconds"

const publishWeek = Effect.fnUntraced(function* (week: DemoWeek) {
  const { orders } = yield* Topology
  const messages = week.messages[Symbol.iterator]()
  let done = false
  while (!done) {
    const page = [...take(messages, publishSize)]
    done = page.length < publishSize
    yield* publish(
      orders,
      page.map(({ key, value }) => ({ key, value, headers: {} }))
    )
    yield* Effect.yieldNow
  }
})

function* take<A>(iterator: Iterator<A>, count: number): Generator<A> {
  for (let taken = 0; taken < count; taken++) {
    const next = iterator.next()
    if (next.done === true) return
    yield next.value
  }
}

const loadReferences = Effect.fnUntraced(function* (week: DemoWeek) {
  const references = yield* ReferenceData
  const documents = [...week.references.users, ...week.references.restaurants]
  yield* references.load(documents.map((document) => ({ id: document._id, json: JSON.stringify(document) })))
})

/** Messages that each stage has to take in yet. */
const messagesToGo = Effect.gen(function* () {
  const kafka = yield* Kafka
  const inputs = inputsOf(yield* Topology)
  const stages = yield* Effect.all([kafka.lag(...inputs.stg), kafka.lag(...inputs.dds), kafka.lag(...inputs.cdm)])
  const [stg = 0, dds = 0, cdm = 0] = stages.map(recordsBehind)
  return { stg, dds, cdm, left: stg + dds + cdm }
})

/** Tells the console how the system is. */
type Show = (state: ConsoleState) => void

const loading = (progress = ""): ConsoleState => ({
  note: `The demo week is being loaded.${progress}`,
  isLoading: true
})

/** Waits until every stage has taken in all there is. A third of a message is done at each stage. */
const followWeek = (messages: number, show: Show) =>
  withProgress({ label: "loading", total: messages, unit: "messages" }, (progress) =>
    Effect.gen(function* () {
      let now = yield* messagesToGo
      while (now.left > 0) {
        const waiting = (now.stg * 3 + now.dds * 2 + now.cdm) / 3
        const done = Math.max(0, Math.round(messages - waiting))
        show(loading(` ${number(done)} of ${number(messages)} messages are in the marts.`))
        yield* progress.update(done, `· STG ${now.stg} DDS ${now.dds} CDM ${now.cdm} to go`)
        yield* Effect.sleep("100 millis")
        now = yield* messagesToGo
      }
      yield* progress.update(messages)
    })
  )

const startWithDemoRules = Effect.gen(function* () {
  if ((yield* activeRules).length === 0) yield* applyRules(demoRules)
  const started: StartedRules = { warnOnceLoaded: Effect.void, follow: Effect.never }
  return started
})

/** Goes on with the sequence of orders where the database says it stopped. */
const trickleOn = Effect.fnUntraced(function* ({ orders, seed }: KeptWeek) {
  const sql = yield* SqlClient.SqlClient
  const topology = yield* Topology
  const [held] = yield* sql<{ held: number }>`
    select count(*)::int as held from stg.order_events where object_id >= ${String(firstObjectId + orders)}::bigint`
  const source = trickle({ orders, seed })
  for (let skipped = 0; skipped < (held?.held ?? 0); skipped++) source.nextOrder(0)
  yield* Effect.gen(function* () {
    const { key, value } = source.nextOrder(yield* Clock.currentTimeMillis)
    yield* publish(topology.orders, [{ key, value, headers: {} }])
  }).pipe(Effect.schedule(Schedule.spaced(everyOrder)))
})

export interface StartOptions {
  readonly orders: number
  readonly seed: number
  readonly data: Option.Option<string>
  readonly rules: Option.Option<string>
  readonly once: boolean
}

const demo = Effect.fnUntraced(function* (options: StartOptions, show: Show) {
  const kept = yield* rememberWeek(options.data, options, yield* Clock.currentTimeMillis)
  const week = demoWeek({ ...kept.week, rhythmEndsAt: kept.week.endsAt })
  const rules = yield* Option.match(options.rules, {
    onNone: () => startWithDemoRules,
    onSome: startWithRules
  })
  yield* loadReferences(week)
  // The broker's log ends with the process: what a stage had not handed on is sent again from STG.
  const leftOut = yield* republish(yield* lackingOrders, () => Effect.void)
  for (const line of leftOutText(leftOut)) yield* Effect.logError(`not sent again: ${line}`)
  if (!kept.isLoaded) yield* publishWeek(week)
  const toFollow = kept.isLoaded ? (yield* messagesToGo).left : week.messageCount
  const server = yield* HttpServer.HttpServer
  const address = HttpServer.formatAddress(server.address)
  if (toFollow > 0) {
    if (!options.once) yield* Console.log(`  ${address} shows how far it is.\n`)
    yield* followWeek(toFollow, show)
  }
  yield* kept.markLoaded
  yield* Console.log(summary(yield* readCounts))
  yield* rules.warnOnceLoaded
  if (options.once) return
  show({ note: "The demo week is loaded; 5 orders a minute arrive.", isLoading: false })
  yield* Console.log(`  5 orders a minute arrive now. ${address} shows tags, guests and counts. Ctrl+C stops.\n`)
  yield* Effect.raceAllFirst([trickleOn(kept.week), rules.follow])
})

export const runEmbedded = (options: StartOptions) => {
  let state = loading()
  const lost = Deferred.makeUnsafe<never, EmbeddedDatabase.EmbeddedDatabaseError>()
  const openDatabase = (directory: string | undefined) =>
    PgliteInThread.open(directory, (cause) => {
      const message = `The embedded PostgreSQL is gone: ${cause.message}. Start again`
      Deferred.doneUnsafe(lost, Effect.fail(new EmbeddedDatabase.EmbeddedDatabaseError({ message, cause })))
    })
  return Service.serve(
    { name: "start", defaultPort: 8080, routes: consoleRoutes(Effect.sync(() => state)) },
    Effect.gen(function* () {
      yield* migrate(allMigrations)
      yield* Effect.all([Service.probeServers(...serviceTables), Service.probeReferences])
      yield* Effect.raceAllFirst([
        demo(options, (shown) => {
          state = shown
        }),
        runAll,
        EmbeddedCheckpoints.run,
        Deferred.await(lost)
      ])
    })
  ).pipe(
    Effect.provide(
      Layer.mergeAll(
        EmbeddedDatabase.layer(
          openDatabase,
          Option.isSome(options.data) ? { directory: `${options.data.value}/pgdata` } : {}
        ).pipe(Layer.provide(Option.match(options.data, { onNone: () => Layer.empty, onSome: DataDirectory.layer }))),
        Health.layer({ components: ["kafka", "postgres", "redis"] }),
        KafkaMemory.layer(),
        MemoryReferenceData.layer,
        // The one connection is busy all the time: fewer and larger transactions, for memory that the week takes anyway.
        Topology.layerDefault({ maxBatchRecords: 4_000 })
      ).pipe(
        Layer.provideMerge(
          Layer.mergeAll(
            Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]),
            Layer.succeed(References.MinimumLogLevel, "Error")
          )
        )
      )
    )
  )
}
