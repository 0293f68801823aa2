/** Tells the operator's console which processes run: each keeps a row of `ops.service_instances` fresh. */
import { Clock, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { endingWithin } from "./endingWithin.ts"
import { Health } from "./Health.ts"

const heartbeatEvery = "10 seconds"
/** A database that does not answer must not hold up a shutdown; the row then goes stale and is swept up. */
const farewellTimeout = "300 millis"
/** Rows of processes that ended without a farewell are kept for a day, as the trace of what happened. */
const keptMillis = 24 * 60 * 60 * 1_000

const timestamp = (millis: number): string => new Date(millis).toISOString()

/**
 * Writes the row at once, then every 10 seconds and when readiness turns, and removes it on a clean shutdown. A
 * heartbeat that fails is logged at debug, and the next one tries again: the service does its work without.
 */
export const layer = (options: {
  readonly service: string
  readonly version: string
}): Layer.Layer<never, never, SqlClient.SqlClient | Health> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const health = yield* Health
      const instanceId = randomUUID()
      const startedAt = timestamp(yield* Clock.currentTimeMillis)

      const heartbeat = Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const { ready } = yield* health.readiness
        // One statement cannot delete and update the same row, and after a suspension ours may be a day old.
        const write = sql`with swept_up as (
            delete from ops.service_instances where heartbeat_at < ${timestamp(now - keptMillis)}::timestamptz
              and instance_id <> ${instanceId}::uuid
          )
          insert into ops.service_instances
          (instance_id, service, host, pid, version, started_at, heartbeat_at, ready)
          values (${instanceId}::uuid, ${options.service}, ${hostname()}, ${process.pid}, ${options.version},
            ${startedAt}::timestamptz, ${timestamp(now)}::timestamptz, ${ready})
          on conflict (instance_id) do update set heartbeat_at = excluded.heartbeat_at, ready = excluded.ready`
        yield* endingWithin(write, heartbeatEvery).pipe(
          Effect.catch((error) => Effect.logDebug(`the heartbeat is left out: ${error.message}`))
        )
        yield* Effect.timeoutOption(health.turnsFrom(ready), heartbeatEvery)
      }).pipe(Effect.withTracerEnabled(false))

      const farewell = sql`delete from ops.service_instances where instance_id = ${instanceId}::uuid`.pipe(
        Effect.interruptible,
        Effect.timeoutOption(farewellTimeout),
        Effect.catch((error) => Effect.logDebug(`the instance's row stays: ${error.message}`)),
        Effect.withTracerEnabled(false)
      )

      // Registered before the loop is forked, so it runs after the loop has ended.
      yield* Effect.addFinalizer(() => farewell)
      yield* Effect.forkScoped(Effect.forever(heartbeat))
    })
  )
