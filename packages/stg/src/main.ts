/** The STG service: order-service_orders → stg.* → stg-service-orders. */
import * as Database from "@metka/core/Database"
import { Health } from "@metka/core/Health"
import * as KafkaJs from "@metka/core/KafkaJs"
import * as RedisReferenceData from "@metka/core/RedisReferenceData"
import { runMain, untilSignal } from "@metka/core/runMain"
import * as Service from "@metka/core/Service"
import * as Telemetry from "@metka/core/Telemetry"
import { Topology } from "@metka/core/Topology"
import { Effect, Layer } from "effect"
import * as Stg from "./Stg.ts"

const work = Effect.all([Service.probeServers(Stg.table), Service.probeReferences, Stg.run], {
  concurrency: "unbounded",
  discard: true
})

Service.serve({ name: "stg", defaultPort: 8081 }, work).pipe(
  Effect.provide(
    Layer.mergeAll(
      Database.layer("metka stg"),
      Health.layer({ components: ["kafka", "postgres", "redis"] }),
      KafkaJs.layer,
      RedisReferenceData.layer,
      Topology.layer
    ).pipe(Layer.provideMerge(Telemetry.layer("metka-stg")))
  ),
  untilSignal,
  runMain("metka stg")
)
