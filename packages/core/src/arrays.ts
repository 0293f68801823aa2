/**
 * Columns of a batch as PostgreSQL arrays in binary form. A plain array would have each of its elements inferred by the
 * client and, as text, parsed by the server; whole batches have tens of thousands.
 */
import * as PgTypes from "@effect/sql-pg/PgTypes"
import { Result } from "effect"
import { bytesOf } from "./ParameterBytes.ts"

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

/**
 * An array in the bytes that are sent. For a client with `arrayTypes`; any other refuses them, and with them the record.
 * What cannot be encoded stays as it is, and the client refuses it in the transaction, where the record is isolated.
 */
export const encoded = (array: PgTypes.Parameter): PgTypes.Parameter =>
  Result.match(bytesOf(array), {
    onFailure: () => array,
    onSuccess: (value) => ({ ...array, value })
  })

const arrayOids = [
  PgTypes.OID.uuidArray,
  PgTypes.OID.textArray,
  PgTypes.OID.byteaArray,
  PgTypes.OID.int4Array,
  PgTypes.OID.int8Array
]

/**
 * The built-in types, whose arrays may be encoded already: so that the encoding of a batch need not be done while its
 * transaction holds locks and PostgreSQL waits.
 */
export const arrayTypes: PgTypes.Registry = (() => {
  const types = PgTypes.makeRegistry()
  for (const oid of arrayOids) {
    types.register<unknown>(oid, {
      encode: (value) => (value instanceof Uint8Array ? Result.succeed(value) : PgTypes.encode(value, oid)),
      decode: (bytes) => PgTypes.decode(bytes, oid, 1),
      write: (sink, value) => {
        if (!(value instanceof Uint8Array)) {
          return PgTypes.writeParameter(sink, { [PgTypes.ParameterTypeId]: PgTypes.ParameterTypeId, oid, value })
        }
        sink.raw(value)
        return Result.void
      }
    })
  }
  return types
})()
