/**
 * `npm run bench:bi`: how long the charts of docs/datalens.md take at 1,000,000 orders, and what keeping their tables up
 * to date costs. Fails when a chart takes longer than 100 ms.
 */
import { refresh } from "@metka/cdm/BiRefresh"
import { runMain } from "@metka/core/runMain"
import { migrateDatabase } from "@metka/cli/Migrate"
import { makeRoles } from "@metka/cli/GrantRoles"
import { chartsOfPage } from "@metka/testing/chartsOfPage"
import { insertManyOrders } from "@metka/testing/manyOrders"
import { ownPostgresServer } from "@metka/testing/servers"
import { Console, Duration, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { cpus, loadavg } from "node:os"
import { onDatabase } from "./database.ts"

const allowedMillis = 100
const runs = 11

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", { message: Schema.String }) {}

const execute = (statement: string) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement))
const seconds = (duration: Duration.Duration) => (Duration.toMillis(duration) / 1_000).toFixed(1)

const timed = Effect.fnUntraced(function* <A, E, R>(what: string, effect: Effect.Effect<A, E, R>) {
  const [took] = yield* Effect.timed(effect)
  yield* Console.log(`${what.padEnd(52)} ${seconds(took).padStart(8)} s`)
})

/** Time as the tool waits for it, median and worst; the first run, which warms up, is left out. */
const measure = Effect.fnUntraced(function* (query: string) {
  yield* execute(query)
  const times: Array<number> = []
  for (let run = 0; run < runs; run++) times.push(Duration.toMillis((yield* Effect.timed(execute(query)))[0]))
  const sorted = times.toSorted((a, b) => a - b)
  return { median: sorted[runs >> 1] ?? Number.NaN, worst: sorted.at(-1) ?? Number.NaN }
})

const prepare = Effect.fnUntraced(function* (orders: number) {
  yield* migrateDatabase
  yield* makeRoles
  yield* execute("alter role metka_bi login")
  yield* timed(`${orders.toLocaleString("en")} orders made`, insertManyOrders(orders))
  yield* timed("the tables of BI, all of it", refresh)
  yield* execute("vacuum analyze")
  yield* timed("again, when nothing has changed", refresh)
  const [months] = yield* (yield* SqlClient.SqlClient)<{ took: number }>`
    select extract(epoch from months_took)::float8 as took from bi.settings`
  yield* Console.log(`${"of that for weeks, months and cohorts".padEnd(52)} ${months?.took.toFixed(1).padStart(8)} s`)
  yield* execute("update cdm.order_contributions set order_version = order_version || 'x' where order_id like '%000'")
  yield* timed("again, when an order of every day has changed", refresh)
})

const bench = Effect.gen(function* () {
  const orders = Number(process.argv[2] ?? 1_000_000)
  const { url } = yield* ownPostgresServer
  yield* Console.log(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}\n`)
  yield* onDatabase(url, prepare(orders))
  const asBi = new URL(url)
  asBi.username = "metka_bi"
  yield* Console.log(`\n${"chart".padEnd(40)}${"median".padStart(10)}${"worst".padStart(10)} ms`)
  const slow: Array<string> = []
  for (const { query, title } of yield* chartsOfPage) {
    const { median, worst } = yield* onDatabase(asBi.href, measure(query))
    yield* Console.log(`${title.padEnd(40)}${median.toFixed(1).padStart(10)}${worst.toFixed(1).padStart(10)}`)
    if (median > allowedMillis) slow.push(title)
  }
  if (slow.length > 0) {
    return yield* new TooSlow({ message: `slower than ${allowedMillis} ms: ${slow.join(", ")}` })
  }
})

runMain("bench:bi")(Effect.scoped(bench))
