/**
 * Columns of a batch as PostgreSQL arrays in binary form. A plain array would have each of its elements inferred by the
 * client and, as text, parsed by the server; whole batches have tens of thousands.
 */
import * as PgTypes from "@effect/sql-pg/PgTypes"
import { Result } from "effect"

const arrayOf =
  <A>(elementOid: number) =>
  (values: ReadonlyArray<A | null>): PgTypes.Parameter =>
    Result.getOrThrow(PgTypes.array(values, elementOid))

/** `uuid[]`, from the usual text of 36 characters. */
export const uuids = arrayOf<string>(PgTypes.OID.uuid)

/** `text[]`; cast to another type, the server parses it: `${texts(times)}::timestamp[]`. */
export const texts = arrayOf<string>(PgTypes.OID.text)

/** `bytea[]` */
export const byteas = arrayOf<Uint8Array>(PgTypes.OID.bytea)

/** `integer[]` */
export const int4s = arrayOf<number>(PgTypes.OID.int4)

/** `bigint[]`, from safe integers. */
export const int8s = (values: ReadonlyArray<number>): PgTypes.Parameter =>
  Result.getOrThrow(PgTypes.array(values.map(BigInt), PgTypes.OID.int8))
