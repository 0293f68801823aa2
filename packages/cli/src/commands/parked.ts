/** `metka parked`: the orders that wait for a reference. */
import * as Database from "@metka/core/Database"
import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { parkedText, readParkedOrders } from "../ParkedOrders.ts"

export const parked = Command.make(
  "parked",
  {
    limit: Flag.Int("limit").pipe(
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))),
      Flag.withDescription("How many orders to list, 1 to 1,000,000"),
      Flag.withDefault(20)
    )
  },
  ({ limit }) =>
    readParkedOrders(limit).pipe(
      Effect.flatMap((orders) => Console.log(parkedText(orders))),
      Effect.provide(Database.layer("metka parked"))
    )
).pipe(Command.withDescription("List the orders that wait for a guest, restaurant or dish, the oldest first"))
