/** `metka republish`: sends again what a later stage lacks. */
import * as Database from "@metka/core/Database"
import * as KafkaJs from "@metka/core/KafkaJs"
import { Topology } from "@metka/core/Topology"
import { lackingOrders, republish as republishOrders } from "@metka/stg/Republish"
import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { withProgress } from "../Progress.ts"

export const republish = Command.make("republish", {}, () =>
  Effect.gen(function* () {
    const lacking = yield* lackingOrders
    if (lacking.length === 0)
      return yield* Console.log("DDS and CDM hold every order that STG could enrich. Nothing to send.")
    yield* withProgress({ label: "republish", total: lacking.length, unit: "orders" }, (progress) =>
      republishOrders(lacking, progress.update)
    )
    yield* Console.log(
      `${lacking.length} orders sent again. Orders that were under way are among them; that changes nothing.`
    )
  }).pipe(Effect.provide(Layer.mergeAll(Database.layer("metka republish"), KafkaJs.layer, Topology.layer)))
).pipe(Command.withDescription("Send again from STG what DDS or CDM lacks, after a topic has lost its tail"))
