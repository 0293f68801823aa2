/** The messages that could not be used: which there are. */
import { isOpen } from "@metka/core/DeadLetters"
import type { BadRecordReason } from "@metka/core/messages/BadRecord"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"

export const services = ["stg", "dds", "cdm"] as const

/** What is not said limits nothing. */
export interface Selection {
  readonly ids?: ReadonlyArray<number>
  readonly service?: (typeof services)[number] | undefined
  readonly reason?: BadRecordReason | undefined
  /** Whether those are among them about which nothing is left to do: they were sent again, or closed without that. */
  readonly closed: boolean
}

/** The condition on rows of `ops.dead_letters`. */
export const isSelected = (sql: SqlClient.SqlClient, { closed, ids, reason, service }: Selection) =>
  sql.and([
    sql`true`,
    ...(ids === undefined ? [] : [sql`id = any(${ids.map(String)}::bigint[])`]),
    ...(service === undefined ? [] : [sql`service = ${service}`]),
    ...(reason === undefined ? [] : [sql`reason = ${reason}`]),
    ...(closed ? [] : [sql.literal(isOpen)])
  ])

export const ListedLetter = Schema.Struct({
  id: Schema.String,
  receivedAt: Schema.Date,
  service: Schema.String,
  topic: Schema.String,
  partition: Schema.Int,
  offset: Schema.String,
  orderId: Schema.NullOr(Schema.String).annotate({
    description: "The order that the message is about, where the beginning of its value or its header order-id tells"
  }),
  reason: Schema.String,
  detail: Schema.String
})
export type ListedLetter = typeof ListedLetter.Type

export const DeadLetters = Schema.Struct({
  newest: Schema.Array(ListedLetter).annotate({ description: "The newest ones first" }),
  total: Schema.Int
})
export type DeadLetters = typeof DeadLetters.Type

export const readDeadLetters = Effect.fnUntraced(function* (selection: Selection, limit: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<ListedLetter & { readonly total: number }>`
    select id::text as id, received_at as "receivedAt", service, topic, partition, "offset"::text as "offset",
      order_id as "orderId", reason, detail, (count(*) over ())::int as total
    from ops.dead_letters where ${isSelected(sql, selection)} order by dead_letters.id desc limit ${limit}::int`
  const letters: DeadLetters = { newest: rows, total: rows[0]?.total ?? 0 }
  return letters
})
