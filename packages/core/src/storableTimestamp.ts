/** Kafka takes any 64-bit number for a timestamp; PostgreSQL takes those of years 1 to 9999 as ISO 8601 text. */

const earliest = -62_135_596_800_000
const latest = 253_402_300_799_999

/** Milliseconds since the epoch, kept within what `timestamptz` holds: what is stored of a record says no less of its time. */
export const storableMillis = (millis: number): number =>
  Math.min(latest, Math.max(earliest, Number.isNaN(millis) ? 0 : millis))

/** The same as text. */
export const storableTimestamp = (millis: number): string => new Date(storableMillis(millis)).toISOString()
