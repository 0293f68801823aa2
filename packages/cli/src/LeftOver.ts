/** What of a load is not in the marts although every message was taken in. */
import { isOpen } from "@metka/core/DeadLetters"
import * as Database from "@metka/core/Database"
import { Config, Effect, Option } from "effect"
import { SqlClient } from "effect/sql"

const count = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ parked: number; dead_letters: number }>`
    select (select count(*)::int from stg.parked_orders) as parked,
      (select count(*)::int from ops.dead_letters where ${sql.literal(isOpen)}) as dead_letters`
  return row ?? { parked: 0, dead_letters: 0 }
})

/** Parked orders and dead letters as a sentence; nothing is said where `DATABASE_URL` does not tell where to look. */
export const leftOver = Effect.gen(function* () {
  const url = yield* Config.option(Config.String("DATABASE_URL"))
  if (Option.isNone(url)) return ""
  const { dead_letters: deadLetters, parked } = yield* Effect.provide(count, Database.layer("metka load"))
  return [
    ...(parked > 0
      ? [`${parked} orders wait for a guest, restaurant or dish that Redis does not know: npx metka parked lists them.`]
      : []),
    ...(deadLetters > 0 ? [`${deadLetters} messages are in the dead letters: npx metka dead-letters list.`] : [])
  ].join(" ")
})
