/** Sends history into the orders topic: JSON lines of order messages, each checked before it is sent. */
import { Kafka, type OutgoingRecord } from "@metka/core/Kafka"
import { decodeSourceOrder } from "@metka/core/messages/SourceOrder"
import { header } from "@metka/core/messages/headers"
import { Topology } from "@metka/core/Topology"
import * as TraceContext from "@metka/core/TraceContext"
import { Effect, Result, Stream } from "effect"
import { type InputLine, inputLines } from "./InputLines.ts"
import type { Progress } from "./Progress.ts"

/** A line that STG would put into the dead letters; it is not sent. */
export interface BadLine {
  readonly number: number
  readonly why: string
}

export interface Loaded {
  readonly sent: number
  readonly badLines: ReadonlyArray<BadLine>
  readonly badCount: number
}

const pageSize = 2_000
/** As many bad lines as a person reads. */
const keptBadLines = 20

const toRecord = (line: InputLine): Result.Result<OutgoingRecord, BadLine> =>
  Result.match(decodeSourceOrder(Buffer.from(line.text)), {
    onFailure: (bad) => Result.fail({ number: line.number, why: bad.detail }),
    onSuccess: ({ value }) =>
      Result.succeed({
        key: value.payload.user.id,
        value: line.text,
        headers: { [header.traceparent]: TraceContext.makeRoot() }
      })
  })

/** Sends the good lines in the file's order. */
export const loadOrders = Effect.fnUntraced(function* (path: string, progress: Progress) {
  const kafka = yield* Kafka
  const { orders } = yield* Topology
  yield* kafka.ensureTopics([orders])
  let sent = 0
  let badCount = 0
  const badLines: Array<BadLine> = []
  yield* inputLines(path, pageSize).pipe(
    Stream.runForEach((page) =>
      Effect.gen(function* () {
        const records: Array<OutgoingRecord> = []
        for (const line of page) {
          Result.match(toRecord(line), {
            onFailure: (bad) => {
              badCount += 1
              if (badLines.length < keptBadLines) badLines.push(bad)
            },
            onSuccess: (record) => records.push(record)
          })
        }
        yield* kafka.publish(orders, records)
        sent += records.length
        yield* progress.update(sent + badCount)
      })
    )
  )
  const loaded: Loaded = { sent, badLines, badCount }
  return loaded
})
