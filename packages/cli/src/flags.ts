/** Flags that several commands share. */
import { Schema } from "effect"
import { Flag } from "effect/cli"
import { defaultOrders, defaultSeed } from "./demo/demoWeek.ts"

export const ordersFlag = Flag.Int("orders").pipe(
  Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5_000_000 }))),
  Flag.withDescription("Orders in the demo week, 1 to 5,000,000"),
  Flag.withDefault(defaultOrders)
)

/** @param what it lists */
export const limitFlag = (what: string) =>
  Flag.Int("limit").pipe(
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))),
    Flag.withDescription(`How many ${what} to list, 1 to 1,000,000`),
    Flag.withDefault(20)
  )

export const seedFlag = Flag.Int("seed").pipe(
  Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4_294_967_295 }))),
  Flag.withDescription("The same seed gives the same week"),
  Flag.withDefault(defaultSeed)
)
