/**
 * The auditor: holds every table against what it must follow from, in one snapshot, while the services run.
 * What an order is now is computed again from STG by the services' pure functions, from the vault in SQL, and from the
 * ledger in SQL.
 */
import { forEachPage } from "@metka/core/Cursor"
import { isOpen } from "@metka/core/DeadLetters"
import { inSnapshot } from "@metka/core/transaction"
import { orderInVault, vaultRows } from "@metka/dds/vault"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { staleNames, unmetInVault } from "./demands.ts"
import { checkDerivedKeys } from "./derivedKeys.ts"
import { type CheckName, checkNames, type Difference, Findings } from "./Difference.ts"
import { judgeOrder, readOrder, type Waiting } from "./judgeOrder.ts"
import type { Fate } from "./LookAgain.ts"
import { martChecks } from "./martChecks.ts"
import { nameOrders } from "./nameOrders.ts"
import { type OrderKeys, orderKeys, orderRecords } from "./OrderRecord.ts"
import { runSqlChecks } from "./SqlCheck.ts"
import { inSteps, type OnProgress } from "./Steps.ts"
import { checkTags } from "./tagCheck.ts"
import { vaultChecks } from "./vaultChecks.ts"

/** How the orders stand: each is counted once. */
export interface Orders {
  readonly total: number
  /** Not known to STG: their messages were sent straight to an inner topic, and are checked as far as they go. */
  readonly withoutStg: number
  readonly parked: number
  readonly inFlight: number
  readonly deadLetters: number
}

export interface Verdict {
  readonly orders: Orders
  /** Messages that could not be used, of orders or not, about which something is left to do. */
  readonly openDeadLetters: number
  readonly checks: ReadonlyArray<{ readonly name: CheckName; readonly differences: number }>
  /** The first ones; `total` counts all. */
  readonly differences: ReadonlyArray<Difference>
  readonly total: number
}

export interface VerifyOptions<E, R> {
  /** How many differences of each check to keep. */
  readonly most: number
  /** What became of versions that the next stage did not hold yet. */
  readonly fateOf: (waiting: ReadonlyArray<Waiting>) => Effect.Effect<Fate, E, R>
  readonly onProgress: OnProgress
}

/** As they took their time at 400,000 orders. */
const steps = [
  { name: "orders, one by one", share: 75 },
  { name: "keys", share: 10 },
  { name: "tables", share: 13 },
  { name: "tags", share: 1 },
  { name: "orders in flight", share: 1 }
] as const

/** Of a stage that is far behind not every order is looked at again. */
const mostLookedAtAgain = 10_000

const countRows = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ orders: number; rows: number }>`
    select (select count(*)::int from stg.order_events) as orders,
      (select count(*)::int from dds.h_order) + (select count(*)::int from dds.l_order_user)
      + (select count(*)::int from dds.l_order_product) + (select count(*)::int from dds.s_order_cost)
      + (select count(*)::int from dds.s_order_status) as rows`
  return { orders: found?.orders ?? 0, rows: found?.rows ?? 0 }
})

const countOpenDeadLetters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ open: number }>`
    select count(*)::int as open from ops.dead_letters where ${sql.literal(isOpen)}`
  return found?.open ?? 0
})

export const verify = Effect.fnUntraced(function* <E, R>({ fateOf, most, onProgress }: VerifyOptions<E, R>) {
  const findings = new Findings(most)
  const beginStep = inSteps(steps, onProgress)
  const { openDeadLetters, orders, waiting } = yield* inSnapshot(
    Effect.gen(function* () {
      const sqlChecks = [...martChecks, ...vaultChecks]
      const rows = yield* countRows
      const read = yield* checkOrders(findings, yield* beginStep("orders, one by one", rows.orders))
      yield* checkDerivedKeys(findings, yield* beginStep("keys", rows.rows))
      yield* runSqlChecks(sqlChecks, findings, yield* beginStep("tables", sqlChecks.length))
      yield* beginStep("tags")
      yield* checkTags(findings)
      return { ...read, openDeadLetters: yield* countOpenDeadLetters }
    })
  )
  const lookedAgain = yield* beginStep("orders in flight")
  const fate = yield* fateOf(waiting.list)
  yield* lookedAgain(1)
  findings.add(fate.lost.map(lostVersion))
  const verdict: Verdict = {
    orders: {
      ...orders,
      inFlight: fate.inFlight.length + waiting.count - waiting.list.length,
      deadLetters: fate.deadLetters.length
    },
    openDeadLetters,
    checks: checkNames.map((name) => ({ name, differences: findings.count(name) })),
    differences: yield* nameOrders(findings.kept),
    total: findings.total
  }
  return verdict
})

/** Order by order: STG, vault and ledger. */
const checkOrders = Effect.fnUntraced(function* (findings: Findings, onOrders: (count: number) => Effect.Effect<void>) {
  const orders = { total: 0, withoutStg: 0, parked: 0 }
  const waiting = { list: new Array<Waiting>(), count: 0 }
  yield* forEachPage<OrderKeys, SqlError, SqlClient.SqlClient>(orderKeys, (keys) =>
    Effect.gen(function* () {
      const page = (yield* orderRecords(keys)).map(readOrder)
      const inVault = page.flatMap((order) => (order.inVault === undefined ? [] : orderInVault(order.inVault)))
      const rows = vaultRows(inVault)
      const expected = new Map(rows.orders.map((row) => [String(row.orderId), row]))
      for (const order of page) {
        const { stg_version, enrichment, order_id } = order.record
        orders.total += 1
        if (stg_version === null) orders.withoutStg += 1
        else if (enrichment === null) orders.parked += 1
        const judgement = judgeOrder(order, expected.get(order_id))
        findings.add(judgement.differences)
        if (judgement.waiting === undefined) continue
        waiting.count += 1
        if (waiting.list.length < mostLookedAtAgain) waiting.list.push(judgement.waiting)
      }
      findings.add(yield* unmetInVault(rows, inVault))
      findings.add(yield* staleNames(page.flatMap((order) => order.inLedger ?? [])))
      yield* onOrders(keys.length)
    })
  )
  return { orders, waiting }
})

const lostVersion = ({ held, order, stage, version }: Waiting): Difference => ({
  check: "versions",
  order,
  table: stage === "dds" ? "dds.h_order" : "cdm.order_contributions",
  what: "order_version",
  is: held ?? "no row",
  shouldBe: version,
  remedy: stage === "dds" ? "republish" : "rebuild"
})
