/** Which processes run, by the heartbeat that each of them keeps in the database. */
import { Clock, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"

/** Three heartbeats. */
const silentMillis = 30_000

export const RunningService = Schema.Struct({
  service: Schema.String,
  host: Schema.String,
  version: Schema.String,
  startedAt: Schema.Date,
  heartbeatAt: Schema.Date,
  state: Schema.Literals(["ready", "waiting", "silent"]).annotate({
    description:
      "waiting: for a server that it needs; silent: its last heartbeat is old, it ended without a farewell or hangs"
  })
})
export type RunningService = typeof RunningService.Type

/** A row is kept for a day after the last heartbeat. */
export const readRunningServices = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const alive = new Date((yield* Clock.currentTimeMillis) - silentMillis).toISOString()
  return yield* sql<RunningService>`
    select service, host, version, started_at as "startedAt", heartbeat_at as "heartbeatAt",
      case when heartbeat_at < ${alive}::timestamptz then 'silent' when ready then 'ready' else 'waiting' end as state
    from ops.service_instances order by service, started_at`
})
