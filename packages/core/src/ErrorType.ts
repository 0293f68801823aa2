/** Names a failure for telemetry: OpenTelemetry's `error.type`, of few values, and never a word of the data. */
import { Cause, Option, Predicate } from "effect"
import { isSqlError } from "effect/sql/SqlError"
import { sqlStateOf } from "./Outage.ts"

/** OpenTelemetry's name for a class of error that has none. */
const other = "_OTHER"

const tagOf = (value: unknown): string | undefined =>
  Predicate.hasProperty(value, "_tag") && typeof value._tag === "string" ? value._tag : undefined

/** SQLSTATE of what PostgreSQL refused; else the tag of the error's reason, of the error, or its class. */
const errorTypeOf = (error: unknown): string => {
  if (isSqlError(error)) return sqlStateOf(error) ?? error.reason._tag
  const reason = Predicate.hasProperty(error, "reason") ? tagOf(error.reason) : undefined
  return reason ?? tagOf(error) ?? (error instanceof Error ? error.name : other)
}

/** The kind of what a cause holds; `undefined` when nothing failed, only was interrupted. */
export const errorTypeOfCause = (cause: Cause.Cause<unknown>): string | undefined =>
  Cause.hasInterruptsOnly(cause)
    ? undefined
    : errorTypeOf(Option.getOrElse(Cause.findErrorOption(cause), () => Cause.squash(cause)))
