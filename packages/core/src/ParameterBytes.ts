/** Parameters of PostgreSQL as the bytes that are sent, each made in memory that serves for all of them. */
import type * as PgProtocol from "@effect/sql-pg/PgProtocol"
import * as PgTypes from "@effect/sql-pg/PgTypes"
import { Result } from "effect"

/** A call into Node.js costs as much as so many characters written one by one. */
const shortText = 48
const lastOfAscii = 127
/** What a batch needs is kept for the next one, what a single huge value needed is not. */
const keptBytes = 4 * 1_048_576
const leastBytes = 65_536

class ParameterBytes implements PgProtocol.ValueSink {
  #bytes = Buffer.allocUnsafeSlow(leastBytes)
  #end = 0
  #isNull = false

  /** A copy of the bytes that a value was written in, or `null`. */
  of(write: (sink: ParameterBytes) => Result.Result<void, PgTypes.CodecError>) {
    this.#end = 0
    this.#isNull = false
    return Result.map(write(this), () => {
      if (this.#isNull) return null
      const bytes = Buffer.allocUnsafeSlow(this.#end)
      this.#bytes.copy(bytes, 0, 0, this.#end)
      if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafeSlow(leastBytes)
      return bytes
    })
  }

  /** Makes place for so many bytes, and says where. */
  #take(size: number): number {
    const at = this.#end
    this.#reserve(size)
    this.#end = at + size
    return at
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + size))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }

  #setInt32(at: number, value: number): void {
    const bytes = this.#bytes
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }

  uint8(value: number): void {
    const at = this.#take(1)
    this.#bytes[at] = value
  }

  int16(value: number): void {
    const at = this.#take(2)
    this.#bytes[at] = value >>> 8
    this.#bytes[at + 1] = value
  }

  int32(value: number): void {
    this.#setInt32(this.#take(4), value)
  }

  float32(value: number): void {
    const at = this.#take(4)
    this.#bytes.writeFloatBE(value, at)
  }

  float64(value: number): void {
    const at = this.#take(8)
    this.#bytes.writeDoubleBE(value, at)
  }

  bigInt64(value: bigint): void {
    const at = this.#take(8)
    this.#bytes.writeBigInt64BE(value, at)
  }

  raw(value: Uint8Array): void {
    const at = this.#take(value.length)
    this.#bytes.set(value, at)
  }

  utf8(value: string): void {
    if (value.length <= shortText && this.#ascii(value)) return
    this.#reserve(value.length * 3)
    this.#end += this.#bytes.write(value, this.#end)
  }

  /** Says `false` where a character is another. */
  #ascii(value: string): boolean {
    const { length } = value
    this.#reserve(length)
    const bytes = this.#bytes
    const start = this.#end
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index)
      if (code > lastOfAscii) return false
      bytes[start + index] = code
    }
    this.#end = start + length
    return true
  }

  sqlNull(): void {
    this.#isNull = true
  }

  beginLength(): number {
    return this.#take(4)
  }

  endLength(at: number): void {
    this.#setInt32(at, this.#end - at - 4)
  }
}

const parameterBytes = new ParameterBytes()

/** The parameter's bytes, `null` for one that is null; fails with what PostgreSQL's type cannot hold. */
export const bytesOf = (parameter: PgTypes.Parameter): Result.Result<Uint8Array | null, PgTypes.CodecError> =>
  parameterBytes.of((sink) => PgTypes.writeParameter(sink, parameter))
