/** The DDS service: stg-service-orders → dds.* → cdm-service-stats. */
import * as Database from "@metka/core/Database"
import { Health } from "@metka/core/Health"
import * as KafkaJs from "@metka/core/KafkaJs"
import { runMain, untilSignal } from "@metka/core/runMain"
import * as Service from "@metka/core/Service"
import * as Telemetry from "@metka/core/Telemetry"
import { Topology } from "@metka/core/Topology"
import { Effect, Layer } from "effect"
import * as Dds from "./Dds.ts"

const work = Effect.all([Service.probeServers(Dds.table), Dds.run], { concurrency: "unbounded", discard: true })

Service.serve({ name: "dds", defaultPort: 8082 }, work).pipe(
  Effect.provide(
    Layer.mergeAll(
      Database.layer("metka dds"),
      Health.layer({ components: ["kafka", "postgres"] }),
      KafkaJs.layer,
      Topology.layer
    ).pipe(Layer.provideMerge(Telemetry.layer("metka-dds")))
  ),
  untilSignal,
  runMain("metka dds")
)
