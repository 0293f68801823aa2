/** Decodes a batch; what cannot be decoded is set apart, and stops nothing. */
import { Effect, Result } from "effect"
import type { BatchTrace } from "./BatchTrace.ts"
import type { DeadLetter } from "./DeadLetters.ts"
import type { KafkaRecord } from "./Kafka.ts"
import { BadRecord, cleanDetail } from "./messages/BadRecord.ts"
import type { Received, Stage } from "./Stage.ts"
import { eachInTurns } from "./turns.ts"

type Decode<A> = Stage<A, never, never>["decode"]

const guarded = <A>(decode: Decode<A>, record: KafkaRecord): Result.Result<A, BadRecord> => {
  try {
    return decode(record)
  } catch (error) {
    // What decoding did not foresee must not stop the records behind it.
    return Result.fail(new BadRecord({ reason: "schema", detail: cleanDetail(String(error)) }))
  }
}

export const decodeBatch = Effect.fnUntraced(function* <A>(decode: Decode<A>, records: BatchTrace["records"]) {
  const received: Array<Received<A>> = []
  const letters: Array<DeadLetter> = []
  yield* eachInTurns(records, ({ record, traceparent }) =>
    Result.match(guarded(decode, record), {
      onFailure: (bad) => letters.push({ record, bad }),
      onSuccess: (message) => received.push({ record, message, traceparent })
    })
  )
  return { received, letters }
})
