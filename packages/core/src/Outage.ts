/** Two kinds of errors: outages, which are waited out, and refusals, which are the data's fault and name a bad record. */
import { Predicate, Schedule } from "effect"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { KafkaError } from "./Kafka.ts"
import { BadRecord, cleanDetail } from "./messages/BadRecord.ts"
import type { ReferenceUnavailable } from "./ReferenceData.ts"

/** What a stage may fail with. */
export type StageError = SqlError | KafkaError | ReferenceUnavailable

/** The server an error speaks of. */
export const componentOf = (error: StageError): "postgres" | "kafka" | "redis" => {
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

/** Primary keys that a sequence numbers: a violation says that it has given this number before, whatever the data is. */
export const numberedKeys: ReadonlySet<string> = new Set([
  "dead_letters_pkey",
  "order_events_pkey",
  "user_tag_history_pkey"
])

const isBehind = ({ reason }: SqlError): boolean =>
  reason._tag === "UniqueViolation" && numberedKeys.has(reason.constraint)

/** The SQLSTATE of an error, when PostgreSQL gave one: errors of sockets have a code as well, but no severity. */
export const sqlStateOf = ({ reason: { cause } }: SqlError): string | undefined =>
  Predicate.hasProperty(cause, "severity") && Predicate.hasProperty(cause, "code") && typeof cause.code === "string"
    ? cause.code
    : undefined

/** Says that an error is the data's fault, or `undefined` when it is an outage. */
export const refusalOf = (error: StageError): BadRecord | undefined => {
  if (error._tag === "KafkaError" && error.reason._tag === "RecordTooLarge") {
    return new BadRecord({ reason: "refused_by_kafka", detail: cleanDetail(error.message) })
  }
  if (error._tag !== "SqlError") return undefined
  if (isUnencodable(error.reason.cause)) {
    return new BadRecord({ reason: "refused_by_database", detail: cleanDetail(detailOf(error)) })
  }
  const state = sqlStateOf(error)
  if (state === undefined || isBehind(error) || !dataClasses.has(state.slice(0, 2))) return undefined
  return new BadRecord({ reason: "refused_by_database", detail: cleanDetail(`SQLSTATE ${state}: ${detailOf(error)}`) })
}

/** The client could not put a value into PostgreSQL's format: no server is to blame. */
const isUnencodable = (cause: unknown): boolean =>
  Predicate.isTagged(cause, "PgTypesCodecError") || Predicate.isTagged(cause, "PgProtocolEncodeError")

const detailOf = (error: SqlError): string =>
  error.reason.cause instanceof Error ? error.reason.cause.message : error.message

/** What to do about states that a person must mend. */
const advice: Readonly<Record<string, string>> = {
  "3F000": ": run `npm run migrate`",
  "42P01": ": run `npm run migrate`",
  "42703": ": run `npm run migrate`",
  // Any other unique violation is a refusal.
  "23505": ": a sequence is behind its table, as a restore can leave it, and `npm run migrate` moves it on",
  "25006": ": it is a standby, or `default_transaction_read_only` is on",
  "26000": ": a pooler in between must be in session mode",
  // Of Metka's roles each has its commands, and no migration gives it the rights for those of another.
  "42501":
    ": README.md, Roles in PostgreSQL, says which role this is for; if it is the one of DATABASE_URL, run " +
    "`npm run migrate` as the owner of the tables, which gives the roles their rights"
}

const adviceOn = (error: SqlError): string => {
  const state = sqlStateOf(error)
  // PgBouncer gives this one to whatever it refuses, when it is full for example.
  if (state === "08P01" && /unsupported startup parameter/.test(detailOf(error))) {
    return ": a pooler in between must be in session mode, and let these parameters through or ignore them"
  }
  return advice[state ?? ""] ?? ""
}

/**
 * One line on what happened. It goes to logs and to `/health/ready`, and PostgreSQL quotes what it refuses, which may be a
 * guest's name: then the line says no more than the SQLSTATE.
 */
export const withoutAdvice = (error: SqlError): string => {
  const state = sqlStateOf(error)
  if (refusalOf(error) !== undefined) {
    return `PostgreSQL refuses the data (${state === undefined ? "it cannot be encoded" : `SQLSTATE ${state}`}); its own log may say which`
  }
  return `PostgreSQL: ${detailOf(error)}${state === undefined ? "" : ` (SQLSTATE ${state})`}`
}

/** One line on what happened and, where it is known, what to do. */
export const describe = (error: { readonly message: string }): string => {
  if (!isSqlError(error)) return error.message
  return `${withoutAdvice(error)}${refusalOf(error) === undefined ? adviceOn(error) : ""}`
}

/** A transaction that lost to another one: no server is down, and trying again is all there is to do. */
export const isContention = (error: { readonly message: string }): boolean =>
  isSqlError(error) && (error.reason._tag === "DeadlockError" || error.reason._tag === "SerializationError")

/** SQLSTATE classes of a server that cannot answer now: connection, transaction, resources, operator intervention. */
const passingClasses = new Set(["08", "40", "53", "57"])

/** Whether the database may well answer when asked again. */
export const isPassing = (error: { readonly message: string }): boolean => {
  if (!isSqlError(error)) return false
  const state = sqlStateOf(error)
  return error.reason._tag === "ConnectionError" || (state !== undefined && passingClasses.has(state.slice(0, 2)))
}

/** Capped and jittered, for as long as `predicate` holds. */
export const retryWhile = <E>(predicate: (error: E) => boolean) =>
  Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
    Schedule.jittered,
    Schedule.setInputType<E>(),
    Schedule.while(({ input }) => predicate(input))
  )
