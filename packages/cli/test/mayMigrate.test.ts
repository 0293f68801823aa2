import { assert, describe, it } from "@effect/vitest"
import { problemOf } from "../src/Migrate.ts"

const server = { version: "15.18 (Debian 15.18-1)", database: "metka", role: "metka", may: true }

describe("Migrating", () => {
  it("names a PostgreSQL that is too old", () => {
    assert.strictEqual(problemOf({ ...server, version: "13.23" }), "this is PostgreSQL 13.23: Metka needs 14 or newer")
    for (const version of ["14.0", "15.18 (Debian 15.18-1)", "19beta1"]) {
      assert.strictEqual(problemOf({ ...server, version }), undefined)
    }
  })

  it("says what to grant to one who may not make schemas", () => {
    assert.match(problemOf({ ...server, may: false }) ?? "", /grant create on database metka to metka$/)
  })
})
