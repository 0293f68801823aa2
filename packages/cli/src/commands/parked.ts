/** `metka parked`: the orders that wait for a reference. */
import { readParkedOrders } from "@metka/console/ParkedOrders"
import * as Database from "@metka/core/Database"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { limitFlag } from "../flags.ts"
import { parkedText } from "../ParkedOrdersText.ts"

export const parked = Command.make("parked", { limit: limitFlag("orders") }, ({ limit }) =>
  readParkedOrders(limit).pipe(
    Effect.flatMap((orders) => Console.log(parkedText(orders))),
    Effect.provide(Database.layer("metka parked"))
  )
).pipe(Command.withDescription("List the orders that wait for a guest, restaurant or dish, the oldest first"))
