/** The zone of days and hours as people see them, from the environment (`BUSINESS_TIME_ZONE`). Stored times are UTC. */
import { Config, type Option, Schema } from "effect"

/** Of an offset like +03:00, PostgreSQL takes the sign the other way. */
const isOffset = (name: string): boolean => /^[+-]/.test(name)

const isTimeZone = (name: string): boolean => {
  if (isOffset(name)) return false
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== ""
  } catch {
    return false
  }
}

const TimeZone = Schema.String.check(
  Schema.makeFilter((name) => isTimeZone(name) || "the name of a time zone, like Europe/Moscow")
)

/** Where it is not set, a database keeps the zone that it has: a new one is made with Europe/Moscow. */
export const businessTimeZone: Config.Config<Option.Option<string>> = Config.option(
  Config.schema(TimeZone, "BUSINESS_TIME_ZONE")
)
