/** Two kinds of errors: outages, which are waited out, and refusals, which are the data's fault and name a bad record. */
import { Predicate, Schedule } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { KafkaError } from "./Kafka.ts"
import { BadRecord, cleanDetail } from "./messages/BadRecord.ts"
import type { ReferenceUnavailable } from "./ReferenceData.ts"

/** What a stage may fail with. */
export type Outage = SqlError | KafkaError | ReferenceUnavailable

/** The server an error speaks of. */
export const componentOf = (error: Outage): "postgres" | "kafka" | "redis" => {
  switch (error._tag) {
    case "SqlError":
      return "postgres"
    case "KafkaError":
      return "kafka"
    case "ReferenceUnavailable":
      return "redis"
  }
}

/** SQLSTATE classes that blame the data: data exception, integrity constraint violation, program limit exceeded. */
const dataClasses = new Set(["22", "23", "54"])

/** The SQLSTATE of an error, when PostgreSQL gave one. */
export const sqlStateOf = (error: SqlError): string | undefined => {
  const cause = error.reason.cause
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined
}

/** Says that an error is the data's fault, or `undefined` when it is an outage. */
export const refusalOf = (error: Outage): BadRecord | undefined => {
  if (error._tag === "KafkaError" && error.reason._tag === "RecordTooLarge") {
    return new BadRecord({ reason: "refused_by_kafka", detail: cleanDetail(error.message) })
  }
  if (error._tag !== "SqlError") return undefined
  if (isUnencodable(error.reason.cause)) {
    return new BadRecord({ reason: "refused_by_database", detail: cleanDetail(detailOf(error)) })
  }
  const state = sqlStateOf(error)
  if (state === undefined || !dataClasses.has(state.slice(0, 2))) return undefined
  return new BadRecord({ reason: "refused_by_database", detail: cleanDetail(`SQLSTATE ${state}: ${detailOf(error)}`) })
}

/** The client could not put a value into PostgreSQL's format: no server is to blame. */
const isUnencodable = (cause: unknown): boolean =>
  Predicate.isTagged(cause, "PgTypesCodecError") || Predicate.isTagged(cause, "PgProtocolEncodeError")

const detailOf = (error: SqlError): string =>
  error.reason.cause instanceof Error ? error.reason.cause.message : error.message

/** Capped and jittered, for as long as `predicate` holds. */
export const retryWhile = <E>(predicate: (error: E) => boolean) =>
  Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
    Schedule.jittered,
    Schedule.setInputType<E>(),
    Schedule.while(({ input }) => predicate(input))
  )
