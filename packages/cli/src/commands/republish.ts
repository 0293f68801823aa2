/** `metka republish`: sends again what a later stage lacks. */
import { counted } from "@metka/console/words"
import * as Database from "@metka/core/Database"
import * as KafkaJs from "@metka/core/KafkaJs"
import { Topology } from "@metka/core/Topology"
import { Console, Effect, Layer, Schema } from "effect"
import { Command } from "effect/cli"
import { withProgress } from "../Progress.ts"
import { lackingOrders, leftOutText, republish as republishOrders } from "../Republish.ts"

class NotAllSent extends Schema.TaggedError<NotAllSent>()("NotAllSent", { message: Schema.String }) {}

export const republish = Command.make("republish", {}, () =>
  Effect.gen(function* () {
    const lacking = yield* lackingOrders
    if (lacking.length === 0)
      return yield* Console.log("DDS and CDM hold every order that STG could enrich. Nothing to send.")
    const leftOut = yield* withProgress({ label: "republish", total: lacking.length, unit: "orders" }, (progress) =>
      republishOrders(lacking, progress.update)
    )
    const count = leftOut.tooLarge.length + leftOut.unreadable.length
    yield* Console.log(
      `${lacking.length - count} orders sent again. Orders that were under way are among them; that changes nothing.`
    )
    if (count === 0) return
    for (const line of leftOutText(leftOut)) yield* Console.warn(`Left out: ${line}`)
    return yield* new NotAllSent({ message: `${counted(count, "order was", "orders were")} left out, see above` })
  }).pipe(Effect.provide(Layer.mergeAll(Database.layer("metka republish"), KafkaJs.layer, Topology.layer)))
).pipe(Command.withDescription("Send again from STG what DDS or CDM lacks, after a topic has lost its tail"))
