/** `metka migrate`, `metka all` and `metka console`: against the real services that the environment names. */
import * as BiRefresh from "@metka/cdm/BiRefresh"
import { consoleRoutes } from "@metka/console/Console"
import { businessTimeZone } from "@metka/core/BusinessTimeZone"
import * as Database from "@metka/core/Database"
import { Health } from "@metka/core/Health"
import * as KafkaJs from "@metka/core/KafkaJs"
import { describe, isPassing, retryWhile } from "@metka/core/Outage"
import * as RedisReferenceData from "@metka/core/RedisReferenceData"
import { untilSignal } from "@metka/core/runMain"
import * as Service from "@metka/core/Service"
import * as Telemetry from "@metka/core/Telemetry"
import { Topology } from "@metka/core/Topology"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { runAll, serviceTables } from "../AllServices.ts"
import { migrateDatabase } from "../Migrate.ts"

/** Waits for the server, then brings the schemas to the newest form. */
const migrateWhenUp = migrateDatabase.pipe(
  Effect.tapError((error) =>
    isPassing(error) ? Effect.logWarning(`migrations wait: ${describe(error)}`) : Effect.void
  ),
  Effect.retry(retryWhile(isPassing)),
  Effect.tap((done) => Effect.logInfo(done.length === 0 ? "the schemas are the newest" : `migrated ${done.join(", ")}`))
)

export const migrate = Command.make("migrate", {}, () =>
  Effect.asVoid(migrateWhenUp).pipe(
    Effect.provide(Database.layer("metka migrate").pipe(Layer.provideMerge(Telemetry.layer("metka-migrate"))))
  )
).pipe(
  Command.withDescription("Bring the database's schemas to the newest form, and the rights of the roles that exist")
)

/** What the environment names must be a zone, or somebody should hear of it before anything has begun. */
const afterTimeZone = <A, E, R>(serving: Effect.Effect<A, E, R>) => Effect.andThen(businessTimeZone, serving)

const routes = consoleRoutes(Effect.succeed({ note: "The marts as they are now.", isLoading: false }))

export const all = Command.make("all", {}, () =>
  Service.serve(
    { name: "all", defaultPort: 8080, routes },
    Effect.andThen(
      migrateWhenUp,
      Effect.all([Service.probeServers(...serviceTables), Service.probeReferences, runAll, BiRefresh.run], {
        concurrency: "unbounded",
        discard: true
      })
    )
  ).pipe(
    afterTimeZone,
    Effect.provide(
      Layer.mergeAll(
        Database.layer("metka all"),
        Health.layer({ components: ["kafka", "postgres", "redis"] }),
        KafkaJs.layer,
        RedisReferenceData.layer,
        Topology.layer
      ).pipe(Layer.provideMerge(Telemetry.layer("metka")))
    ),
    untilSignal
  )
).pipe(Command.withDescription("Migrate, then run every service in this process"))

export const console = Command.make("console", {}, () =>
  Service.serve(
    { name: "console", defaultPort: 8080, routes },
    Effect.andThen(Service.probeDatabase("cdm.user_category_counters"), Effect.never)
  ).pipe(
    afterTimeZone,
    Effect.provide(
      Layer.mergeAll(Database.layer("metka console"), Health.layer({ components: ["postgres"] })).pipe(
        Layer.provideMerge(Telemetry.layer("metka-console"))
      )
    ),
    untilSignal
  )
).pipe(Command.withDescription("Serve the pages and the HTTP API"))
