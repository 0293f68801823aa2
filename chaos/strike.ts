/** Does to the system what the plan says. */
import type { ServerProcess } from "@metka/testing/servers"
import { Clock, Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { type Fleet, ServiceMisbehaved } from "./Fleet.ts"
import type { Fault } from "./plan.ts"
import { serverNamed, type System } from "./system.ts"

/** `metka stg` and so on, as `pg_stat_activity` names the services' sessions. */
const terminateSessions = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name in ('metka stg', 'metka dds', 'metka cdm')`
)

const nobodyReady = (fleet: Fleet) =>
  Effect.flatMap(fleet.ready, (ready) =>
    ready.length === 0
      ? Effect.void
      : Effect.fail(new ServiceMisbehaved({ message: `${ready.join(", ")} said ready while a server was away` }))
  )

const frozenFor = ({ signal }: ServerProcess, millis: number) =>
  Effect.acquireUseRelease(
    signal("SIGSTOP"),
    () => Effect.sleep(millis),
    () => signal("SIGCONT")
  )

const inflict = Effect.fnUntraced(function* (system: System, fault: Fault) {
  const { fleet } = system
  switch (fault.kind) {
    case "kill":
      yield* fleet.kill(fault.replica)
      yield* Effect.sleep(fault.downMillis)
      return yield* fleet.start(fault.replica)
    case "zombie":
      yield* fleet.signal(fault.replica, "SIGSTOP")
      yield* Effect.sleep(fault.pausedMillis)
      return yield* fleet.signal(fault.replica, "SIGCONT")
    case "roll":
      return yield* fleet.roll(fault.service)
    case "restart": {
      const server = serverNamed(system, fault.server)
      yield* server[fault.how]
      yield* Effect.sleep(fault.downMillis)
      return yield* server.start
    }
    case "outage": {
      const servers = fault.server === "kafka" ? system.servers.kafka : [system.servers.postgres]
      yield* Effect.forEach(servers, ({ kill }) => kill, { concurrency: "unbounded" })
      yield* fleet.allUnready
      yield* Effect.repeat(nobodyReady(fleet), { times: fault.seconds, schedule: Schedule.spaced("1 second") })
      // A broker of several answers once most of them are there.
      yield* Effect.forEach(servers, ({ start }) => start, { concurrency: "unbounded" })
      return
    }
    case "freeze":
      return yield* frozenFor(serverNamed(system, fault.server), fault.millis)
    case "cut":
      return yield* serverNamed(system, fault.server).proxy.cut
    case "stall":
      return yield* serverNamed(system, fault.server).proxy.stallDuring(Effect.sleep(fault.millis))
    case "terminate":
      yield* terminateSessions
  }
})

export interface Struck {
  readonly fault: Fault
  /** When the system was left alone again: the process started, the server up, the connection open. */
  readonly mendedAt: number
}

/** Strikes, and returns when it has mended what it broke. */
export const strike = (system: System, fault: Fault) =>
  inflict(system, fault).pipe(
    Effect.andThen(Clock.currentTimeMillis),
    Effect.map((mendedAt): Struck => ({ fault, mendedAt }))
  )
