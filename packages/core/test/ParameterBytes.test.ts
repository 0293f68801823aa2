import * as PgTypes from "@effect/sql-pg/PgTypes"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { bytesOf } from "../src/ParameterBytes.ts"

const arrayOf = (values: ReadonlyArray<unknown>, elementOid: number) =>
  Result.getOrThrow(PgTypes.array(values, elementOid))

const nullable = <A>(value: fc.Arbitrary<A>) => fc.array(fc.option(value), { maxLength: 12 })

const hexOf = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString("hex")
const expectedHex = (parameter: PgTypes.Parameter) => hexOf(Result.getOrThrow(PgTypes.encodeParameter(parameter)))

const anyParameter = fc.oneof(
  nullable(fc.string({ unit: "grapheme", maxLength: 60 })).map((values) => arrayOf(values, PgTypes.OID.text)),
  nullable(fc.uuid()).map((values) => arrayOf(values, PgTypes.OID.uuid)),
  nullable(fc.uint8Array({ maxLength: 60 })).map((values) => arrayOf(values, PgTypes.OID.bytea)),
  nullable(fc.integer()).map((values) => arrayOf(values, PgTypes.OID.int4)),
  nullable(fc.integer({ min: -32_768, max: 32_767 })).map((values) => arrayOf(values, PgTypes.OID.int2)),
  nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map((values) => arrayOf(values, PgTypes.OID.int8)),
  nullable(fc.boolean()).map((values) => arrayOf(values, PgTypes.OID.bool)),
  nullable(fc.double()).map((values) => arrayOf(values, PgTypes.OID.float8)),
  nullable(fc.float()).map((values) => arrayOf(values, PgTypes.OID.float4)),
  fc.constant(PgTypes.text(null))
)

describe("The bytes of a parameter", () => {
  it("are those that the client would send", () => {
    fc.assert(
      fc.property(anyParameter, (parameter) => {
        assert.strictEqual(hexOf(Result.getOrThrow(bytesOf(parameter))), expectedHex(parameter))
      })
    )
  })

  it("are their own, however large, when the next parameter's are made", () => {
    const large = arrayOf(["я".repeat(100_000), Buffer.alloc(70_000, "a").toString()], PgTypes.OID.text)
    const bytes = Result.getOrThrow(bytesOf(large))
    Result.getOrThrow(bytesOf(arrayOf(["another"], PgTypes.OID.text)))
    assert.isTrue(hexOf(bytes) === expectedHex(large), "the bytes are others")
  })

  it("are none where the type cannot hold the value, and the next parameter is none the worse", () => {
    assert.isTrue(Result.isFailure(bytesOf(arrayOf(["no uuid"], PgTypes.OID.uuid))))
    const next = arrayOf([7], PgTypes.OID.int4)
    assert.strictEqual(hexOf(Result.getOrThrow(bytesOf(next))), expectedHex(next))
  })
})
