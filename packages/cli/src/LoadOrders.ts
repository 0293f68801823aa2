/** Sends history into the orders topic: each order message is checked before it is sent. */
import { Kafka } from "@metka/core/Kafka"
import { decodeSourceOrder } from "@metka/core/messages/SourceOrder"
import { publishIsolated } from "@metka/core/publishIsolated"
import { Topology } from "@metka/core/Topology"
import { Effect, Result } from "effect"
import { type GoodLine, loadLines } from "./LoadLines.ts"
import type { Progress } from "./Progress.ts"
import { waitOut } from "./waitOut.ts"

/** The user's id, so that a guest's orders share a partition; what is wrong with an order STG could not take. */
const readUserId = (line: Uint8Array): Result.Result<string, string> =>
  Result.match(decodeSourceOrder(line), {
    onFailure: (bad) => Result.fail(bad.detail),
    onSuccess: ({ order }) => Result.succeed(order.payload.user.id)
  })

/** Sends the good lines in the file's order; waits while Kafka is away. */
export const loadOrders = Effect.fnUntraced(function* (path: string, progress: Progress) {
  const kafka = yield* Kafka
  const { orders } = yield* Topology
  const send = (page: ReadonlyArray<GoodLine<string>>) =>
    waitOut(publishIsolated(orders, page, ({ line, value }) => ({ key: value, value: line.bytes, headers: {} }))).pipe(
      Effect.map((refused) => refused.map(({ item, refusal }) => ({ number: item.line.number, why: refusal.detail })))
    )
  yield* waitOut(kafka.ensureTopics([orders]))
  return yield* loadLines(path, progress, readUserId, send)
})
