/** `metka republish`: sends again what a later stage lacks. */
import * as Database from "@metka/core/Database"
import * as KafkaJs from "@metka/core/KafkaJs"
import { Topology } from "@metka/core/Topology"
import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { withProgress } from "../Progress.ts"
import { lackingOrders, republish as republishOrders } from "../Republish.ts"

export const republish = Command.make("republish", {}, () =>
  Effect.gen(function* () {
    const lacking = yield* lackingOrders
    if (lacking.length === 0)
      return yield* Console.log("DDS and CDM hold every order that STG could enrich. Nothing to send.")
    const refused = yield* withProgress({ label: "republish", total: lacking.length, unit: "orders" }, (progress) =>
      republishOrders(lacking, progress.update)
    )
    yield* Console.log(
      `${lacking.length - refused.length} orders sent again. Orders that were under way are among them; that changes nothing.`
    )
    if (refused.length > 0) {
      yield* Console.warn(
        `${refused.length} orders are too large for the broker and were left out: ${refused.join(", ")}. ` +
          "Raise max.message.bytes of the topic and run this again."
      )
    }
  }).pipe(Effect.provide(Layer.mergeAll(Database.layer("metka republish"), KafkaJs.layer, Topology.layer)))
).pipe(Command.withDescription("Send again from STG what DDS or CDM lacks, after a topic has lost its tail"))
