/** One round: the week through the services, then the same week by one load in SQL, on the same servers. */
import { Effect } from "effect"
import { measureBackfill } from "./backfill.ts"
import { measureBaseline } from "./baseline.ts"
import { type Bench, weekOf } from "./run.ts"
import { compareWarehouses } from "./comparison.ts"
import { loadReferences, publishOrders, writeFiles } from "./input.ts"
import { clientsOf, makeWorkplace, migratedDatabase } from "./servers.ts"
import type { StageOptions } from "./stages.ts"

/** A workplace with the week's references in Redis and its messages in the orders topic. */
export const makeFilledWorkplace = Effect.fnUntraced(function* ({ folder, servers, seed }: Bench, orders: number) {
  const week = weekOf({ seed }, orders)
  const workplace = yield* makeWorkplace(servers, folder)
  const publishSeconds = yield* Effect.andThen(loadReferences(week), publishOrders(week)).pipe(
    Effect.provide(clientsOf(workplace))
  )
  return { workplace, publishSeconds, messages: week.messageCount }
})

/** Leaves both databases as they are, until the scope ends. Fails with `ResultsDiffer` when both ways do not end in the same. */
export const makeRound = Effect.fnUntraced(function* (bench: Bench, orders: number, options?: Partial<StageOptions>) {
  const { folder, servers } = bench
  const { messages, publishSeconds, workplace } = yield* makeFilledWorkplace(bench, orders)
  const history = yield* measureBackfill(servers, workplace, { folder, ...options })
  const files = yield* writeFiles(weekOf(bench, orders), folder)
  const loadUrl = yield* migratedDatabase(servers, folder)
  const baseline = yield* measureBaseline(loadUrl, servers.pids.postgres, files)
  const rows = yield* compareWarehouses(workplace.databaseUrl, loadUrl)
  return { workplace, loadUrl, measured: { messages, publishSeconds, history, baseline, rows } }
})

export type RoundMeasured = Effect.Success<ReturnType<typeof makeRound>>["measured"]

/** Everything of it is gone afterwards. */
export const measureRound = (bench: Bench, orders: number) =>
  Effect.scoped(Effect.map(makeRound(bench, orders), ({ measured }) => measured))
