import { assert, describe, it } from "@effect/vitest"
import { ConnectionError, SqlError, UniqueViolation, UnknownError } from "effect/sql/SqlError"
import { KafkaError, KafkaRefused, KafkaUnavailable, RecordTooLarge } from "../src/Kafka.ts"
import { componentOf, describe as describeError, type StageError, refusalOf } from "../src/Outage.ts"
import { ReferenceUnavailable } from "../src/ReferenceData.ts"

const sqlError = (code: string | undefined, message = "no") =>
  new SqlError({ reason: new UnknownError({ cause: Object.assign(new Error(message), { severity: "ERROR", code }) }) })

const kafkaError = (reason: KafkaError["reason"]) => new KafkaError({ operation: "publish", reason })

describe("An error", () => {
  it.each([
    "22P02", // invalid text representation
    "22003", // numeric value out of range
    "22021", // character not in repertoire
    "23505", // unique violation
    "23514", // check violation
    "54000" // program limit exceeded
  ])("of PostgreSQL with %s is the data's fault", (code) => {
    const refusal = refusalOf(sqlError(code, "why"))
    assert.strictEqual(refusal?.reason, "refused_by_database")
    assert.strictEqual(refusal?.detail, `SQLSTATE ${code}: why`)
  })

  it.each([
    "08006", // connection failure
    "25006", // read-only transaction: the server has become a standby
    "28P01", // invalid password
    "40001", // serialization failure
    "40P01", // deadlock
    "42P01", // undefined table: not migrated yet
    "53100", // disk full
    "53300", // too many connections
    "57014", // query cancelled
    "57P01", // the administrator shuts the server down
    "58030", // input or output error
    "XX000", // internal error
    undefined
  ])("of PostgreSQL with %s is an outage, never a dead letter", (code) => {
    assert.isUndefined(refusalOf(sqlError(code)))
  })

  it("of PostgreSQL over a number that a sequence has given before is an outage, and says how the sequence moves on", () => {
    const behind = (constraint: string) =>
      new SqlError({
        reason: new UniqueViolation({
          constraint,
          cause: Object.assign(new Error(`duplicate key value violates "${constraint}"`), {
            severity: "ERROR",
            code: "23505"
          })
        })
      })
    assert.isUndefined(refusalOf(behind("order_events_pkey")))
    assert.match(describeError(behind("order_events_pkey")), /sequence.*npm run migrate/)
    assert.strictEqual(refusalOf(behind("s_order_cost_pkey"))?.reason, "refused_by_database")
  })

  it("of a socket has no SQLSTATE", () => {
    const cause = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), { code: "ECONNREFUSED" })
    const error = new SqlError({ reason: new ConnectionError({ cause }) })
    assert.isUndefined(refusalOf(error))
    assert.strictEqual(describeError(error), "PostgreSQL: connect ECONNREFUSED 127.0.0.1:5432")
  })

  it("of a pooler that refuses a parameter says what to set, and one of a pooler that is full does not", () => {
    const parameter = "unsupported startup parameter: idle_in_transaction_session_timeout"
    assert.match(describeError(sqlError("08P01", parameter)), /must be in session mode/)
    assert.strictEqual(
      describeError(sqlError("08P01", "no more connections allowed (max_client_conn)")),
      "PostgreSQL: no more connections allowed (max_client_conn) (SQLSTATE 08P01)"
    )
  })

  it("of Kafka blames the data for its size only", () => {
    const message = "no"
    assert.strictEqual(refusalOf(kafkaError(new RecordTooLarge({ message })))?.reason, "refused_by_kafka")
    assert.isUndefined(refusalOf(kafkaError(new KafkaUnavailable({ message }))))
    assert.isUndefined(refusalOf(kafkaError(new KafkaRefused({ message }))))
  })

  it("names the server it speaks of", () => {
    const errors: ReadonlyArray<StageError> = [
      sqlError("08006"),
      kafkaError(new KafkaUnavailable({ message: "no" })),
      new ReferenceUnavailable({ message: "no" })
    ]
    assert.deepStrictEqual(errors.map(componentOf), ["postgres", "kafka", "redis"])
    assert.isUndefined(refusalOf(new ReferenceUnavailable({ message: "no" })))
  })

  it("told in a log quotes no data, which may be a guest's name; any other is told in the words of the server", () => {
    for (const code of ["22P02", "22021", "23505", "54000"]) {
      const told = describeError(sqlError(code, 'invalid input syntax for type bigint: "Котова Ольга"'))
      assert.notInclude(told, "Котова")
      assert.include(told, code)
    }
    const unencodable = Object.assign(new Error("Котова Ольга"), { _tag: "PgTypesCodecError" })
    const told = describeError(new SqlError({ reason: new UnknownError({ cause: unencodable }) }))
    assert.notInclude(told, "Котова")
    assert.include(describeError(sqlError("53300", "too many clients already")), "too many clients already")
  })

  it("quotes what was refused in a form that its own dead letter can hold", () => {
    const detail = refusalOf(sqlError("22021", `\u0000 \uD800 ${"x".repeat(10_000)}`))?.detail ?? ""
    assert.isTrue(detail.isWellFormed())
    assert.notInclude(detail, "\u0000")
    assert.isAtMost(detail.length, 3_000)
  })
})
