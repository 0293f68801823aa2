/** What a service supplies to the pipeline, which does the rest. */
import type { Effect, Result } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import type { KafkaRecord, OutgoingRecord } from "./Kafka.ts"
import type { BadRecord } from "./messages/BadRecord.ts"
import type { StageError } from "./Outage.ts"
import type { Outcomes } from "./Settled.ts"

/** A decoded record. `traceparent` is what its outgoing messages carry on. */
export interface Received<A> {
  readonly record: KafkaRecord
  readonly message: A
  readonly traceparent: string
}

/** What a transaction did with a batch, and what it gives the next stage. */
export interface Stored {
  readonly outgoing: ReadonlyArray<OutgoingRecord>
  readonly outcomes: Outcomes
}

export interface Stage<A, P, R> {
  readonly service: string
  /** Whether it takes what comes from outside: it reads that again once the database has gone back. */
  readonly isFirst: boolean
  readonly topic: string
  readonly group: string
  readonly output: string
  /** The group that reads the output, where a stage does. */
  readonly nextGroup?: string
  /** Upper bound of records in one batch, and so in one transaction. */
  readonly maxRecords: number
  /** Pure; what it refuses becomes a dead letter. */
  readonly decode: (record: KafkaRecord) => Result.Result<A, BadRecord>
  /** Everything a batch needs before its transaction opens: pure transforms and reads of reference data. */
  readonly enrich: (received: ReadonlyArray<Received<A>>) => Effect.Effect<P, StageError, R>
  /** Runs inside the transaction, whose `afterCommit` is for what is remembered or counted of what was written. */
  readonly store: (prepared: P) => Effect.Effect<Stored, SqlError, SqlClient.SqlClient>
  /** Runs after the batch is published, for what is announced because something changed. */
  readonly announce?: Effect.Effect<void, StageError, SqlClient.SqlClient | R>
}
