/** The CDM service: cdm-service-stats → cdm.* → guest-tags. */
import * as BiRefresh from "./BiRefresh.ts"
import * as Database from "@metka/core/Database"
import { Health } from "@metka/core/Health"
import * as KafkaJs from "@metka/core/KafkaJs"
import { runMain, untilSignal } from "@metka/core/runMain"
import * as Service from "@metka/core/Service"
import * as Telemetry from "@metka/core/Telemetry"
import { Topology } from "@metka/core/Topology"
import { Effect, Layer } from "effect"
import * as Cdm from "./Cdm.ts"

const work = Effect.all([Service.probeServers(Cdm.table), Cdm.run, BiRefresh.run], {
  concurrency: "unbounded",
  discard: true
})

Service.serve({ name: "cdm", defaultPort: 8083 }, work).pipe(
  Effect.provide(
    Layer.mergeAll(
      Database.layer("metka cdm"),
      Health.layer({ components: ["kafka", "postgres"] }),
      KafkaJs.layer,
      Topology.layer
    ).pipe(Layer.provideMerge(Telemetry.layer("metka-cdm")))
  ),
  untilSignal,
  runMain("metka cdm")
)
